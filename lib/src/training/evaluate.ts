import type { Examples } from '../data';
import type { Model } from '../models';
import { tf } from '../runtime';
import { requireClasses, requireExamples } from './labels';
import { crossEntropy } from './losses';

/** How well a classifier does on examples. */
export interface Evaluation {
  /** Share of examples whose largest logit is their class, 0 … 1. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
}

/**
 * Accuracy and mean cross-entropy of a classifier over all examples.
 *
 * @param options.batchSize Examples per forward pass; default 1,000. It bounds the memory and does not change the result.
 * @throws RangeError for a label that is no class, with its row.
 *
 * @example
 * const { accuracy } = evaluateClassifier(model, imageTensors(loadMnist().test));
 */
export function evaluateClassifier(
  model: Pick<Model, 'apply'>,
  { inputs, labels }: Examples,
  { batchSize = 1000 } = {},
): Evaluation {
  requireExamples({ inputs, labels }, 'evaluateClassifier', { areClasses: true });
  const count = labels.size;
  let [right, nats] = [0, 0];
  for (let start = 0; start < count; start += batchSize) {
    const size = Math.min(batchSize, count - start);
    const sums = tf.tidy(() => {
      const rows = inputs.slice([start], [size]);
      const classes = labels.slice([start], [size]);
      const logits = model.apply(rows);
      requireClasses(classes.dataSync(), logits.shape.at(-1) as number, start);
      const hits = tf.sum(tf.cast(tf.equal(tf.argMax(logits, -1), classes), 'float32'));
      return tf.stack([hits, tf.mul(crossEntropy(logits, classes), size)]).dataSync();
    });
    right += sums[0] as number;
    nats += sums[1] as number;
  }
  return { accuracy: right / count, loss: nats / count };
}
