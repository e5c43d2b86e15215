import { tf, type Random } from '../runtime';

export interface MaskingOptions {
  /** Draws; a stream that goes on, so that each call masks other tokens. */
  readonly random: Random;
  /** Id that stands for a masked token; it needs a row of the embeddings. */
  readonly maskId: number;
  /** Number of ids from which a random replacement is drawn: `firstId` … `vocabulary` − 1. */
  readonly vocabulary: number;
  /** Portion of the tokens that are to be predicted; default 0.15. */
  readonly rate?: number;
  /** Of those, the portion that is replaced by the mask; default 0.8. */
  readonly masked?: number;
  /** Of those, the portion that is replaced by a random token; default 0.1. The rest stays as it is. */
  readonly replaced?: number;
  /** Ids below it (padding, unknown) are never chosen; default 0. */
  readonly firstId?: number;
}

/** A text with gaps. */
export interface MaskedTokens {
  /** What the model sees, int32, of the shape of the tokens. */
  readonly inputs: tf.Tensor;
  /** 1 where the original token is to be predicted, else 0; float32, of the same shape. */
  readonly chosen: tf.Tensor;
}

/**
 * Chooses tokens that a masked language model has to predict, and hides most of them, as BERT does. It draws anew at every
 * call, in a compiled step too.
 *
 * @param tokens int32 of any shape.
 * @throws RangeError if a portion lies outside of [0, 1], or `masked` and `replaced` sum to more than 1.
 *
 * @example
 * // In the step, with `crossEntropy(logits, tokens.reshape([-1]), chosen.reshape([-1]))` as the loss:
 * const { inputs, chosen } = maskTokens(tokens, { random, maskId: 300, vocabulary: 300 });
 *
 * @see Devlin et al. (2018), BERT, arXiv 1810.04805, section 3.1.
 */
export function maskTokens(tokens: tf.Tensor, options: MaskingOptions): MaskedTokens {
  const { random, maskId, vocabulary, rate = 0.15, masked = 0.8, replaced = 0.1, firstId = 0 } = options;
  for (const [name, portion] of Object.entries({ rate, masked, replaced, sum: masked + replaced })) {
    if (!(portion >= 0 && portion <= 1)) {
      throw new RangeError(
        `maskTokens: ${name === 'sum' ? 'masked + replaced' : name} lies between 0 and 1, but is ${portion}.`,
      );
    }
  }
  return tf.tidy(() => {
    // One draw decides both whether a token is chosen and what becomes of it.
    const u = random.uniform(tokens.shape);
    const isWord = tf.greaterEqual(tokens, tf.scalar(firstId, 'int32'));
    const below = (portion: number) => tf.logicalAnd(isWord, tf.less(u, rate * portion));
    const others = random.integers(tokens.shape, { min: firstId, max: vocabulary });
    const corrupted = tf.where(below(masked + replaced), others, tokens);
    return {
      inputs: tf.where(below(masked), tf.fill(tokens.shape, maskId, 'int32'), corrupted),
      chosen: tf.cast(below(1), 'float32'),
    };
  });
}
