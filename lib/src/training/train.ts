import type { Examples } from '../data';
import type { Model } from '../models';
import { tf } from '../runtime';
import { fit, minimize, type FitRun, type RunOptions } from './fit';
import { crossEntropy } from './losses';
import type { Followed } from './statistics';

/** What a training run gives. */
export interface TrainingRun extends Omit<FitRun, 'reports'> {
  /** The loss of each step, before its update. */
  readonly losses: number[];
  /** One number per step for each moment of what was followed; see `statisticsOf`. */
  readonly statistics: Readonly<Record<string, number[]>>;
}

export interface TrainOptions extends RunOptions {
  readonly model: Model;
  readonly optimizer: tf.Optimizer;
  readonly data: Examples;
  /** Mean loss of a batch as a scalar; default {@link crossEntropy}. */
  readonly loss?: (outputs: tf.Tensor, labels: tf.Tensor) => tf.Scalar;
  /** Tensors whose moments are recorded at each step; default: none. */
  readonly follow?: Followed;
  /** Called after each epoch, or as often as `evaluateEvery` says; its numbers are kept. */
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
  follow,
  evaluate,
  ...options
}: TrainOptions): Promise<TrainingRun> {
  const step = (rows: tf.Tensor1D) =>
    minimize(
      optimizer,
      () => ({ loss: loss(model.apply(tf.gather(inputs, rows)), tf.gather(labels, rows)) }),
      model.parameters,
      { follow },
    );
  const { reports, ...run } = await fit({
    ...options,
    step,
    count: labels.size,
    evaluate: evaluate && (() => evaluate(model)),
  });
  const { loss: losses, ...statistics } = reports;
  return { losses, statistics, ...run };
}
