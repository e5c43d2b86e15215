import {
  add,
  div,
  maximum,
  mean,
  mul,
  rsqrt,
  scalar,
  serialization,
  sqrt,
  square,
  sub,
} from '@tensorflow/tfjs-core';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { axesOrNull, fraction, nonNegative, numberOrNull, positive, rate } from './parameters/options';
import { like, sizeOf, type ParameterSpec, type SlotSpec } from './parameters/rules';
import { evaluate } from './rates/schedules';

export interface AmosSettings extends CommonSettings {
  /** β, decay of the second moment; default 0.999. 1 − β should be of the order of the learning rate. */
  beta: number;
  /**
   * η̃, expected scale of the trained parameter; set it by `groups`. Null, the default: by role, that is 0.5 for
   * biases and vectors, 1 for `/gamma|scale/`, √(2/width) for `/embedding/`, √(1/fan-in) for other matrices
   * (√(2/fan-in) is right before ReLU or GELU).
   */
  scale: number | null;
  /**
   * Axes over which the squared gradient is averaged; the state keeps the others. Null, the default: by role, that is
   * the last for `/embedding/` (state [V, 1]), all but the last for other matrices (state [1, out]), all for vectors.
   */
  reducedAxes: readonly number[] | null;
  /** ε, least second moment; default 2⁻¹²⁵. */
  epsilon: number;
  /** Coefficient within c, the slowing of the decay; default 0.25. */
  cCoefficient: number;
  /** Coefficient within d, the slowing of the step; default 0.25. */
  dCoefficient: number;
  /** Weight of the old step in an average of steps; default 0, none, and no state for it. */
  momentum: number;
  /** Further decay inside the slowed step, not multiplied by the learning rate; default 0. */
  extraL2: number;
}
export type AmosOptions = OptimizerOptions<AmosSettings>;

type Slot = 'secondMoment' | 'accumulatedDecay' | 'momentum';
type Hyper =
  | 'learningRate'
  | 'beta'
  | 'oneMinusBeta'
  | 'biasCorrection'
  | 'epsilon'
  | 'cCoefficient'
  | 'dCoefficient'
  | 'half'
  | 'one'
  | 'momentum'
  | 'oneMinusMomentum'
  | 'extraL2';

/**
 * Amos: learning rate decay and weight decay that adapt to each variable, from one global rate and expected scales.
 *
 * When to use it: pre-training where the number of independent batches N is known: learningRate ≈ 1/√N, held constant;
 * it decays by itself. Weight decay is built in; leave `weightDecay` at 0.
 *
 * $$v\leftarrow\beta v+(1-\beta)\overline{g^2},\quad r=\frac{1-\beta^t}{\max(v,\epsilon)},\quad\gamma=c\,\xi^2r\,\overline{g^2},\quad c=(1+\tfrac14\sqrt\xi\,b)^{-1/2},\quad d=(1+\tfrac14\sqrt{\xi\tilde\eta}\,b)^{-1}$$
 * $$\theta\leftarrow\theta-d\,(\xi\tilde\eta\sqrt r\,g+\tfrac12\gamma\theta),\quad b\leftarrow b+\gamma(1+b)$$
 *
 * with ξ the learning rate and η̃ the `scale`. Gradients are clipped before by `clipValue`.
 *
 * State: `secondMoment` and `accumulatedDecay` of the reduced shape, 8 bytes per output of a matrix; `momentum` as well,
 * 4 bytes per parameter, if it is above 0.
 * Defaults: learningRate 1e-2, beta 0.999, momentum 0, extraL2 0, weightDecay 0.
 *
 * @throws RangeError if `reducedAxes` names an axis that a parameter does not have.
 *
 * @example
 * const optimizer = amos({ learningRate: 0.05, beta: 0.98, groups: [{ match: /dense1\/kernel/, scale: Math.sqrt(2 / 784) }] });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Tian and Parikh, Amos: An Adam-style Optimizer with Adaptive Weight Decay, https://arxiv.org/abs/2210.11693;
 *   https://kexue.fm/archives/9344
 */
export class Amos extends Optimizer<AmosSettings, Slot, Hyper> {
  /** @nocollapse */
  static readonly className = 'Amos';

