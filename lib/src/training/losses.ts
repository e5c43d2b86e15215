import { tf } from '../runtime';

/**
 * Mean cross-entropy of a softmax classifier, in nats.
 *
 * The gradient with respect to the logits, (softmax − one-hot) / batch, is given in closed form: it is exact where a
 * logarithm of a rounded softmax is not, and takes fewer operations.
 *
 * @param logits float32 [batch, classes].
 * @param labels int32 [batch], 0 … classes − 1.
 * @returns A scalar.
 *
 * @example
 * const loss = crossEntropy(model.apply(images), labels);
 */
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  const [batch, classes] = logits.shape;
  if (logits.rank !== 2 || labels.rank !== 1 || labels.shape[0] !== batch) {
    throw new Error(
      `crossEntropy expects logits [batch, classes] and labels [batch], ` +
        `but they have the shapes [${logits.shape.join(', ')}] and [${labels.shape.join(', ')}].`,
    );
  }
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
  return tf.mean(nats(logits));
}
