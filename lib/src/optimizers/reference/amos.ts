import { at, each, type Twin, type TwinOptions } from './twin';

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
      const meanSquare = meanOf(
        g.map((gi) => gi ** 2),
        shared,
        slots,
      );
      v.set(each((vj, mj) => beta * vj + (1 - beta) * mj, v, meanSquare));
      const r = v.map((vj) => (1 - beta ** t) / Math.max(vj, epsilon));
      const c = b.map((bj) => (1 + cCoefficient * Math.sqrt(xi) * bj) ** -0.5);
      const gamma = each((cj, rj, mj) => cj * xi ** 2 * rj * mj, c, r, meanSquare);
      const d = b.map((bj) => 1 / (1 + dCoefficient * Math.sqrt(xi * scale) * bj));
      const spread = (of: Float64Array): Float64Array => Float64Array.from(shared, (j) => of[j]!);
      const step = each((rj, gi) => xi * scale * Math.sqrt(rj) * gi, spread(r), g);
      const shrink = each((gj, x) => (gj / 2 + extraL2) * x, spread(gamma), theta);
      const delta = each((dj, si, li) => dj * (si + li), spread(d), step, shrink);
      M.set(each((Mi, di) => momentum * Mi + (1 - momentum) * di, M, delta));
      b.set(each((bj, gj) => bj + gj * (1 + bj), b, gamma));
      const decay = xi * scale * at(weightDecay, t);
      return each((x, Mi) => x - Mi - decay * x, theta, M);
    },
  };
}

/** The mean of the elements that share a slot, for each slot. */
function meanOf(of: Float64Array, shared: readonly number[], slots: number): Float64Array {
  const [sum, count] = [new Float64Array(slots), new Float64Array(slots)];
  shared.forEach((j, i) => {
    sum[j]! += of[i]!;
    count[j]! += 1;
  });
  return each((total, n) => total / (n || 1), sum, count);
}
