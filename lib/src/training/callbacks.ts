import { mean } from '../statistics';
import { tf } from '../runtime';
import { variablesOf, type Part, type WithParameters } from './parts';

/** One evaluation: when it was, and what `evaluate` returned. */
export type EvaluationRecord = { epoch: number; step: number } & Record<string, number>;

/** What a callback sees of a run, and how it ends it. */
export interface RunView {
  /** Steps done. */
  readonly step: number;
  /** Steps planned. */
  readonly steps: number;
  /** The current epoch, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** One number per step for each scalar that the steps reported so far; the loss among them. */
  readonly reports: Readonly<Record<string, readonly number[]>>;
  /** The evaluations so far. */
  readonly evaluations: readonly EvaluationRecord[];
  /** Whether the run goes on from a checkpoint. */
  readonly isResumed: boolean;
  /** Ends the run after this call; the reason is in its result. */
  readonly stop: (reason: string) => void;
}

/**
 * What is called in the course of a run, on the host, between chunks of compiled steps. Each call is awaited; an error ends
 * the run.
 *
 * @example
 * const halves: TrainingCallback = { onEpochEnd: ({ epoch }) => optimizer.setLearningRate(1e-3 / 2 ** epoch) };
 */
export interface TrainingCallback {
  /** Before the first step, also of a run that goes on from a checkpoint. */
  onTrainBegin?(run: RunView): void | Promise<void>;
  /** After each chunk of at most 25 steps. */
  onChunkEnd?(run: RunView): void | Promise<void>;
  /** After each evaluation. */
  onEvaluation?(evaluation: EvaluationRecord, run: RunView): void | Promise<void>;
  /** After the epoch's last step and its evaluation, if there is one. */
  onEpochEnd?(run: RunView): void | Promise<void>;
  /** At the end, also of an interrupted run; not after an error. */
  onTrainEnd?(run: RunView): void | Promise<void>;
  /** When the run is over, whatever happened: frees what the callback holds. */
  release?(): void | Promise<void>;
  /** Tensors that the callback remembers from one call to the next, for checkpoints. */
  readonly state?: Part;
}

export interface EarlyStoppingOptions {
  /** Name of a number that `evaluate` returns; `'loss'`, where it returns none, is the mean training loss of an epoch. */
  readonly monitor: string;
  /** Which way is better; default `'max'` for names with "accuracy", otherwise `'min'`. */
  readonly mode?: 'min' | 'max';
  /** How many values without an improvement are put up with; default 0. */
  readonly patience?: number;
  /** How much better counts as an improvement; default 0. */
  readonly minDelta?: number;
  /** A model (or variables) that gets back its best values at the end; default none. */
  readonly restoreBest?: WithParameters | readonly tf.Variable[];
}

/**
 * Ends a run when a number no longer improves, like EarlyStopping of Keras. A value that is not a number is no improvement.
 *
 * @throws RangeError for a negative patience or `minDelta`; in the run, Error if there is no number of that name.
 *
 * @example
 * const stopping = earlyStopping({ monitor: 'accuracy', patience: 3, restoreBest: model });
 * const evaluate = () => ({ ...evaluateClassifier(model, validation) });
 * await train({ model, optimizer, data, epochs: 100, evaluate, callbacks: [stopping] });
 */
export function earlyStopping({
  monitor,
  mode = monitor.includes('accuracy') ? 'max' : 'min',
  patience = 0,
  minDelta = 0,
  restoreBest,
}: EarlyStoppingOptions): TrainingCallback {
  for (const [name, value] of Object.entries({ patience, minDelta })) {
    if (!(value >= 0)) {
      throw new RangeError(`The ${name} of early stopping is at least 0, but ${value} was given.`);
    }
  }
  const variables = restoreBest ? variablesOf(restoreBest) : [];
  let best: tf.Variable[] = [];
  const copies = () => {
    if (best.length === 0) best = variables.map((variable) => tf.variable(variable, false));
    return best;
  };
  const copy = (from: readonly tf.Variable[], to: readonly tf.Variable[]) =>
    tf.tidy(() => from.forEach((variable, i) => to[i]!.assign(variable.clone())));

  const isGiven = (record: EvaluationRecord) => record[monitor] !== undefined;
  const seriesOf = ({ step, steps, epochs, reports, evaluations }: RunView): number[] => {
    if (monitor !== 'loss' || evaluations.some(isGiven)) {
      return evaluations.map((record) => record[monitor] ?? NaN);
    }
    const length = steps / epochs;
    const losses = reports.loss ?? [];
    return Array.from({ length: Math.floor(step / length) }, (_, epoch) =>
      mean(losses.slice(epoch * length, (epoch + 1) * length)),
    );
  };
  const standing = (run: RunView) => standingOf(seriesOf(run), { mode, minDelta });

  const consider = (run: RunView) => {
    const { bestValue, waited } = standing(run);
    if (waited === 0) copy(variables, copies());
    else if (waited > patience) {
      const times = `${waited} evaluation${waited === 1 ? '' : 's'}`;
      run.stop(`${monitor} has not improved on ${bestValue} in ${times}`);
    }
  };
  return {
    onEvaluation: (evaluation, run) => {
      if (isGiven(evaluation)) consider(run);
      else if (monitor !== 'loss') {
        const names = Object.keys(evaluation).filter((name) => name !== 'epoch' && name !== 'step');
        throw new Error(
          `Early stopping watches "${monitor}", but evaluate gives ${names.join(', ') || 'nothing'}.`,
        );
      }
    },
    onEpochEnd: (run) => {
      if (run.evaluations.some(isGiven)) return;
      if (monitor === 'loss') consider(run);
      else if (run.evaluations.length === 0) {
        throw new Error(`Early stopping watches "${monitor}", but nothing was evaluated: give evaluate.`);
      }
    },
    onTrainEnd: (run) => {
      if (standing(run).hasBest) copy(copies(), variables);
    },
    release: () => {
      tf.dispose(best);
      best = [];
    },
    get state() {
      return copies();
    },
  };
}

/** The best value of a series, if one is a number, and how many values came since. */
function standingOf(
  series: readonly number[],
  { mode, minDelta }: { mode: 'min' | 'max'; minDelta: number },
): { hasBest: boolean; bestValue: number; waited: number } {
  const sign = mode === 'max' ? 1 : -1;
  let at = -1;
  let bestValue = -sign * Infinity;
  series.forEach((value, i) => {
    if (sign * (value - bestValue) > minDelta) [at, bestValue] = [i, value];
  });
  return { hasBest: at >= 0, bestValue, waited: series.length - 1 - at };
}
