import { uniform, type Initializer } from '../../initializers';
import { tf } from '../../runtime';
import type { ParameterScope } from '../parameterScope';

export interface EmbeddingOptions {
  /** Number of ids. */
  readonly vocabulary: number;
  readonly width: number;
  /** Default uniform over ±0.05, as in Keras. */
  readonly initializer?: Initializer;
}

/** A table of vectors and the look-up in it. */
export interface Embedding {
  /** [vocabulary, width]. */
  readonly embeddings: tf.Variable<tf.Rank.R2>;
  /** Ids, int32 of any shape → float32 [..., width]. */
  readonly embed: (ids: tf.Tensor) => tf.Tensor;
}

/**
 * A vector for each id, `label/embeddings`.
 *
 * @example
 * const { embed } = layers.embedding(scope, 'token', { vocabulary: 5000, width: 64 });
 */
export function embedding(
  scope: ParameterScope,
  label: string,
  { vocabulary, width, initializer = uniform() }: EmbeddingOptions,
): Embedding {
  const embeddings = scope.add<tf.Rank.R2>(`${label}/embeddings`, [vocabulary, width], initializer);
  return { embeddings, embed: (ids) => tf.gather(embeddings, ids) };
}
