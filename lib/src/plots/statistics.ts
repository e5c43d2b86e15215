import { mean, standardDeviation } from '../statistics';
import { extent, requireDrawable, requireSameLength, requireSome, type Numbers } from './numbers';

/**
 * What the shading around a curve over several seeds means: smallest to largest (`'range'`), the mean plus and minus one
 * sample standard deviation (`'deviation'`), or first to third quartile around the median (`'quartiles'`).
 */
export type Band = 'range' | 'deviation' | 'quartiles';

/** One value per position, over the seeds; `NaN` where one of the seeds is not finite. */
export interface SeedBand {
  /** Mean over the seeds (for `'quartiles'` the median). */
  center: Float64Array;
  low: Float64Array;
  high: Float64Array;
}

/**
 * Summarises the same curve measured with several seeds.
 *
 * @param seeds One array per seed, all of the same length.
 * @param band Meaning of `low` and `high`; default `'range'`.
 * @throws RangeError if there is no seed, or if the lengths differ.
 *
 * @example
 * seedBand([[1, 4], [3, 8]]); // center 2, 6 · low 1, 4 · high 3, 8
 */
export function seedBand(seeds: readonly Numbers[], band: Band = 'range'): SeedBand {
  requireSome('seedBand: the list of seeds', seeds);
  const first = seeds[0]!;
  seeds.forEach((seed, i) => requireSameLength('seedBand', ['seed 0', first], [`seed ${i}`, seed]));
  const summary: SeedBand = {
    center: new Float64Array(first.length),
    low: new Float64Array(first.length),
    high: new Float64Array(first.length),
  };
  for (let i = 0; i < first.length; i++) {
    const [low, center, high] = summarise(
      seeds.map((seed) => seed[i]!),
      band,
    );
    summary.low[i] = low;
    summary.center[i] = center;
    summary.high[i] = high;
  }
  return summary;
}

function summarise(values: number[], band: Band): [low: number, center: number, high: number] {
  // A run that diverged must not vanish from the mean of its group.
  if (!values.every(Number.isFinite)) return [NaN, NaN, NaN];
  const center = mean(values);
  switch (band) {
    case 'range':
      return [Math.min(...values), center, Math.max(...values)];
    case 'deviation': {
      const deviation = standardDeviation(values);
      return [center - deviation, center, center + deviation];
    }
    case 'quartiles':
      return [quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75)];
  }
}

/**
 * Quantile of the finite values, linearly interpolated between order statistics (NumPy's default).
 *
 * @param probability Between 0 (minimum) and 1 (maximum).
 * @throws RangeError if there is no finite value or the probability is outside [0, 1].
 *
 * @example
 * quantile([1, 2, 3, 4], 0.5); // 2.5
 */
export function quantile(values: Numbers, probability: number): number {
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`quantile: the probability must lie between 0 and 1, got ${probability}.`);
  }
  requireDrawable('quantile: values', values);
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  const position = probability * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

/**
 * Means of consecutive groups of `size` values; the last group may be smaller.
 *
 * @example
 * groupMeans([1, 3, 5, 7, 9], 2); // 2, 6, 9
 */
export function groupMeans(values: Numbers, size: number): Float64Array {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`groupMeans: the size of a group must be a positive integer, got ${size}.`);
  }
  return Float64Array.from({ length: Math.ceil(values.length / size) }, (_, group) => {
    const end = Math.min((group + 1) * size, values.length);
    let sum = 0;
    for (let i = group * size; i < end; i++) sum += values[i]!;
    return sum / (end - group * size);
  });
}

/**
 * Edges of `count` bins that cover the range; equally wide, or equally wide on a logarithmic axis.
 *
 * @returns `count + 1` increasing numbers.
 */
export function binEdges([low, high]: readonly [number, number], count: number, log = false): Float64Array {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`binEdges: the number of bins must be a positive integer, got ${count}.`);
  }
  if (!(high > low) || (log && !(low > 0))) {
    throw new RangeError(
      `binEdges: the range must increase${log ? ' and be positive on a logarithmic axis' : ''}, got [${low}, ${high}].`,
    );
  }
  return Float64Array.from({ length: count + 1 }, (_, i) => {
    if (i === 0) return low;
    if (i === count) return high;
    return log ? low * (high / low) ** (i / count) : low + ((high - low) * i) / count;
  });
}

/**
 * How many values lie in each bin; a bin contains its lower edge, the last one its upper edge too. Values outside and
 * values that are not finite are not counted.
 */
export function binCounts(values: Numbers, edges: Numbers): Float64Array {
  const counts = new Float64Array(edges.length - 1);
  const last = counts.length;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value >= edges[0]! && value <= edges[last]!)) continue;
    let below = 0;
    let above = last;
    while (above - below > 1) {
      const middle = (below + above) >> 1;
      if (value >= edges[middle]!) below = middle;
      else above = middle;
    }
    counts[below]! += 1;
  }
  return counts;
}

/**
 * Levels for the contours of a positive function, equally spaced on a logarithmic scale from its smallest to its largest value.
 *
 * @param count Number of levels, at least 2; default 12.
 * @throws RangeError if no value is positive.
 *
 * @example
 * logLevels([1, 10, 1000], 4); // 1, 10, 100, 1000
 */
export function logLevels(values: Numbers, count = 12): Float64Array {
  requireDrawable('logLevels: values', values, { positive: true });
  if (!Number.isInteger(count) || count < 2) {
    throw new RangeError(`logLevels: the number of levels must be an integer of at least 2, got ${count}.`);
  }
  const [low, high] = extent(values, (value) => Number.isFinite(value) && value > 0);
  return Float64Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));
}
