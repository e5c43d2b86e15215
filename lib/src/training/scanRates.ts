import type { Examples } from '../data';
import type { Model } from '../models';
import { schedules, type Schedule } from '../optimizers';
import type { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { mean, peak } from '../statistics';
import { evaluateClassifier } from './evaluate';
import { experiment, type ExperimentOptions } from './experiment';
import { train } from './train';

export interface RateScanOptions<Name extends string> extends Pick<
  ExperimentOptions<unknown, never, never>,
  'seeds' | 'signal' | 'onProgress' | 'checkpoint' | 'resume'
> {
  /** What is compared: makes an optimizer with a learning rate that falls linearly to zero. */
  readonly optimizers: Readonly<Record<Name, (options: { learningRate: Schedule }) => tf.Optimizer>>;
  /** The initial learning rates of each, increasing. */
  readonly rates: Readonly<Record<Name, readonly number[]>>;
  /** A new model for a seed. */
  readonly model: (seed: number) => Model;
  /** Examples to learn from; labels are classes. */
  readonly data: Examples;
  /** Examples to test on. */
  readonly testData: Examples;
  readonly epochs: number;
  /** Default 64. */
  readonly batchSize?: number;
}

/** What an optimizer reached, at each of its rates with each seed: `accuracy[seed][rate]`. */
export interface RateCurve {
  readonly name: string;
  readonly rates: readonly number[];
  /** On the test data. */
  readonly accuracy: readonly number[][];
  /** Mean training loss of the last fifth of the steps. */
  readonly loss: readonly number[][];
  /** Training losses of all steps: `losses[seed][rate]`. */
  readonly losses: readonly number[][][];
  /** The rate with the best mean over the seeds, and the values there, one per seed. */
  best(of: 'accuracy' | 'loss'): { readonly rate: number; readonly values: number[] };
  /** The best rate of each seed, between those of the grid; see `peak`. Of losses, by their logarithm. */
  peaks(of: 'accuracy' | 'loss'): number[];
}

/**
 * Trains a classifier with each optimizer at each of its learning rates with each seed, which is that of the initial weights
 * and of the order of the examples: the curves by which learning rates are compared.
 *
 * @throws As {@link experiment} and {@link train}; Error where it was interrupted, since half of a comparison is none.
 *
 * @example
 * const { Lion, Adam } = await scanRates({
 *   optimizers: { Lion: lion, Adam: adam },
 *   rates: { Lion: [5e-4, 1e-3, 2e-3], Adam: [4e-3, 8e-3, 1.6e-2] },
 *   model: (seed) => mlp({ sizes: [784, 64, 10], seed }), data, testData, epochs: 5, seeds: [0, 1, 2],
 * });
 * mean(Adam.peaks('accuracy')) / mean(Lion.peaks('accuracy'));
 */
export async function scanRates<Name extends string>(
  options: RateScanOptions<Name>,
): Promise<Readonly<Record<Name, RateCurve>>> {
  const known = ['optimizers', 'rates', 'model', 'data', 'testData', 'epochs', 'batchSize'];
  rejectUnknown(options, [...known, 'seeds', 'signal', 'onProgress', 'checkpoint', 'resume'], 'scanRates');
  const { optimizers, rates, model: make, data, testData, epochs, batchSize = 64, ...running } = options;
  const steps = epochs * Math.floor(data.labels.shape[0] / batchSize);
  const { rows, interrupted } = await experiment({
    ...running,
    candidates: optimizers as Record<string, (options: { learningRate: Schedule }) => tf.Optimizer>,
    settings: (name) => rates[name as Name].map((rate) => ({ rate })),
    run: async ({ candidate, setting: { rate }, seed, options: trial }) => {
      const learningRate = schedules.linear({ from: rate, to: 0, steps });
      const [model, optimizer] = [make(seed), candidate({ learningRate })];
      try {
        const { losses } = await train({ model, optimizer, data, epochs, batchSize, ...trial });
        const loss = mean(losses.slice(-Math.ceil(steps / 5)));
        return { loss, losses, accuracy: evaluateClassifier(model, testData).accuracy };
      } finally {
        model.dispose();
        optimizer.dispose();
      }
    },
  });
  if (interrupted) throw new Error('scanRates was interrupted.');
  const { seeds = [0] } = options;
  const curveOf = (name: Name): RateCurve => {
    const own = rows.filter(({ candidate }) => candidate === name);
    const bySeed = <T>(of: (row: (typeof rows)[number]) => T): T[][] =>
      seeds.map((seed) => own.filter((row) => row.seed === seed).map(of));
    const accuracy = bySeed((row) => row.accuracy);
    const loss = bySeed((row) => row.loss);
    return curve(name, rates[name], { accuracy, loss, losses: bySeed((row) => row.losses) });
  };
  const names = Object.keys(optimizers) as Name[];
  return Object.fromEntries(names.map((name) => [name, curveOf(name)])) as Record<Name, RateCurve>;
}

function curve(
  name: string,
  rates: readonly number[],
  measured: Pick<RateCurve, 'accuracy' | 'loss' | 'losses'>,
): RateCurve {
  const heights = (of: 'accuracy' | 'loss'): number[][] =>
    measured[of].map((values) => (of === 'loss' ? values.map((loss) => -Math.log(loss)) : values));
  return {
    name,
    rates,
    ...measured,
    best(of) {
      const means = rates.map((_, i) => mean(heights(of).map((values) => values[i]!)));
      const index = means.indexOf(Math.max(...means.filter((value) => !Number.isNaN(value))));
      if (index < 0) throw new RangeError(`${name} has no best rate: no ${of} is a number.`);
      return { rate: rates[index]!, values: measured[of].map((values) => values[index]!) };
    },
    peaks: (of) => heights(of).map((values) => peak(rates, values)),
  };
}
