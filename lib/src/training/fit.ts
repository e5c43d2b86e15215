import { existsSync } from 'node:fs';
import { compile } from '../compile';
import { epochBatches } from '../data';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { mean } from '../statistics';
import type { EvaluationRecord, RunView, TrainingCallback } from './callbacks';
import {
  readCheckpoint,
  writeCheckpoint,
  type CheckpointOptions,
  type RunIdentity,
  type RunRecord,
} from './checkpoint';
import { requireScalars, type StepReport } from './minimize';
import { ForgottenState, requireParts, type Parts } from './parts';
import { tensorBoard } from './tensorBoard';

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

/** What {@link fit} gives. */
export interface FitRun<Report extends StepReport = StepReport> {
  /** One number per step for each scalar that the step reports. */
  readonly reports: { readonly [Name in keyof Report]: number[] };
  /** One record per evaluation: the epoch (from 1), the step and what `evaluate` returned. */
  readonly evaluations: EvaluationRecord[];
  /** Of a resumed run, the time before the interruption included. */
  readonly seconds: number;
  /** Whether `signal` stopped the run; the reports and parameters are those reached until then. */
  readonly interrupted: boolean;
  /** Why a callback, or a loss that was no number any more, ended the run before its last epoch; otherwise undefined. */
  readonly stopped?: string;
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
  /** Called between chunks of steps, at most every 100 ms, and at the end. Awaited: an error ends the run. */
  readonly onProgress?: (progress: TrainingProgress) => unknown;
  /** Called in the course of the run, such as {@link earlyStopping}; in the order of the list. */
  readonly callbacks?: readonly TrainingCallback[];
  /** A folder for event files with the reports and evaluations, which TensorBoard shows. */
  readonly tensorboard?: string;
  /**
   * Where the run is kept, so that it survives the process: everything that the steps change, the position in the data, and
   * what was recorded. A step that changes something which would not be saved is refused.
   */
  readonly checkpoint?: CheckpointOptions;
  /**
   * `true`: go on from the checkpoint if there is one; the run then equals one that was never interrupted, bit by bit.
   * `false`: start anew. Default: start, and refuse to overwrite a checkpoint that exists.
   */
  readonly resume?: boolean;
  /** What to do when 25 losses in a row are not finite: end the run (default), or go on. */
  readonly nonFinite?: 'stop' | 'continue';
}

/** Names of the options that `train` and `fit` have in common. */
export const runOptionNames: readonly (keyof RunOptions)[] = [
  'epochs',
  'batchSize',
  'seed',
  'signal',
  'compiled',
  'evaluateEvery',
  'onProgress',
  'callbacks',
  'tensorboard',
  'checkpoint',
  'resume',
  'nonFinite',
];

