import type { Initializer } from '../initializers';
import { tf } from '../runtime';
import { embedding, type Embedding } from './layers';
import type { ParameterScope } from './parameterScope';

/** Embeddings of tokens plus learned embeddings of positions, `token/embeddings` and `position/embeddings`. */
export function tokenEmbedding(
  scope: ParameterScope,
  options: { vocabulary: number; length: number; width: number; initializer: Initializer },
): Embedding {
  const { vocabulary, length: longest, width, initializer } = options;
  const { embeddings, embed } = embedding(scope, 'token', { vocabulary, width, initializer });
  const positions = scope.add<tf.Rank.R2>('position/embeddings', [longest, width], initializer);
  return {
    embeddings,
    embed: (tokens) => {
      const length = tokens.shape[1] as number;
      if (length > longest) {
        throw new RangeError(`The texts have ${length} tokens, but the context is ${longest}.`);
      }
      return tf.add(embed(tokens), positions.slice([0], [length]));
    },
  };
}
