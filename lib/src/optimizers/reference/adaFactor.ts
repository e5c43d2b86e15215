import { at, type Twin, type TwinOptions } from './twin';

/** For each element, the numbers of its row, its column and the matrix they are in. */
export type Factors = Record<'row' | 'column' | 'matrix', readonly number[]>;

export interface AdaFactorTwinOptions extends TwinOptions {
  /** None: unfactored. */
  factors?: Factors;
  decayExponent?: number;
  clipThreshold?: number | null;
  beta1?: number;
  epsilon1?: number;
  epsilon2?: number;
  scaleByParameter?: boolean;
}

/**
 * AdaFactor in float64: article 01. It keeps the full average of g² and takes its rows' and columns' sums when it needs
 * them, which is the same, because sums and averages commute (AF-5).
 */
export function adaFactor(size: number, options: AdaFactorTwinOptions = {}): Twin {
  const { learningRate = (t: number) => Math.min(0.01, t ** -0.5), weightDecay = 0, factors } = options;
  const { decayExponent = 0.8, clipThreshold = 1, beta1 = 0, epsilon1 = 1e-30, epsilon2 = 1e-3 } = options;
  const [full, m] = [new Float64Array(size), new Float64Array(size)];
  let t = 0;
  return {
    state: { ...(!factors && { secondMoment: full }), ...(beta1 > 0 && { firstMoment: m }) },
    step(theta, g) {
      t += 1;
      const beta = 1 - t ** -decayExponent;
      g.forEach((gi, i) => (full[i] = beta * (full[i] ?? 0) + (1 - beta) * (gi ** 2 + epsilon1)));
      const v = factors ? factored(full, factors) : full;
      const u = g.map((gi, i) => gi / Math.sqrt(v[i] ?? 0));
      const clip = clipThreshold === null ? 1 : Math.max(1, rms(u) / clipThreshold);
      u.forEach((ui, i) => (m[i] = beta1 * (m[i] ?? 0) + ((1 - beta1) * ui) / clip));
      const scale = (options.scaleByParameter ?? true) ? Math.max(epsilon2, rms(theta)) : 1;
      return theta.map((x, i) => x - at(learningRate, t) * scale * ((m[i] ?? 0) + at(weightDecay, t) * x));
    },
  };
}

/** R_i K_j / S: row sum times column sum by the total of the matrix. */
function factored(full: Float64Array, { row, column, matrix }: Factors): Float64Array {
  const sums = (of: readonly number[]): number[] => {
    const totals: number[] = [];
    full.forEach((value, i) => (totals[of[i] ?? 0] = (totals[of[i] ?? 0] ?? 0) + value));
    return of.map((key) => totals[key] ?? 0);
  };
  const [r, k, s] = [sums(row), sums(column), sums(matrix)];
  return full.map((_, i) => ((r[i] ?? 0) * (k[i] ?? 0)) / (s[i] ?? 0));
}

const rms = (x: Float64Array): number =>
  Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0) / (x.length || 1));
