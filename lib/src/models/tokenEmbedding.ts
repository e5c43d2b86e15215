import type { Initializer } from '../initializers';
import { tf } from '../runtime';
import type { ParameterScope } from './parameterScope';

export interface TokenEmbedding {
  /** [vocabulary, width]. */
  readonly embeddings: tf.Variable<tf.Rank.R2>;
  /** Token ids, int32 [batch, length] → float32 [batch, length, width]. */
  readonly embed: (tokens: tf.Tensor) => tf.Tensor;
}

/** Embeddings of tokens plus learned embeddings of positions, `token/embeddings` and `position/embeddings`. */
export function tokenEmbedding(
  scope: ParameterScope,
  options: { vocabulary: number; length: number; width: number; initializer: Initializer },
): TokenEmbedding {
  const { vocabulary, length: longest, width, initializer } = options;
  const embeddings = scope.add<tf.Rank.R2>('token/embeddings', [vocabulary, width], initializer);
  const positions = scope.add<tf.Rank.R2>('position/embeddings', [longest, width], initializer);
  return {
    embeddings,
    embed: (tokens) => {
      const length = tokens.shape[1] as number;
      if (length > longest) {
        throw new RangeError(`The texts have ${length} tokens, but the context is ${longest}.`);
      }
      return tf.add(tf.gather(embeddings, tokens), positions.slice([0], [length]));
    },
  };
}
