import {
  add,
  keep,
  mul,
  scalar,
  tidy,
  Variable,
  variable as makeVariable,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { fed, StepCounter } from '../runtime/fed';
import type { NamedTensor } from './parameters/gradients';
import { checks } from './parameters/settings';
import { evaluate, type Rate } from './rates/schedules';

interface Pair {
  readonly weight: Variable;
  /** The average; while the averages are in use, the weight's own value. */
  readonly other: Variable;
}

/**
 * Exponential moving average of weights, beside any optimizer: a ← δa + (1 − δ)θ after each step.
 *
 * When to use it: to evaluate a model that trains at a constant or a high learning rate, without waiting for its decay.
 * The averages start as copies of the weights. They take 4 bytes per parameter. Works within a compiled step;
 * `saveState` and `loadState` keep the averages as they keep an optimizer.
 *
 * @example
 * const average = new WeightAverage(model.parameters, { decay: 0.999 });
 * optimizer.minimize(loss);
 * average.update();
 * const accuracy = average.use(() => evaluateClassifier(model, testData).accuracy);
 */
export class WeightAverage {
  private readonly counter = new StepCounter();
  private readonly pairs: readonly Pair[];
  private readonly decay: Rate;
  /** How many use() are going on. */
  private users = 0;
  /** The averages while they are in use, because whatever is done to the weights meanwhile must not reach them. */
  private kept: readonly Tensor[] = [];

  /**
   * @param weights What to average: variables of float32.
   * @param options.decay δ in [0, 1), or a schedule; default 0.999.
   * @throws RangeError if the decay is out of range; TypeError if a weight is no variable of float32.
   */
  constructor(weights: readonly Variable[], { decay = 0.999 }: { decay?: Rate } = {}) {
    checks.rate(decay, 'WeightAverage: decay');
    if (typeof decay === 'number') checkDecay(decay);
    weights.forEach(checkWeight);
    this.decay = decay;
    this.pairs = weights.map((weight) => ({
      weight,
      other: makeVariable(weight, false, `weightAverage${++averages}/${weight.name}`),
    }));
  }

  /**
   * Takes in the weights of now; call it once after each step.
   *
   * @throws Error, in a compiled step too, while the averages are in use as weights, or after dispose().
   */
  update(): void {
    this.checkFree('update');
    this.counter.advance();
    tidy(() => {
      const decay = fed(() => {
        // Asked at each call of a compiled step.
        this.checkFree('update');
        return checkDecay(evaluate(this.decay, this.counter.value));
      });
      const rest = fed(() => 1 - evaluate(this.decay, this.counter.value));
      for (const { weight, other } of this.pairs) other.assign(add(mul(decay, other), mul(rest, weight)));
    });
  }

  /** The average of a weight; throws if it is not among the weights. Not to be disposed. */
  of(weight: Variable): Tensor {
    this.checkThere();
    const pair = this.pairs.find((candidate) => candidate.weight === weight);
    if (!pair) throw new Error(`"${weight.name}" is not among the averaged weights.`);
    return this.averageOf(pair);
  }

  /**
   * Runs `action` with the averages in the place of the weights. Afterwards both are what they were before, whatever
   * happens, a training step among it. Uses may lie within each other or overlap: the weights come back when the last one
   * ends.
   */
  use<T>(action: () => T): T {
    this.checkThere();
    this.enter();
    let result: T;
    try {
      result = action();
    } catch (error) {
      this.leave();
      throw error;
    }
    if (result instanceof Promise) return result.finally(() => this.leave()) as T;
    this.leave();
    return result;
  }

  /** The name that error messages and state files give. */
  getClassName(): string {
    return 'WeightAverage';
  }

  /** The number of updates as `iter`, then the averages as `<weight>/average`; all but `iter` not to be disposed. */
  getWeights(): Promise<NamedTensor[]> {
    return Promise.resolve(this.state());
  }

  /** The averages of this moment, as copies that are the caller's. */
  snapshot(): NamedTensor[] {
    return this.state().map(({ name, tensor }) => ({
      name,
      tensor: keep(name === 'iter' ? tensor : tensor.clone()),
    }));
  }

  /**
   * Resumes from what {@link getWeights} gave, found by name; the tensors stay the caller's.
   *
   * @throws Error if an average is missing or does not fit, or while the averages are in use; nothing is changed.
   */
  async setWeights(weights: readonly NamedTensor[]): Promise<void> {
    this.checkFree('load');
    const find = (name: string): Tensor => {
      const found = weights.find((weight) => weight.name === name);
      if (!found) throw new Error(`The averages have no "${name}"; load what getWeights() gave.`);
      return found.tensor;
    };
    const loaded = this.pairs.map((pair) => ({ pair, average: find(`${pair.weight.name}/average`) }));
    for (const { pair, average } of loaded) {
      if (average.shape.join() === pair.weight.shape.join()) continue;
      throw new Error(
        `The average of "${pair.weight.name}" has shape [${average.shape.join(', ')}], expected [${pair.weight.shape.join(', ')}].`,
      );
    }
    const [count] = await find('iter').data();
    for (const { pair, average } of loaded) pair.other.assign(average);
    this.counter.value = Number(count);
  }

  /** Frees the averages. */
  dispose(): void {
    this.checkFree('dispose of');
    for (const { other } of this.pairs) other.dispose();
  }

  private state(): NamedTensor[] {
    this.checkThere();
    return [
      { name: 'iter', tensor: scalar(this.counter.value, 'int32') },
      ...this.pairs.map((pair) => ({ name: `${pair.weight.name}/average`, tensor: this.averageOf(pair) })),
    ];
  }

  private averageOf({ weight, other }: Pair): Variable {
    return this.users > 0 ? weight : other;
  }

  private enter(): void {
    this.users += 1;
    if (this.users > 1) return;
    this.kept = this.pairs.map(({ other }) => keep(other.clone()));
    for (const { weight, other } of this.pairs) {
      const own = weight.clone();
      weight.assign(other);
      other.assign(own);
      own.dispose();
    }
  }

  private leave(): void {
    this.users -= 1;
    if (this.users > 0) return;
    this.pairs.forEach(({ weight, other }, index) => {
      const average = this.kept[index] as Tensor;
      weight.assign(other);
      other.assign(average);
      average.dispose();
    });
    this.kept = [];
  }

  private checkThere(): void {
    if (this.pairs.some(({ other }) => other.isDisposed)) throw new Error('The averages were disposed.');
  }

  private checkFree(what: string): void {
    if (this.users > 0)
      throw new Error(`The averages are in use as weights; ${what} them after use() has ended.`);
    if (what !== 'dispose of') this.checkThere();
  }
}

let averages = 0;

function checkWeight(weight: unknown, index: number): void {
  if (weight instanceof Variable && weight.dtype === 'float32') return;
  if (weight instanceof Variable) {
    throw new TypeError(
      `WeightAverage: "${weight.name}" is of ${weight.dtype}; only variables of float32 can be averaged.`,
    );
  }
  const isOfLayer = typeof (weight as { read?: unknown } | null)?.read === 'function';
  throw new TypeError(
    `WeightAverage takes variables, but weights[${index}] is ${isOfLayer ? 'a weight of tf.layers: give' : 'none. From tf.layers give'} ` +
      'model.trainableWeights.map((weight) => weight.read()).',
  );
}

function checkDecay(decay: number): number {
  if (decay >= 0 && decay < 1) return decay;
  throw new RangeError(`WeightAverage: decay must be a number in [0, 1), got ${decay}.`);
}
