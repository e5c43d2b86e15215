/**
 * The running sums of probabilities.
 *
 * @throws RangeError if one is negative or they do not sum to 1.
 */
export function cumulative(probabilities: ArrayLike<number>, name: string): Float64Array {
  let sum = 0;
  const sums = Float64Array.from(probabilities, (p) => (sum += p));
  const negative = Array.from(probabilities).find((p) => !(p >= 0));
  if (negative !== undefined || !(Math.abs(sum - 1) < 1e-6)) {
    throw new RangeError(
      `${name} are not negative and sum to 1, but these ${negative === undefined ? `sum to ${sum}` : `hold ${negative}`}.`,
    );
  }
  return sums;
}

/** The position into which a uniform number in [0, 1) falls: each with its probability. */
export function pick(cumulativeSums: Float64Array, uniform: number): number {
  let [low, high] = [0, cumulativeSums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulativeSums[middle] as number) > uniform) high = middle;
    else low = middle + 1;
  }
  return low;
}