  constructor(options: AmosOptions = {}) {
    super(options, {
      learningRate: { default: 1e-2, check: rate },
      beta: { default: 0.999, check: fraction },
      scale: { default: null, check: numberOrNull(positive) },
      reducedAxes: { default: null, check: axesOrNull },
      epsilon: { default: 2 ** -125, check: positive },
      cCoefficient: { default: 0.25, check: nonNegative },
      dCoefficient: { default: 0.25, check: nonNegative },
      momentum: { default: 0, check: fraction },
      extraL2: { default: 0, check: nonNegative },
      weightDecay: { default: 0, check: rate },
    });
  }

  hyperparameters(step: number, settings = this.settings) {
    const { learningRate, beta, epsilon, cCoefficient, dCoefficient, momentum, extraL2 } = settings;
    return {
      learningRate: evaluate(learningRate, step),
      beta,
      oneMinusBeta: 1 - beta,
      biasCorrection: -Math.expm1(step * Math.log(beta)), // 1 − βᵗ
      epsilon,
      cCoefficient,
      dCoefficient,
      half: 0.5,
      one: 1,
      momentum,
      oneMinusMomentum: 1 - momentum,
      extraL2,
    };
  }

  slots(parameter: ParameterSpec, settings = this.settings): Partial<Record<Slot, SlotSpec>> {
    const axes = reducedAxes(parameter, settings);
    const reduced = parameter.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
    const shape = axes.length === parameter.shape.length ? [] : reduced;
    return {
      secondMoment: { shape, dtype: 'float32' },
      accumulatedDecay: { shape, dtype: 'float32' },
      ...(settings.momentum > 0 && { momentum: like(parameter) }),
    };
  }

  update({
    parameter,
    gradient: g,
    slots,
    hyperparameters: h,
    spec,
    settings,
  }: UpdateInputs<AmosSettings, Slot, Hyper>): UpdateResult<Slot> {
    const axes = reducedAxes(spec, settings);
    const whole = axes.length === spec.shape.length;
    const xi = h.learningRate;
    const step = mul(xi, scalar(scaleOf(spec, settings)));
    const b = slots.accumulatedDecay;

    const squares = whole ? mean(square(g)) : mean(square(g), [...axes], true);
    const v = add(mul(h.beta, slots.secondMoment), mul(h.oneMinusBeta, squares)); // (4.5)
    const r = div(h.biasCorrection, maximum(v, h.epsilon));
    const c = rsqrt(add(h.one, mul(mul(h.cCoefficient, sqrt(xi)), b)));
    const gamma = mul(mul(mul(c, square(xi)), r), squares); // (4.6)
    const d = div(h.one, add(h.one, mul(mul(h.dCoefficient, sqrt(step)), b))); // (4.7)
    const shrink = add(mul(h.half, gamma), h.extraL2);
    const delta = mul(d, add(mul(mul(step, sqrt(r)), g), mul(shrink, parameter))); // (4.8)
    const next = add(b, mul(gamma, add(h.one, b))); // (4.9)

    const averaged =
      settings.momentum > 0 ? add(mul(h.momentum, slots.momentum), mul(h.oneMinusMomentum, delta)) : delta;
    const total = h.weightDecay ? add(averaged, mul(mul(step, h.weightDecay), parameter)) : averaged;
    return {
      parameter: sub(parameter, total),
      slots: {
        secondMoment: v,
        accumulatedDecay: next,
        ...(settings.momentum > 0 && { momentum: averaged }),
      },
    };
  }
}
serialization.registerClass(Amos);

function scaleOf({ name, shape }: ParameterSpec, { scale }: Readonly<AmosSettings>): number {
  if (scale !== null) return scale;
  if (/embedding/.test(name) && shape.length > 1) return Math.sqrt(2 / (shape.at(-1) ?? 1));
  if (shape.length > 1) return Math.sqrt(1 / Math.max(1, sizeOf(shape.slice(0, -1))));
  return /gamma|scale/.test(name) ? 1 : 0.5;
}

function reducedAxes({ name, shape }: ParameterSpec, settings: Readonly<AmosSettings>): readonly number[] {
  const last = shape.length - 1;
  if (settings.reducedAxes) {
    const missing = settings.reducedAxes.find((axis) => axis > last);
    if (missing === undefined) return settings.reducedAxes;
    throw new RangeError(
      `Amos: reducedAxes names axis ${missing}, but "${name}" has shape [${shape.join(', ')}].`,
    );
  }
  const axes = shape.map((_, axis) => axis);
  if (last < 1) return axes;
  return /embedding/.test(name) ? [last] : axes.slice(0, -1);
}

/** An {@link Amos} optimizer. */
export const amos = (options?: AmosOptions): Amos => new Amos(options);
