/** Statistics of a few numbers, in float64. A value that is not finite makes the result so: a run that diverged must not vanish. */

/** Numbers in a row. */
export type Values = ArrayLike<number>;

/** @throws RangeError for no values. */
function requireSome(what: string, values: Values): void {
  if (values.length === 0) throw new RangeError(`${what} of no values does not exist.`);
}

/**
 * Sum of the values.
 *
 * @example
 * sum([1, 2, 3]); // 6
 */
export function sum(values: Values): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/**
 * Arithmetic mean.
 *
 * @throws RangeError for no values.
 *
 * @example
 * mean([1, 2, 6]); // 3
 */
export function mean(values: Values): number {
  requireSome('The mean', values);
  return sum(values) / values.length;
}

/**
 * Root of the mean square.
 *
 * @throws RangeError for no values.
 *
 * @example
 * rms([3, 4, 5]); // 4.08
 */
export function rms(values: Values): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! ** 2;
  requireSome('The root mean square', values);
  return Math.sqrt(squares / values.length);
}

/**
 * The value in the middle; of an even number of values the mean of the two in the middle.
 *
 * @throws RangeError for no values.
 *
 * @example
 * median([4, 1, 3, 2]); // 2.5
 */
export function median(values: Values): number {
  requireSome('The median', values);
  const sorted = Float64Array.from(values).sort();
  // NaN is sorted to the end, where the middle would not see it.
  if (Number.isNaN(sorted[sorted.length - 1])) return NaN;
  const below = sorted[(sorted.length - 1) >> 1]!;
  const above = sorted[sorted.length >> 1]!;
  return below === above ? below : (below + above) / 2;
}

/**
 * Sample standard deviation: the root of the squared deviations from the mean over n − 1; of one value 0.
 *
 * @throws RangeError for no values.
 *
 * @example
 * standardDeviation([1, 2, 3]); // 1
 */
export function standardDeviation(values: Values): number {
  const center = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - center) ** 2;
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

/**
 * Standard error of the mean: the sample standard deviation over √n.
 *
 * @throws RangeError for no values.
 *
 * @example
 * standardError([1, 2, 3]); // 0.577
 */
export function standardError(values: Values): number {
  return standardDeviation(values) / Math.sqrt(values.length);
}

/** @throws RangeError for lists of different lengths. */
function requireAlike(what: string, a: Values, b: Values): void {
  if (a.length === b.length) return;
  throw new RangeError(`${what} needs as many values in both lists; got ${a.length} and ${b.length}.`);
}

/**
 * Inner product.
 *
 * @throws RangeError for vectors of different lengths.
 *
 * @example
 * dot([1, 2], [3, 4]); // 11
 */
export function dot(a: Values, b: Values): number {
  requireAlike('dot', a, b);
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

/**
 * Cosine of the angle between two vectors; `NaN` where one of them is 0.
 *
 * @throws RangeError for vectors of different lengths.
 *
 * @example
 * cosine([1, 0], [1, 1]); // 0.707
 */
export function cosine(a: Values, b: Values): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/**
 * Mean of the differences `first[i] − second[i]` and its standard error: two candidates compared seed by seed, so that
 * what a seed does to both of them drops out.
 *
 * @throws RangeError for no values, or lists of different lengths.
 *
 * @example
 * pairedDifference([3, 5], [1, 2]); // { mean: 2.5, error: 0.5 }
 */
export function pairedDifference(first: Values, second: Values): { mean: number; error: number } {
  requireAlike('pairedDifference', first, second);
  const differences = Array.from(first, (value, i) => value - second[i]!);
  return { mean: mean(differences), error: standardError(differences) };
}

/**
 * Φ(x): the share of a standard normal distribution that lies below x. Exact to about 1e-15.
 *
 * @example
 * normalCdf(1.96); // 0.975
 *
 * @see Marsaglia (2004), Evaluating the Normal Distribution, Journal of Statistical Software 11(4).
 */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  // Φ(x) = ½ + φ(x)(x + x³/3 + x⁵/(3·5) + …)
  let total = x;
  let term = x;
  for (let previous = NaN, odd = 3; total !== previous; odd += 2) {
    previous = total;
    term *= (x * x) / odd;
    total += term;
  }
  return 0.5 + (total * Math.exp(-(x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/**
 * Where measured values have their maximum over a logarithmic grid, such as accuracies over learning rates: the top of the
 * parabola in log x through the largest value and its two neighbours. `NaN` where the largest value is the first or the
 * last: the grid does not bracket it.
 *
 * @param x Increasing, greater than 0.
 * @param y One value per x.
 * @throws RangeError for fewer than three points, or lengths that differ.
 *
 * @example
 * peak([1, 2, 4, 8], [0.1, 0.5, 0.5, 0.1]); // 2.83, half-way between 2 and 4
 */
export function peak(x: Values, y: Values): number {
  if (x.length < 3 || x.length !== y.length) {
    throw new RangeError(`peak: as many values as x, at least three; got ${x.length} and ${y.length}.`);
  }
  const top = Array.from(y).indexOf(Math.max(...Array.from(y)));
  if (top <= 0 || top === x.length - 1) return NaN;
  const [left, middle, right] = [top - 1, top, top + 1].map((i) => Math.log(x[i]!)) as [
    number,
    number,
    number,
  ];
  const before = (y[top]! - y[top - 1]!) / (middle - left);
  const after = (y[top + 1]! - y[top]!) / (right - middle);
  // The slopes of the two chords belong to their midpoints; where the line between them is 0, the parabola has its top.
  const [from, to] = [(left + middle) / 2, (middle + right) / 2];
  return Math.exp(before === after ? middle : from + ((to - from) * before) / (before - after));
}
