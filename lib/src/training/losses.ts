import { tf } from '../runtime';
import { isRecorded } from '../runtime/fed';
import { requireClasses } from './labels';

/**
 * Mean cross-entropy of a softmax classifier, in nats.
 *
 * The gradient with respect to the logits, (softmax − one-hot) / batch, is given in closed form: it is exact where a
 * logarithm of a rounded softmax is not, and takes fewer operations.
 *
 * @param logits float32 [batch, classes].
 * @param labels int32 [batch], 0 … classes − 1.
 * @param weights float32 [batch], at least 0: how much each row counts in the mean, such as `chosen` of `maskTokens`.
 *   Default: all alike. If all are 0, so is the loss.
 * @returns A scalar.
 * @throws RangeError for a label that is no class, with its row. Within a compiled step, where values cannot be looked at,
 *   the labels are checked when the step runs.
 *
 * @example
 * const loss = crossEntropy(model.apply(images), labels);
 */
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor, weights?: tf.Tensor): tf.Scalar {
  const [batch, classes] = logits.shape;
  const vectors = weights ? [labels, weights] : [labels];
  if (logits.rank !== 2 || vectors.some(({ rank, shape }) => rank !== 1 || shape[0] !== batch)) {
    const given = [logits, ...vectors].map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
    throw new Error(
      `crossEntropy expects logits [batch, classes], labels [batch] and, if given, weights [batch], ` +
        `but they have the shapes ${given}.`,
    );
  }
  if (!isRecorded()) requireClasses(labels.dataSync(), classes as number);
  const oneHot = tf.oneHot(labels, classes as number) as tf.Tensor2D;
  const nats = tf.customGrad((x, save) => {
    const logProbabilities = tf.logSoftmax(x as tf.Tensor);
    (save as tf.GradSaveFunc)([logProbabilities, oneHot]);
    return {
      value: tf.neg(tf.sum(tf.mul(logProbabilities, oneHot), -1)),
      gradFunc: (dy: tf.Tensor, [saved, target]: tf.Tensor[]) =>
        tf.mul(tf.expandDims(dy, -1), tf.sub(tf.exp(saved as tf.Tensor), target as tf.Tensor)),
    };
  });
  if (!weights) return tf.mean(nats(logits));
  // Where nothing counts, 0 divided by something, for the sake of the gradient too.
  return tf.div(tf.sum(tf.mul(nats(logits), weights)), tf.maximum(tf.sum(weights), 1e-12));
}
