import type { Model } from '../models';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { fit, runOptionNames, type FitRun, type RunOptions } from './fit';
import { requireClasses, requireExamples } from './labels';
import { crossEntropy } from './losses';
import { minimize } from './minimize';
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
  /** One row per example. For the default loss the labels are classes, int32 [examples]; another gets the rows as they are. */
  readonly data: { readonly inputs: tf.Tensor; readonly labels: tf.Tensor };
  /** Mean loss of a batch as a scalar; default {@link crossEntropy}. */
  readonly loss?: (outputs: tf.Tensor, labels: tf.Tensor) => tf.Scalar;
  /** Tensors whose moments are recorded at each step; default: none. */
  readonly follow?: Followed;
  /** Called after each epoch, or as often as `evaluateEvery` says; its numbers are kept. */
  readonly evaluate?: (model: Model) => Record<string, number> | Promise<Record<string, number>>;
}

/**
 * Trains a model on examples: epochs of shuffled batches, one optimizer step per batch.
 *
 * An interrupted run does not throw: it returns its partial result, and the parameters stay as they are, so that one can
 * look at them, plot, and go on.
 *
 * @throws RangeError or TypeError for options out of range, unknown or of the wrong kind, and for labels that are no classes
 *   (default loss), with the row. Otherwise as {@link fit}.
 *
 * @example
 * const run = await train({ model, optimizer: lion({ learningRate: 3e-4 }), data, epochs: 10 });
 * run.losses.at(-1);
 *
 * @example
 * // Started again after a crash, it goes on from the last epoch.
 * await train({ model, optimizer, data, epochs: 100, checkpoint: { file: 'runs/mnist.safetensors' }, resume: true });
 */
export async function train(options: TrainOptions): Promise<TrainingRun> {
  requireTrainable(options);
  const { model, optimizer, data, loss = crossEntropy, follow, evaluate, checkpoint, ...run } = options;
  const { inputs, labels } = data;
  const areClasses = loss === crossEntropy;
  requireExamples(data, 'train', { areClasses });
  let unchecked = areClasses ? labels.dataSync() : undefined;
  const step = (rows: tf.Tensor1D) =>
    minimize(
      optimizer,
      () => {
        const outputs = model.apply(tf.gather(inputs, rows));
        // All labels once, where the number of classes is known first, instead of those of each step.
        if (unchecked) requireClasses(unchecked, outputs.shape.at(-1) as number);
        unchecked = undefined;
        return { loss: loss(outputs, tf.gather(labels, rows)) };
      },
      model.parameters,
      { follow },
    );
  const { reports, ...result } = await fit({
    ...run,
    step,
    count: labels.shape[0],
    evaluate: evaluate && (() => evaluate(model)),
    checkpoint: checkpoint && { ...checkpoint, state: { model, optimizer, ...checkpoint.state } },
  });
  const { loss: losses, ...statistics } = reports;
  return { losses, statistics, ...result };
}

const own = ['model', 'optimizer', 'data', 'loss', 'follow', 'evaluate'];

function requireTrainable(options: TrainOptions): void {
  rejectUnknown(options, [...own, ...runOptionNames], 'train');
  const { model, optimizer, data } = options as {
    readonly [Name in keyof TrainOptions]?: unknown;
  };
  if (model instanceof tf.LayersModel) {
    throw new TypeError(
      'train takes models of this library, but got one of tf.layers. Use its own fit(), or make a Model of it: ' +
        '{ name, parameters: layers.trainableWeights.map((weight) => weight.read()), apply: (x) => layers.apply(x), dispose }.',
    );
  }
  const { parameters, apply } = (model ?? {}) as Partial<Model>;
  if (!Array.isArray(parameters) || typeof apply !== 'function') {
    throw new TypeError(
      'train: model must be a model, with parameters and apply(inputs), such as mlp({ sizes }) gives.',
    );
  }
  if (!(optimizer instanceof tf.Optimizer)) {
    const given = typeof optimizer === 'string' ? `'${optimizer}'` : typeof optimizer;
    throw new TypeError(`train: optimizer must be an optimizer, such as adam() gives, but got ${given}.`);
  }
  if (typeof data !== 'object' || data === null) {
    throw new TypeError('train: data must be { inputs, labels }, two tensors with a row per example.');
  }
}
