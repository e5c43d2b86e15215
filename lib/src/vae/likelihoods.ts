import { tf } from '../runtime';

const LOG_2_PI = Math.log(2 * Math.PI);

/**
 * −log q(x|z) of independent Bernoulli variables with the given logits, in nats, summed over the dimensions.
 *
 * @param logits [batch, dimensions].
 * @param targets [batch, dimensions], in [0, 1]; grey values count as probabilities.
 * @returns [batch].
 */
export function bernoulliNegativeLogLikelihood(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => tf.sum(tf.sub(tf.softplus(logits), tf.mul(targets, logits)), -1));
}

/**
 * −log q(x|z) of independent normal variables with the given means and one standard deviation, in nats, summed over the
 * dimensions.
 *
 * @param options.standardDeviation Default 1.
 * @returns [batch].
 */
export function gaussianNegativeLogLikelihood(
  means: tf.Tensor,
  targets: tf.Tensor,
  { standardDeviation = 1 } = {},
): tf.Tensor1D {
  return tf.tidy(() => {
    const normalized = tf.div(tf.sub(targets, means), standardDeviation);
    const constant = 2 * Math.log(standardDeviation) + LOG_2_PI;
    return tf.mul(0.5, tf.sum(tf.add(tf.square(normalized), constant), -1));
  });
}
