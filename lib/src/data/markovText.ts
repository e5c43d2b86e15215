import { random, tf } from '../runtime';
import { valuesOf } from '../runtime/memory';
import { cumulative, pick } from './categorical';

export interface MarkovTextOptions {
  /** Number of different tokens. */
  readonly states: number;
  /** Of the successors of a token, summing to 1; default 0.6, 0.2, 0.15 and 0.05. */
  readonly probabilities?: readonly number[];
  /** Id of the first token; the ids below it stay free for padding or a mask. Default 0. */
  readonly firstId?: number;
  /** Which tokens follow which; default 0. */
  readonly seed?: number;
}

/** A language in which the next token depends on the present one only. */
export interface MarkovText {
  /** Ids that may follow each token, the most probable first; as many as there are probabilities. */
  readonly successors: readonly Int32Array[];
  /** Entropy of the next token given the present one, in nats: no model predicts with a lower mean loss. */
  readonly entropy: number;
  /**
   * Texts, each beginning with a uniformly distributed token.
   *
   * @param options.seed Which texts; default 0.
   * @returns int32 [count, length].
   * @throws RangeError if the count or the length is not a positive integer.
   */
  draw(options: { count: number; length: number; seed?: number }): tf.Tensor2D;
}

/**
 * A synthetic language: each token has a few successors, drawn once, with the same probabilities for all tokens. It is
 * learned within hundreds of steps, and the best loss is known.
 *
 * @throws RangeError if the probabilities do not sum to 1 or there are fewer tokens than successors.
 *
 * @example
 * const language = markovText({ states: 300, seed: 1 });
 * const texts = language.draw({ count: 1024, length: 24 }); // [1024, 24]
 */
export function markovText(options: MarkovTextOptions): MarkovText {
  const { states, probabilities = [0.6, 0.2, 0.15, 0.05], firstId = 0, seed = 0 } = options;
  const cdf = cumulative(probabilities, 'Probabilities of successors');
  const fanOut = probabilities.length;
  if (!Number.isInteger(states) || states < fanOut) {
    throw new RangeError(
      `A language with ${fanOut} successors of each token has at least as many tokens, but ${states} were asked for.`,
    );
  }
  const uniform = (stream: number, label: string, count: number) =>
    valuesOf(() => random(stream).fork(label).uniform([count]));
  const choices = uniform(seed, 'successors', states * fanOut);
  const successors = Array.from({ length: states }, (_, state) =>
    distinct(states, choices.slice(state * fanOut, (state + 1) * fanOut)).map((next) => next + firstId),
  );
  return {
    successors,
    entropy: -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0),
    draw: ({ count, length, seed: textSeed = 0 }) => {
      if (![count, length].every((size) => Number.isInteger(size) && size > 0)) {
        throw new RangeError(`Texts are drawn in positive numbers and lengths, but got ${count} × ${length}.`);
      }
      const noise = uniform(textSeed, 'texts', count * length);
      const tokens = new Int32Array(count * length);
      noise.forEach((u, at) => {
        const first = at % length === 0;
        const previous = successors[(tokens[at - 1] ?? 0) - firstId];
        tokens[at] = first
          ? firstId + Math.min(states - 1, Math.floor(u * states))
          : (previous as Int32Array)[pick(cdf, u)]!;
      });
      return tf.tensor2d(tokens, [count, length], 'int32');
    },
  };
}

/** As many different integers below n as there are uniform numbers: the first steps of a shuffle. */
function distinct(n: number, uniform: ArrayLike<number>): Int32Array {
  const moved = new Map<number, number>();
  return Int32Array.from(uniform, (u, i) => {
    const j = Math.min(n - 1, i + Math.floor(u * (n - i)));
    const chosen = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    return chosen;
  });
}