export interface FitOptions<Report extends StepReport> extends RunOptions {
  /** One step of training on the examples with these row numbers, int32 [batchSize]; see {@link minimize}. */
  readonly step: (rows: tf.Tensor1D) => Report;
  /** Number of examples. */
  readonly count: number;
  /** Called after each epoch, or as often as `evaluateEvery` says; its numbers are kept. */
  readonly evaluate?: () => Record<string, number> | Promise<Record<string, number>>;
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
 * @throws RangeError or TypeError for options out of range, unknown, or of the wrong kind. Error for a checkpoint that is
 *   damaged, of another run, or would be overwritten; then nothing was changed. What `step`, `evaluate` and callbacks throw.
 *
 * @example
 * const step = (rows: tf.Tensor1D) =>
 *   minimize(optimizer, () => model.loss(tf.gather(images, rows)), model.parameters);
 * const checkpoint = { file: 'runs/vae.safetensors', state: { model, optimizer } };
 * const { reports } = await fit({ step, count: 8000, epochs: 10, batchSize: 100, checkpoint, resume: true });
 * reports.rate.at(-1);
 */
export async function fit<Report extends StepReport>(options: FitOptions<Report>): Promise<FitRun<Report>> {
  checkOptions(options);
  const { callbacks = [], tensorboard } = options;
  const all = tensorboard === undefined ? callbacks : [...callbacks, tensorBoard(tensorboard)];
  try {
    return await goThrough(options, all);
  } finally {
    for (const callback of all) await callback.release?.();
  }
}

async function goThrough<Report extends StepReport>(
  options: FitOptions<Report>,
  callbacks: readonly TrainingCallback[],
): Promise<FitRun<Report>> {
  const { step, count, epochs, batchSize = 64, seed = 0, evaluate, evaluateEvery, signal } = options;
  const { compiled = true, onProgress, nonFinite = 'stop', checkpoint } = options;
  const saving =
    checkpoint &&
    new Saving(checkpoint, callbacks, {
      count,
      batchSize,
      seed,
      evaluateEvery: evaluateEvery ?? null,
    });

  let run: RunRecord = { epoch: 0, batch: 0, reports: { loss: [] }, evaluations: [], seconds: 0 };
  const saved = await saving?.begin(options.resume);
  if (saved) run = saved;
  const losses = (run.reports.loss ??= []);
  const doneBefore = losses.length;
  const secondsBefore = run.seconds;
  const stepsPerEpoch = Math.floor(count / batchSize);
  const steps = epochs * stepsPerEpoch;
  const start = performance.now();
  let reportedAt = start;

  const view: RunView = {
    get step() {
      return losses.length;
    },
    steps,
    get epoch() {
      return Math.max(1, Math.ceil(losses.length / stepsPerEpoch));
    },
    epochs,
    reports: run.reports,
    evaluations: run.evaluations,
    isResumed: saved !== undefined,
    stop: (reason) => {
      run.stopped ??= reason;
    },
  };
  const tell = async (event: 'onTrainBegin' | 'onChunkEnd' | 'onEpochEnd' | 'onTrainEnd'): Promise<void> => {
    for (const callback of callbacks) await callback[event]?.(view);
  };
  const isOver = () => run.stopped !== undefined || (signal?.aborted ?? false);

  const report = async () => {
    const now = performance.now();
    const rate = (losses.length - doneBefore) / ((now - start) / 1000);
    reportedAt = now;
    await onProgress?.({
      step: losses.length,
      steps,
      epoch: view.epoch,
      epochs,
      loss: mean(losses.slice(-CHUNK)),
      stepsPerSecond: rate,
      secondsRemaining: (steps - losses.length) / rate,
      metrics: run.evaluations.at(-1) ?? {},
    });
  };
  const evaluateNow = async () => {
    if (!evaluate) return;
    const record = { epoch: run.epoch + 1, step: losses.length, ...(await evaluate()) };
    run.evaluations.push(record);
    for (const callback of callbacks) await callback.onEvaluation?.(record, view);
  };
  const save = async () => {
    run.seconds = secondsBefore + (performance.now() - start) / 1000;
    await saving?.save(run);
  };

  const watched = saving ? saving.forgotten.watch(step) : step;
  const compiledStep = compiled ? compile(watched) : undefined;
  const runChunk = (rows: tf.Tensor2D) =>
    tf.tidy(() => {
      const chunk = compiledStep
        ? (compiledStep.loop(rows) as unknown as Record<string, tf.Tensor>)
        : stacked((tf.unstack(rows) as tf.Tensor1D[]).map(watched));
      for (const [name, values] of Object.entries(chunk)) {
        (run.reports[name] ??= []).push(...values.dataSync());
      }
    });

  try {
    await tell('onTrainBegin');
    while (run.epoch < epochs && !isOver()) {
      const order = epochBatches(count, { batchSize, epoch: run.epoch, seed });
      try {
        while (run.batch < stepsPerEpoch && !isOver()) {
          const length = Math.min(
            CHUNK,
            stepsPerEpoch - run.batch,
            untilMultiple(losses.length, evaluateEvery),
            untilMultiple(losses.length, checkpoint?.every),
          );
          const rows = order.slice([run.batch], [length]);
          try {
            runChunk(rows);
          } finally {
            rows.dispose();
          }
          run.batch += length;
          await saving?.refuseForgotten();
          await eventLoopTurn();
          if (evaluateEvery && losses.length % evaluateEvery === 0) await evaluateNow();
          await tell('onChunkEnd');
          if (nonFinite === 'stop') stopIfDiverged(losses, view);
          if (checkpoint?.every && losses.length % checkpoint.every === 0 && !isOver()) await save();
          if (performance.now() - reportedAt > REPORT_EVERY_MS) await report();
        }
      } finally {
        order.dispose();
      }
      if (run.batch < stepsPerEpoch || signal?.aborted) break;
      if (evaluateEvery === undefined) await evaluateNow();
      await tell('onEpochEnd');
      run.epoch++;
      run.batch = 0;
      if (checkpoint && !checkpoint.every && run.epoch < epochs && !isOver()) await save();
    }
    const isComplete = run.stopped !== undefined || run.epoch >= epochs;
    // An interrupted run goes on from where it was, not from what its callbacks make of it at the end.
    if (!isComplete) await save();
    await tell('onTrainEnd');
    if (isComplete) await save();
    if (losses.length > 0) await report();
  } finally {
    compiledStep?.dispose();
  }
  return {
    reports: run.reports as FitRun<Report>['reports'],
    evaluations: run.evaluations,
    seconds: secondsBefore + (performance.now() - start) / 1000,
    interrupted: signal?.aborted ?? false,
    ...(run.stopped !== undefined && { stopped: run.stopped }),
  };
}

/** The checkpoint of one run. */
class Saving {
  readonly forgotten: ForgottenState;
  private readonly parts: Parts;
  private isChecked = false;

