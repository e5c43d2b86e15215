import type { Initializer } from '../initializers';
import { tf } from '../runtime';
import type { ParameterScope } from './parameterScope';

/**
 * What the states are multiplied by to give logits: the token embeddings (`'tied'`), a kernel of its own (`'untied'`), or the
 * embeddings with their halves swapped (`'half-swap'`), so that a token's logit is not the largest where its own embedding
 * stands.
 */
export type OutputEmbedding = 'tied' | 'untied' | 'half-swap';

/**
 * The map from states [rows, width] to logits [rows, vocabulary]; untied it adds `output/kernel` to the scope.
 *
 * @throws RangeError for half-swap of an odd width.
 */
export function outputLogits(
  scope: ParameterScope,
  {
    kind,
    embeddings,
    initializer,
  }: { kind: OutputEmbedding; embeddings: tf.Variable<tf.Rank.R2>; initializer: Initializer },
): (states: tf.Tensor2D) => tf.Tensor2D {
  const [vocabulary, width] = embeddings.shape;
  if (kind === 'untied') {
    const kernel = scope.add<tf.Rank.R2>('output/kernel', [width, vocabulary], initializer);
    return (states) => tf.matMul(states, kernel);
  }
  if (kind === 'half-swap' && width % 2 !== 0) {
    throw new RangeError(`Half-swap needs an even width, got ${width}.`);
  }
  return (states) => {
    if (kind === 'tied') return tf.matMul(states, embeddings, false, true);
    const [first, second] = tf.split(states, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
    return tf.matMul(tf.concat([second, first], 1), embeddings, false, true);
  };
}
