import { random } from '../runtime';
import { valuesOf } from '../runtime/memory';
import { cumulative, pick } from './categorical';

/** The distribution of words in texts; see {@link zipf}. */
export interface Zipf {
  /** Of each token, falling; token 0 is the most frequent. They sum to 1. */
  readonly probabilities: Float64Array;
  /** Entropy in nats. */
  readonly entropy: number;
  /**
   * Independent tokens.
   *
   * @param seed Default 0.
   */
  draw(count: number, seed?: number): Int32Array;
}

/**
 * Zipf's law: the token of rank r occurs with a probability proportional to $r^{-s}$. Few tokens make up most of a text, and
 * most tokens are rare.
 *
 * @param options.size Number of tokens.
 * @param options.exponent s; default 1, about that of natural texts.
 * @throws RangeError if the size is not a positive integer or the exponent is negative.
 *
 * @example
 * const tokens = zipf({ size: 1000, exponent: 1.2 }).draw(480_000, 1);
 *
 * @see Zipf (1949), Human Behavior and the Principle of Least Effort.
 */
export function zipf({ size, exponent = 1 }: { size: number; exponent?: number }): Zipf {
  if (!Number.isInteger(size) || size < 1 || !(exponent >= 0)) {
    throw new RangeError(
      `Zipf's law takes a positive number of tokens and an exponent of at least 0, but got ${size} and ${exponent}.`,
    );
  }
  const weights = Float64Array.from({ length: size }, (_, rank) => (rank + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const probabilities = weights.map((weight) => weight / total);
  const sums = cumulative(probabilities, 'The probabilities of tokens');
  return {
    probabilities,
    entropy: -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0),
    draw: (count, seed = 0) => {
      const uniform = valuesOf(() => random(seed).uniform([count]));
      return Int32Array.from(uniform, (u) => pick(sums, u));
    },
  };
}
