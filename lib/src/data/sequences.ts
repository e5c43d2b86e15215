import { tf } from '../runtime';
import type { Vocabulary } from './texts';

/**
 * Texts one after the other as one row of ids.
 *
 * @example
 * const tokens = encodeTexts(loadTangPoems(), vocabulary);
 */
export function encodeTexts(texts: readonly string[], vocabulary: Vocabulary): Int32Array {
  return Int32Array.from(texts.flatMap((text) => vocabulary.encode(text)));
}

/**
 * Cuts a row of tokens into sequences of equal length, each with the tokens that follow its own: examples for a model that
 * predicts the next token. What remains at the end is left out.
 *
 * @param options.length Tokens per sequence.
 * @param options.count Sequences at most; default as many as there are.
 * @returns Both int32 [sequences, length]; `next[i][j]` follows `inputs[i][j]`.
 * @throws RangeError if the tokens do not fill one sequence.
 *
 * @example
 * const { inputs, next } = nextTokenExamples(tokens, { length: 32 });
 * // in a step: crossEntropy(model.apply(tf.gather(inputs, rows)), tf.gather(next, rows).reshape([-1]))
 */
export function nextTokenExamples(
  tokens: Int32Array,
  { length, count = Infinity }: { length: number; count?: number },
): { inputs: tf.Tensor2D; next: tf.Tensor2D } {
  const sequences = Math.min(count, Math.floor((tokens.length - 1) / length));
  if (!Number.isInteger(length) || length < 1 || !(sequences >= 1)) {
    throw new RangeError(
      `${tokens.length} tokens and their successors do not fill one sequence of length ${length}; ` +
        `the length is an integer from 1 to ${tokens.length - 1}.`,
    );
  }
  const cut = (offset: number) =>
    tf.tensor2d(tokens.slice(offset, offset + sequences * length), [sequences, length], 'int32');
  return { inputs: cut(0), next: cut(1) };
}
