import type { Examples } from '../data';
import type { Model } from '../models';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import type { RunOptions } from './fit';
import { train } from './train';

export interface LearningRateFinderOptions extends Pick<
  RunOptions,
  'batchSize' | 'seed' | 'signal' | 'onProgress'
> {
  readonly model: Model;
  /** An optimizer with this learning rate at step t, from 1: `(learningRate) => adam({ learningRate })`. */
  readonly optimizer: (learningRate: (step: number) => number) => tf.Optimizer;
  readonly data: Examples;
  /** As in `train`. */
  readonly loss?: (outputs: tf.Tensor, labels: tf.Tensor) => tf.Scalar;
  /** The first learning rate; default 10⁻⁶. */
  readonly from?: number;
  /** The last learning rate; default 1. */
  readonly to?: number;
  /** Default 200. */
  readonly steps?: number;
}

/** What a scan of learning rates gives; see {@link findLearningRate}. */
export interface LearningRateScan {
  /** The learning rate of each step, geometrically from `from` towards `to`. */
  readonly rates: number[];
  /** The loss of each step, averaged over those before (weights 0.9ᵏ, without bias towards 0). */
  readonly losses: number[];
  /** The rate at which the averaged loss falls fastest per decade: a good first guess. */
  readonly suggestion: number;
}

/** Of the moving average. */
const DECAY = 0.9;
/** A loss so many times the smallest one ends the scan. */
const DIVERGED = 4;

/**
 * Scans learning rates: trains with a rate that grows from step to step until the loss runs away, and puts the parameters
 * back as they were.
 *
 * @throws RangeError unless 0 < from < to and there are at least 20 steps; Error if the loss does not fall.
 *
 * @example
 * const { rates, losses, suggestion } = await findLearningRate({
 *   model, data, optimizer: (learningRate) => lion({ learningRate }),
 * });
 * lineChart({ x: { title: 'learning rate', log: true }, series: [{ name: 'Lion', x: rates, y: losses }], … });
 *
 * @see Smith (2015), Cyclical learning rates for training neural networks, arXiv 1506.01186.
 */
export async function findLearningRate(options: LearningRateFinderOptions): Promise<LearningRateScan> {
  const own = ['model', 'optimizer', 'data', 'loss', 'from', 'to', 'steps'];
  rejectUnknown(options, [...own, 'batchSize', 'seed', 'signal', 'onProgress'], 'findLearningRate');
  const { model, data, loss, from = 1e-6, to = 1, steps = 200, batchSize = 64, ...run } = options;
  if (!(from > 0 && to > from && Number.isFinite(to))) {
    throw new RangeError(
      `Learning rates are scanned from a positive one to a larger one, but ${from} to ${to} was given.`,
    );
  }
  if (!(Number.isInteger(steps) && steps >= 20)) {
    throw new RangeError(`A scan needs an integer of at least 20 steps, but ${steps} was given.`);
  }
  const rateAt = (step: number) => from * (to / from) ** (Math.min(step - 1, steps - 1) / (steps - 1));
  const { optimizer: make, ...others } = { ...run };
  const optimizer = make(rateAt);
  const before = model.parameters.map((parameter) => parameter.clone());
  try {
    const { losses: raw } = await train({
      ...others,
      model,
      optimizer,
      data,
      loss,
      batchSize,
      epochs: Math.ceil(steps / Math.max(1, Math.floor(data.labels.shape[0] / batchSize))),
      nonFinite: 'continue',
      callbacks: [
        {
          onChunkEnd: ({ step, reports, stop }) => {
            if (step >= steps || untilDivergence(reports.loss!).length < step) stop('the scan is complete');
          },
        },
      ],
    });
    const losses = untilDivergence(raw.slice(0, steps));
    const rates = losses.map((_, i) => rateAt(i + 1));
    return { rates, losses, suggestion: rateOfSteepestDescent(rates, losses) };
  } finally {
    before.forEach((value, i) => model.parameters[i]!.assign(value));
    tf.dispose(before);
    optimizer.dispose();
  }
}

/** The averaged losses up to the step where they run away. */
function untilDivergence(raw: readonly number[]): number[] {
  const losses: number[] = [];
  let [average, lowest] = [0, Infinity];
  for (const [i, value] of raw.entries()) {
    average = DECAY * average + (1 - DECAY) * value;
    const unbiased = average / (1 - DECAY ** (i + 1));
    if (!(unbiased <= DIVERGED * lowest || i === 0)) break;
    lowest = Math.min(lowest, unbiased);
    losses.push(unbiased);
  }
  return losses;
}

/** Less of a fall, relative to the first loss, is noise. */
const LEAST_FALL = 0.01;

/** Slopes over a few neighbours, since a single step is mostly noise. */
function rateOfSteepestDescent(rates: readonly number[], losses: readonly number[]): number {
  const reach = Math.max(2, Math.round(losses.length / 20));
  let [steepest, at] = [0, -1];
  for (let i = reach; i + reach < losses.length; i++) {
    const slope = (losses[i + reach]! - losses[i - reach]!) / Math.log(rates[i + reach]! / rates[i - reach]!);
    if (slope < steepest) [steepest, at] = [slope, i];
  }
  const [first] = losses as [number];
  if (at < 0 || first - Math.min(...losses) < LEAST_FALL * Math.abs(first)) {
    throw new Error(
      `The loss does not fall between the learning rates ${rates[0]} and ${rates.at(-1)}: scan a wider range, or look at the data.`,
    );
  }
  return rates[at]!;
}
