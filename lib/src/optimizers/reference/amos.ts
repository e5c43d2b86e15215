import { at, type Twin, type TwinOptions } from './twin';

export interface AmosTwinOptions extends TwinOptions {
  scale?: number;
  /** For each element, the number of the slot element that it shares with others; none: one for all. */
  shared?: readonly number[];
  beta?: number;
  epsilon?: number;
  cCoefficient?: number;
  dCoefficient?: number;
  momentum?: number;
  extraL2?: number;
}

/** Amos in float64: article 04, of Tian and Parikh. `size`: number of elements of the parameter. */
export function amos(size: number, options: AmosTwinOptions = {}): Twin {
  const {
    learningRate = 0.01,
    weightDecay = 0,
    scale = 0.5,
    shared = new Array<number>(size).fill(0),
  } = options;
  const { beta = 0.999, epsilon = 2 ** -125, cCoefficient = 0.25, dCoefficient = 0.25 } = options;
  const { momentum = 0, extraL2 = 0 } = options;
  const slots = Math.max(0, ...shared) + 1;
  const [v, b, M] = [new Float64Array(slots), new Float64Array(slots), new Float64Array(size)];
  let t = 0;
  return {
    state: { secondMoment: v, accumulatedDecay: b, ...(momentum > 0 && { momentum: M }) },
    step(theta, g) {
      t += 1;
      const xi = at(learningRate, t);
      const meanSquare = v.map((_, j) => {
        const of = g.filter((_, i) => shared[i] === j);
        return of.reduce((sum, gi) => sum + gi ** 2, 0) / (of.length || 1);
      });
      v.forEach((vj, j) => (v[j] = beta * vj + (1 - beta) * (meanSquare[j] ?? 0)));
      const r = v.map((vj) => (1 - beta ** t) / Math.max(vj, epsilon));
      const gamma = b.map(
        (bj, j) =>
          (1 + cCoefficient * Math.sqrt(xi) * bj) ** -0.5 * xi ** 2 * (r[j] ?? 0) * (meanSquare[j] ?? 0),
      );
      const d = b.map((bj) => 1 / (1 + dCoefficient * Math.sqrt(xi * scale) * bj));
      const next = theta.map((x, i) => {
        const j = shared[i] ?? 0;
        const delta =
          (d[j] ?? 0) *
          (xi * scale * Math.sqrt(r[j] ?? 0) * (g[i] ?? 0) + ((gamma[j] ?? 0) / 2 + extraL2) * x);
        M[i] = momentum * (M[i] ?? 0) + (1 - momentum) * delta;
        return x - (M[i] ?? 0) - xi * scale * at(weightDecay, t) * x;
      });
      b.forEach((bj, j) => (b[j] = bj + (gamma[j] ?? 0) * (1 + bj)));
      return next;
    },
  };
}
