/**
 * Standard deviation of a standard normal variable that is drawn again until it lies within ±`cut`.
 *
 * Its variance is γ = 1 − 2cφ(c) / (2Φ(c) − 1), with the density φ and the distribution function Φ of the normal
 * distribution. Since 2Φ(c) − 1 = 2φ(c) (c + c³/3 + c⁵/(3·5) + …), the density cancels, and γ = 1 − 1 / (1 + c²/3 + c⁴/(3·5) + …).
 *
 * @param cut In standard deviations of the distribution before it is cut; default 2, where TensorFlow cuts. At most 30.
 * @throws RangeError if the cut is not a positive number up to 30.
 *
 * @example
 * 0.02 * truncatedStandardDeviation(); // 0.01759: what BERT's "0.02" is
 */
export function truncatedStandardDeviation(cut = 2): number {
  if (!(cut > 0 && cut <= 30)) {
    throw new RangeError(
      `A normal distribution is cut at a positive number of deviations, at most 30, got ${cut}.`,
    );
  }
  let rest = 0;
  for (let n = 1, term = 1; term > Number.EPSILON * rest; n++) {
    term *= cut ** 2 / (2 * n + 1);
    rest += term;
  }
  // (3.1), with rest / (1 + rest) for 1 − 1 / (1 + rest): nothing cancels where the cut is small.
  return Math.sqrt(rest / (1 + rest));
}