  constructor(
    private readonly options: CheckpointOptions,
    callbacks: readonly TrainingCallback[],
    private readonly identity: RunIdentity,
  ) {
    const remembered = callbacks.flatMap(({ state }, i) =>
      state ? [[`callback_${i}`, state] as const] : [],
    );
    this.parts = { ...options.state, ...Object.fromEntries(remembered) };
    requireParts(this.parts);
    this.forgotten = new ForgottenState(this.parts);
  }

  /** The run that the file holds, if it is to go on. */
  async begin(resume: boolean | undefined): Promise<RunRecord | undefined> {
    const { file } = this.options;
    if (resume === false || !existsSync(file)) return undefined;
    if (resume) return readCheckpoint(file, this.identity, this.parts);
    throw new Error(
      `${file} exists already. Give resume: true to go on from it, or resume: false to start anew and overwrite it.`,
    );
  }

  save(run: RunRecord): Promise<void> {
    return writeCheckpoint(this.options.file, run, this.identity, this.parts);
  }

  async refuseForgotten(): Promise<void> {
    if (this.isChecked) return;
    this.isChecked = true;
    await this.forgotten.refuse();
  }
}

function checkOptions<Report extends StepReport>(options: FitOptions<Report>): void {
  rejectUnknown(options, ['step', 'count', 'evaluate', ...runOptionNames], 'fit');
  const { step, count, epochs, evaluateEvery, checkpoint, resume, nonFinite } = options;
  if (typeof step !== 'function') {
    throw new TypeError(`fit: step must be a function of row numbers, but ${typeof step} was given.`);
  }
  requirePositiveInteger('The number of epochs', epochs);
  requirePositiveInteger('The number of examples (count)', count);
  if (evaluateEvery !== undefined) requirePositiveInteger('evaluateEvery', evaluateEvery);
  if (nonFinite !== undefined && nonFinite !== 'stop' && nonFinite !== 'continue') {
    throw new RangeError(`nonFinite is 'stop' or 'continue', but ${String(nonFinite)} was given.`);
  }
  if (resume !== undefined && !checkpoint) {
    throw new TypeError('resume needs checkpoint: { file }, which says from where to go on.');
  }
  if (!checkpoint) return;
  rejectUnknown(checkpoint, ['file', 'every', 'state'], 'checkpoint');
  if (typeof checkpoint.file !== 'string' || checkpoint.file === '') {
    throw new TypeError('checkpoint.file must be the path of a file.');
  }
  if (checkpoint.every !== undefined) requirePositiveInteger('checkpoint.every', checkpoint.every);
  if (!checkpoint.state || Object.keys(checkpoint.state).length === 0) {
    throw new TypeError(
      'fit does not know what its step changes: name it in checkpoint.state, such as { model, optimizer }.',
    );
  }
}

function requirePositiveInteger(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${what} must be a positive integer, but ${value} was given.`);
  }
}

const untilMultiple = (step: number, every: number | undefined): number =>
  every === undefined ? Infinity : every - (step % every);

function stopIfDiverged(losses: readonly number[], { stop }: RunView): void {
  const lastFinite = losses.findLastIndex(Number.isFinite);
  if (losses.length - 1 - lastFinite < CHUNK) return;
  const reason = `the loss is ${losses.at(-1)} since step ${lastFinite + 2}`;
  console.warn(`The training was stopped: ${reason}. nonFinite: 'continue' would go on.`);
  stop(reason);
}

function stacked(records: readonly StepReport[]): Record<string, tf.Tensor> {
  const names = Object.keys(records[0] as StepReport);
  records.forEach(requireScalars);
  return Object.fromEntries(
    names.map((name) => [name, tf.stack(records.map((record) => record[name] as tf.Scalar))]),
  );
}

/** Lets messages (an interrupt, a display) through. */
const eventLoopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
