import type { Examples } from '../data';
import type { Model } from '../models';
import { tf } from '../runtime';
import { fit, type FitRun, type RunOptions } from './fit';
import { crossEntropy } from './losses';

/** What a training run gives. */
export interface TrainingRun extends Omit<FitRun, 'reports'> {
  /** The loss of each step, before its update. */
  readonly losses: number[];
}

export interface TrainOptions extends RunOptions {
  readonly model: Model;
  readonly optimizer: tf.Optimizer;
  readonly data: Examples;
  /** Mean loss of a batch as a scalar; default {@link crossEntropy}. */
  readonly loss?: (outputs: tf.Tensor, labels: tf.Tensor) => tf.Scalar;
  /** Called after each epoch; its numbers are kept. */
  readonly evaluate?: (model: Model) => Record<string, number>;
}

/**
 * Trains a model on examples: epochs of shuffled batches, one optimizer step per batch.
 *
 * An interrupted run does not throw: it returns its partial result, and the parameters stay as they are, so that one can
 * look at them, plot, and go on.
 *
 * @throws RangeError if the number of epochs is not a positive integer or the batch does not fit the data.
 *
 * @example
 * const run = await train({ model, optimizer: lion({ learningRate: 3e-4 }), data, epochs: 10 });
 * run.losses.at(-1);
 */
export async function train({
  model,
  optimizer,
  data: { inputs, labels },
  loss = crossEntropy,
  evaluate,
  ...options
}: TrainOptions): Promise<TrainingRun> {
  const parameters = [...model.parameters];
  const step = (rows: tf.Tensor1D) => ({
    loss: optimizer.minimize(
      () => loss(model.apply(tf.gather(inputs, rows)), tf.gather(labels, rows)),
      true,
      parameters,
    ) as tf.Scalar,
  });
  const { reports, ...run } = await fit({
    ...options,
    step,
    count: labels.size,
    evaluate: evaluate && (() => evaluate(model)),
  });
  return { losses: reports.loss, ...run };
}
