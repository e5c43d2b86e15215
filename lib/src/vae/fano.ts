/**
 * How often a label can be guessed right at most from a code with so much information about it, where all classes are
 * equally probable: Fano's inequality, solved for the accuracy.
 *
 * $$H(y)-I\le h(e)+e\log(k-1)$$
 *
 * with the share of errors e and the entropy h of a coin.
 *
 * @param information I(z; y) in nats, or an upper bound on it such as the rate of a bottleneck.
 * @param classes k, at least 2.
 * @returns An accuracy between 1 / k and 1.
 *
 * @example
 * fanoBound(0, 10); // 0.1
 * fanoBound(Math.log(10), 10); // 1
 */
export function fanoBound(information: number, classes: number): number {
  const left = Math.log(classes) - information;
  if (left <= 0) return 1;
  const xlogx = (x: number) => (x > 0 ? x * Math.log(x) : 0);
  const allowed = (right: number) =>
    (1 - right) * Math.log(classes - 1) - xlogx(right) - xlogx(1 - right) >= left;
  let [low, high] = [1 / classes, 1];
  // Beyond 1 / k the right side falls.
  for (let halving = 0; halving < 50; halving++) {
    const middle = (low + high) / 2;
    if (allowed(middle)) low = middle;
    else high = middle;
  }
  return low;
}
