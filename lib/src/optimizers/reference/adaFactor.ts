import { at, each, type Twin, type TwinOptions } from './twin';

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
      const [alpha, lambda] = [at(learningRate, t), at(weightDecay, t)];
      full.set(each((vi, gi) => beta * vi + (1 - beta) * (gi ** 2 + epsilon1), full, g));
      const v = factors ? factored(full, factors) : full;
      const u = each((gi, vi) => gi / Math.sqrt(vi), g, v);
      const clip = clipThreshold === null ? 1 : Math.max(1, rms(u) / clipThreshold);
      m.set(each((mi, ui) => beta1 * mi + ((1 - beta1) * ui) / clip, m, u));
      const scale = (options.scaleByParameter ?? true) ? Math.max(epsilon2, rms(theta)) : 1;
      return each((x, mi) => x - alpha * scale * (mi + lambda * x), theta, m);
    },
  };
}

/** R_i K_j / S: row sum times column sum by the total of the matrix. */
function factored(full: Float64Array, { row, column, matrix }: Factors): Float64Array {
  return each((r, k, s) => (r * k) / s, sums(full, row), sums(full, column), sums(full, matrix));
}

/** For each element the sum of all that have its key. */
function sums(full: Float64Array, keys: readonly number[]): Float64Array {
  const totals = new Float64Array(Math.max(-1, ...keys) + 1);
  keys.forEach((key, i) => (totals[key]! += full[i]!));
  return Float64Array.from(keys, (key) => totals[key]!);
}

const rms = (x: Float64Array): number =>
  Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0) / (x.length || 1));
