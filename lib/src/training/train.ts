import { compile } from '../compile';
import { epochBatches, type Examples } from '../data';
import type { Model } from '../models';
import { tf } from '../runtime';
import { crossEntropy } from './losses';

/** Where a training run stands. */
export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Mean loss of the last steps, at most 25. */
  readonly loss: number;
  readonly stepsPerSecond: number;
  readonly secondsRemaining: number;
  /** The last evaluation, if there was one. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** What a training run gives. */
export interface TrainingRun {
  /** The loss of each step, before its update. */
  readonly losses: number[];
  /** One record per finished epoch: the epoch (from 1) and what `evaluate` returned. */
  readonly evaluations: ({ epoch: number } & Record<string, number>)[];
  readonly seconds: number;
  /** Whether `signal` stopped the run; the losses and parameters are those reached until then. */
  readonly interrupted: boolean;
}

export interface TrainOptions {
  readonly model: Model;
  readonly optimizer: tf.Optimizer;
  readonly data: Examples;
  readonly epochs: number;
  /** Default 64. */
  readonly batchSize?: number;
  /** Seed of the order of the examples; default 0. */
  readonly seed?: number;
  /** Mean loss of a batch as a scalar; default {@link crossEntropy}. */
  readonly loss?: (outputs: tf.Tensor, labels: tf.Tensor) => tf.Scalar;
  /** Called after each epoch; its numbers are kept. */
  readonly evaluate?: (model: Model) => Record<string, number>;
  /** Stops the run after the current chunk of steps; the run then returns what it has. */
  readonly signal?: AbortSignal;
  /** Whether the steps run compiled, a chunk in one native call; default true. `false` is for comparison and debugging. */
  readonly compiled?: boolean;
  /** Called between chunks of steps, at most every 100 ms, and at the end. */
  readonly onProgress?: (progress: TrainingProgress) => void;
}

const CHUNK = 25;
const REPORT_EVERY_MS = 100;

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
  data,
  epochs,
  batchSize = 64,
  seed = 0,
  loss = crossEntropy,
  evaluate,
  signal,
  compiled = true,
  onProgress,
}: TrainOptions): Promise<TrainingRun> {
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new RangeError(`The number of epochs must be a positive integer, but ${epochs} was given.`);
  }
  const { inputs, labels } = data;
  const parameters = [...model.parameters];
  const eagerStep = (rows: tf.Tensor) =>
    optimizer.minimize(
      () => loss(model.apply(tf.gather(inputs, rows)), tf.gather(labels, rows)),
      true,
      parameters,
    ) as tf.Scalar;
  const step = compiled ? compile(eagerStep) : undefined;
  const runChunk = (rows: tf.Tensor2D) =>
    tf.tidy(() => (step ? step.loop(rows) : tf.stack(tf.unstack(rows).map(eagerStep))).dataSync());

  const losses: number[] = [];
  const evaluations: TrainingRun['evaluations'] = [];
  const stepsPerEpoch = Math.floor(labels.size / batchSize);
  const start = performance.now();
  let reportedAt = start;

  const report = (epoch: number) => {
    const now = performance.now();
    const recent = losses.slice(-CHUNK);
    const rate = losses.length / ((now - start) / 1000);
    onProgress?.({
      step: losses.length,
      steps: epochs * stepsPerEpoch,
      epoch,
      epochs,
      loss: recent.reduce((sum, value) => sum + value, 0) / recent.length,
      stepsPerSecond: rate,
      secondsRemaining: (epochs * stepsPerEpoch - losses.length) / rate,
      metrics: evaluations.at(-1) ?? {},
    });
    reportedAt = now;
  };

  try {
    for (let epoch = 0; epoch < epochs && !signal?.aborted; epoch++) {
      const order = epochBatches(labels.size, { batchSize, epoch, seed });
      for (let at = 0; at < stepsPerEpoch && !signal?.aborted; at += CHUNK) {
        const rows = order.slice([at], [Math.min(CHUNK, stepsPerEpoch - at)]);
        losses.push(...runChunk(rows));
        rows.dispose();
        await eventLoopTurn();
        if (performance.now() - reportedAt > REPORT_EVERY_MS) report(epoch + 1);
      }
      order.dispose();
      if (signal?.aborted) break;
      if (evaluate) evaluations.push({ epoch: epoch + 1, ...evaluate(model) });
    }
  } finally {
    step?.dispose();
  }
  if (losses.length > 0) report(Math.ceil(losses.length / stepsPerEpoch));
  return {
    losses,
    evaluations,
    seconds: (performance.now() - start) / 1000,
    interrupted: signal?.aborted ?? false,
  };
}

/** Lets messages (an interrupt, a display) through. */
const eventLoopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
