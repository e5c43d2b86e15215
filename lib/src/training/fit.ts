import { compile } from '../compile';
import { epochBatches } from '../data';
import { tf } from '../runtime';
import { collectActivations, parameterStatistics, type Followed } from './statistics';

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

/** What a step reports: its loss before the update, and whatever else is to be followed, as scalars. */
export type StepReport = { loss: tf.Scalar } & Record<string, tf.Scalar>;

/** What {@link fit} gives. */
export interface FitRun<Report extends StepReport = StepReport> {
  /** One number per step for each scalar that the step reports. */
  readonly reports: { readonly [Name in keyof Report]: number[] };
  /** One record per evaluation: the epoch (from 1), the step and what `evaluate` returned. */
  readonly evaluations: ({ epoch: number; step: number } & Record<string, number>)[];
  readonly seconds: number;
  /** Whether `signal` stopped the run; the reports and parameters are those reached until then. */
  readonly interrupted: boolean;
}

/** How a run goes through the examples; the same for {@link fit} and `train`. */
export interface RunOptions {
  readonly epochs: number;
  /** Default 64. */
  readonly batchSize?: number;
  /** Seed of the order of the examples; default 0. */
  readonly seed?: number;
  /** Stops the run after the current chunk of steps; the run then returns what it has. */
  readonly signal?: AbortSignal;
  /** Whether the steps run compiled, a chunk in one native call; default true. `false` is for comparison and debugging. */
  readonly compiled?: boolean;
  /** Steps between evaluations; default: one evaluation after each epoch. */
  readonly evaluateEvery?: number;
  /** Called between chunks of steps, at most every 100 ms, and at the end. */
  readonly onProgress?: (progress: TrainingProgress) => void;
}

export interface FitOptions<Report extends StepReport> extends RunOptions {
  /** One step of training on the examples with these row numbers, int32 [batchSize]; see {@link minimize}. */
  readonly step: (rows: tf.Tensor1D) => Report;
  /** Number of examples. */
  readonly count: number;
  /** Called after each epoch, or as often as `evaluateEvery` says; its numbers are kept. */
  readonly evaluate?: () => Record<string, number>;
}

const CHUNK = 25;
const REPORT_EVERY_MS = 100;

/**
 * Trains whatever a step trains: epochs of shuffled batches, one call of `step` per batch, compiled. Use it where `train`,
 * which trains a model on inputs and labels, does not fit: other losses, several quantities to follow, further updates.
 *
 * An interrupted run does not throw: it returns its partial result, and the parameters stay as they are, so that one can
 * look at them, plot, and go on.
 *
 * @throws RangeError if the number of epochs or `evaluateEvery` is not a positive integer or the batch does not fit the data.
 *
 * @example
 * const step = (rows: tf.Tensor1D) =>
 *   minimize(optimizer, () => model.loss(tf.gather(images, rows)), model.parameters);
 * const { reports } = await fit({ step, count: 8000, epochs: 10, batchSize: 100 });
 * reports.rate.at(-1);
 */
export async function fit<Report extends StepReport>({
  step: eagerStep,
  count,
  epochs,
  batchSize = 64,
  seed = 0,
  evaluate,
  evaluateEvery,
  signal,
  compiled = true,
  onProgress,
}: FitOptions<Report>): Promise<FitRun<Report>> {
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new RangeError(`The number of epochs must be a positive integer, but ${epochs} was given.`);
  }
  if (evaluateEvery !== undefined && !(Number.isInteger(evaluateEvery) && evaluateEvery > 0)) {
    throw new RangeError(`evaluateEvery must be a positive integer, but ${evaluateEvery} was given.`);
  }
  const step = compiled ? compile(eagerStep) : undefined;
  const reports: Record<string, number[]> = { loss: [] };
  const losses = reports.loss as number[];
  const runChunk = (rows: tf.Tensor2D) =>
    tf.tidy(() => {
      const chunk = step
        ? (step.loop(rows) as unknown as Record<string, tf.Tensor>)
        : stacked((tf.unstack(rows) as tf.Tensor1D[]).map(eagerStep));
      for (const [name, values] of Object.entries(chunk)) {
        (reports[name] ??= []).push(...values.dataSync());
      }
    });

  const evaluations: FitRun['evaluations'] = [];
  const stepsPerEpoch = Math.floor(count / batchSize);
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

  const evaluateNow = (epoch: number) => {
    if (evaluate) evaluations.push({ epoch: epoch + 1, step: losses.length, ...evaluate() });
  };

  try {
    for (let epoch = 0; epoch < epochs && !signal?.aborted; epoch++) {
      const order = epochBatches(count, { batchSize, epoch, seed });
      for (let at = 0; at < stepsPerEpoch && !signal?.aborted;) {
        const untilEvaluation = evaluateEvery ? evaluateEvery - (losses.length % evaluateEvery) : CHUNK;
        const steps = Math.min(CHUNK, stepsPerEpoch - at, untilEvaluation);
        const rows = order.slice([at], [steps]);
        runChunk(rows);
        rows.dispose();
        at += steps;
        await eventLoopTurn();
        if (steps === untilEvaluation && evaluateEvery) evaluateNow(epoch);
        if (performance.now() - reportedAt > REPORT_EVERY_MS) report(epoch + 1);
      }
      order.dispose();
      if (signal?.aborted) break;
      if (evaluateEvery === undefined) evaluateNow(epoch);
    }
  } finally {
    step?.dispose();
  }
  if (losses.length > 0) report(Math.ceil(losses.length / stepsPerEpoch));
  return {
    reports: reports as FitRun<Report>['reports'],
    evaluations,
    seconds: (performance.now() - start) / 1000,
    interrupted: signal?.aborted ?? false,
  };
}

/**
 * One optimizer step that reports more than its loss: like `optimizer.minimize`, for an objective that is a record of scalars.
 *
 * @param objective Computes the loss (minimised) and whatever is to be reported with it.
 * @param options.follow Tensors whose moments are reported besides, as `name/quantity/moment`; see {@link statisticsOf}. Default: none.
 * @returns The scalars, as they were before the update.
 *
 * @example
 * const { loss, rate } = minimize(adam(), () => model.loss(images), model.parameters);
 */
export function minimize<Report extends StepReport>(
  optimizer: tf.Optimizer,
  objective: () => Report,
  parameters: readonly tf.Variable[],
  { follow = {} }: { follow?: Followed } = {},
): Report {
  return tf.tidy(() => {
    const others: Record<string, tf.Scalar> = {};
    const { value: loss, grads } = optimizer.computeGradients(() => {
      const { loss, ...rest } = collectActivations(follow, others, objective) as StepReport;
      // The gradient's scope would free them.
      for (const [name, scalar] of Object.entries(rest)) others[name] = tf.keep(scalar);
      return loss;
    }, [...parameters]);
    const kept = Object.entries(others);
    const clones = kept.map(([name, scalar]) => [name, scalar.clone()]);
    tf.dispose(kept.map(([, scalar]) => scalar));
    const statistics = parameterStatistics(follow, parameters, grads);
    optimizer.applyGradients(parameters.map(({ name }) => ({ name, tensor: grads[name] as tf.Tensor })));
    return { loss, ...Object.fromEntries(clones), ...statistics } as Report;
  });
}

function stacked(records: readonly StepReport[]): Record<string, tf.Tensor> {
  const names = Object.keys(records[0] as StepReport);
  return Object.fromEntries(
    names.map((name) => [name, tf.stack(records.map((record) => record[name] as tf.Scalar))]),
  );
}

/** Lets messages (an interrupt, a display) through. */
const eventLoopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
