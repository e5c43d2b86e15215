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
