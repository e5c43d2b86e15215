import { add, mul, tidy, variable as makeVariable, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { fed, StepCounter } from '../runtime/fed';
import { rate } from './parameters/options';
import { evaluate, type Rate } from './rates/schedules';

/**
 * Exponential moving average of weights, beside any optimizer: a ← δa + (1 − δ)θ after each step.
 *
 * When to use it: to evaluate a model that trains at a constant or a high learning rate, without waiting for its decay.
 * The averages start as copies of the weights. They take 4 bytes per parameter. Works within a compiled step.
 *
 * @example
 * const average = new WeightAverage(model.trainableWeights.map((weight) => weight.read() as tf.Variable), { decay: 0.999 });
 * optimizer.minimize(loss);
 * average.update();
 * const accuracy = average.use(() => evaluate(model, data));
 */
export class WeightAverage {
  private readonly counter = new StepCounter();
  private readonly pairs: readonly { readonly weight: Variable; readonly average: Variable }[];
  private readonly decay: Rate;
  private inUse = false;

  /**
   * @param weights What to average.
   * @param options.decay δ in [0, 1), or a schedule; default 0.999.
   * @throws RangeError if the decay is out of range.
   */
  constructor(weights: readonly Variable[], { decay = 0.999 }: { decay?: Rate } = {}) {
    rate(decay, 'WeightAverage: decay');
    if (typeof decay === 'number') checkDecay(decay);
    this.decay = decay;
    this.pairs = weights.map((weight) => ({
      weight,
      average: makeVariable(weight, false, `weightAverage${++averages}/${weight.name}`),
    }));
  }

  /** Takes in the weights of now; call it once after each step. */
  update(): void {
    if (this.inUse) throw new Error('The averages are in use as weights; update them after use() has ended.');
    this.counter.advance();
    tidy(() => {
      const decay = fed(() => checkDecay(evaluate(this.decay, this.counter.value)));
      const rest = fed(() => 1 - evaluate(this.decay, this.counter.value));
      for (const { weight, average } of this.pairs)
        average.assign(add(mul(decay, average), mul(rest, weight)));
    });
  }

  /** The average of a weight; throws if it is not among the weights. Not to be disposed. */
  of(weight: Variable): Tensor {
    const pair = this.pairs.find((candidate) => candidate.weight === weight);
    if (!pair) throw new Error(`"${weight.name}" is not among the averaged weights.`);
    return this.inUse ? pair.weight : pair.average;
  }

  /** Runs `action` with the averages in the place of the weights, which come back afterwards, whatever happens. */
  use<T>(action: () => T): T {
    this.swap();
    let result: T;
    try {
      result = action();
    } catch (error) {
      this.swap();
      throw error;
    }
    if (result instanceof Promise) return result.finally(() => this.swap()) as T;
    this.swap();
    return result;
  }

  /** Frees the averages. */
  dispose(): void {
    for (const { average } of this.pairs) average.dispose();
  }

  private swap(): void {
    for (const { weight, average } of this.pairs) {
      const held = weight.clone();
      weight.assign(average);
      average.assign(held);
      held.dispose();
    }
    this.inUse = !this.inUse;
  }
}

let averages = 0;

function checkDecay(decay: number): number {
  if (decay >= 0 && decay < 1) return decay;
  throw new RangeError(`WeightAverage: decay must be a number in [0, 1), got ${decay}.`);
}
