/**
 * How often each token occurs.
 *
 * @param tokens Ids.
 * @param size Number of different ids.
 * @returns `size` counts.
 * @throws RangeError if an id is not below `size`.
 *
 * @example
 * tokenCounts([0, 2, 2], 4); // [1, 0, 2, 0]
 */
export function tokenCounts(tokens: ArrayLike<number>, size: number): Int32Array {
  const counts = new Int32Array(size);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as number;
    const count = counts[token];
    if (count === undefined) {
      throw new RangeError(`There are ids 0 … ${size - 1}, but token ${i} of the text is ${token}.`);
    }
    counts[token] = count + 1;
  }
  return counts;
}

/**
 * Tokens in groups of (nearly) equal size by falling frequency, for statistics over frequent and rare ones; tokens that
 * occur equally often stand in the order of their ids.
 *
 * @param groups Number of groups; default 5, quintiles.
 * @returns The ids of each group, the most frequent first.
 * @throws RangeError if there are more groups than tokens.
 *
 * @example
 * const [frequent, , , , rare] = frequencyGroups(tokenCounts(tokens, 1000));
 */
export function frequencyGroups(counts: ArrayLike<number>, groups = 5): number[][] {
  const size = counts.length;
  if (!Number.isInteger(groups) || groups < 1 || groups > size) {
    throw new RangeError(`${size} tokens make 1 to ${size} groups, but ${groups} were asked for.`);
  }
  const order = Array.from({ length: size }, (_, id) => id).sort((a, b) => counts[b]! - counts[a]! || a - b);
  return Array.from({ length: groups }, (_, group) =>
    order.slice(Math.round((group * size) / groups), Math.round(((group + 1) * size) / groups)),
  );
}
