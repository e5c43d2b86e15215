import { random, tf } from '../runtime';
import { uniqueModelName, type Model } from './model';

export interface TokenEmbeddingOptions {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Width of a token's vector. */
  readonly width: number;
  /** Seed of the initial vectors; default 0. */
  readonly seed?: number;
  /** Prefix of the parameter's name; default `'tokens'`. */
  readonly name?: string;
}

/**
 * A vector for each token, those of a row side by side: what an MLP over a few neighbouring tokens starts with.
 *
 * The vectors start normally distributed with variance 1 / width, so that their length is about 1. The parameter is
 * called `tokens/embeddings`.
 *
 * @returns A model from token ids, int32 [batch, length], to [batch, length · width].
 * @throws RangeError if the vocabulary or the width is not a positive integer.
 *
 * @example
 * const model = chain(tokenEmbedding({ vocabulary: 400, width: 32 }), mlp({ sizes: [8 * 32, 128, 400] }));
 *
 * @see Bengio et al. (2003), A neural probabilistic language model.
 */
export function tokenEmbedding({
  vocabulary,
  width,
  seed = 0,
  name = 'tokens',
}: TokenEmbeddingOptions): Model {
  for (const [option, value] of Object.entries({ vocabulary, width })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`The ${option} of an embedding is a positive integer, but ${value} was given.`);
    }
  }
  const prefix = uniqueModelName(name);
  const vectors = tf.tidy(() =>
    tf.variable(
      random(seed).normal([vocabulary, width], { standardDeviation: 1 / Math.sqrt(width) }),
      true,
      `${prefix}/embeddings`,
    ),
  );
  return {
    name: prefix,
    parameters: [vectors],
    apply: (tokens) =>
      tf.tidy(() => {
        const [batch = 0, length = 0] = tokens.shape;
        return tf.gather(vectors, tokens).reshape([batch, length * width]);
      }),
    dispose: () => vectors.dispose(),
  };
}
