import { add, div, maximum, mean, mul, rsqrt, sqrt, square, sub, type Tensor } from '@tensorflow/tfjs-core';
import { optimizer, type OptionsOf, type SettingsOf } from './base/optimizer';
import { like, sizeOf, type ParameterSpec, type SlotTable } from './parameters/rules';
import { axes, fraction, nonNegative, orNull, positive, rate } from './parameters/settings';
import { biasCorrection } from './rates/biasCorrection';

const settings = {
  /** ξ, the global learning rate; default 1e-2. */
  learningRate: rate(1e-2),
  /** β, decay of the second moment; default 0.999. 1 − β should be of the order of the learning rate. */
  beta: fraction(0.999),
  /**
   * η̃, expected scale of the trained parameter; set it by `groups`. Null, the default: by role, that is 0.5 for
   * biases and vectors, 1 for `/gamma|scale/`, √(2/width) for `/embedding/`, √(1/fan-in) for other matrices
   * (√(2/fan-in) is right before ReLU or GELU).
   */
  scale: orNull(positive(1)),
  /**
   * Axes over which the squared gradient is averaged; the state keeps the others. Null, the default: by role, that is
   * the last for `/embedding/` (state [V, 1]), all but the last for other matrices (state [1, out]), all for vectors.
   */
  reducedAxes: orNull(axes([])),
  /** ε, least second moment; default 2⁻¹²⁵. */
  epsilon: positive(2 ** -125),
  /** Coefficient within c, the slowing of the decay; default 0.25. */
  cCoefficient: nonNegative(0.25),
  /** Coefficient within d, the slowing of the step; default 0.25. */
  dCoefficient: nonNegative(0.25),
  /** Weight of the old step in an average of steps; default 0, none, and no state for it. */
  momentum: fraction(0),
  /** Further decay inside the slowed step, not multiplied by the learning rate; default 0. */
  extraL2: nonNegative(0),
  /** λ of decoupled weight decay beside the own: θ ← θ − ξη̃λθ; default 0. */
  weightDecay: rate(0),
};
type Settings = SettingsOf<typeof settings>;

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
export const amos = optimizer('Amos', {
  settings,
  scalars: ({ beta, epsilon, cCoefficient, dCoefficient, momentum, extraL2 }, step) => ({
    beta,
    oneMinusBeta: 1 - beta,
    biasCorrection: biasCorrection(beta, step),
    epsilon,
    cCoefficient,
    dCoefficient,
    momentum,
    oneMinusMomentum: 1 - momentum,
    extraL2,
  }),
  slots(parameter, settings): SlotTable<'secondMoment' | 'accumulatedDecay' | 'momentum'> {
    const reduced = reducedAxes(parameter, settings);
    const isWhole = reduced.length === parameter.shape.length;
    const shape = isWhole ? [] : parameter.shape.map((length, axis) => (reduced.includes(axis) ? 1 : length));
    return {
      secondMoment: { shape, dtype: 'float32' },
      accumulatedDecay: { shape, dtype: 'float32' },
      ...(settings.momentum > 0 && { momentum: like(parameter) }),
    };
  },
  update({ theta, g, slots, h, parameter, settings }) {
    const reduced = reducedAxes(parameter, settings);
    const isWhole = reduced.length === parameter.shape.length;
    const average = (x: Tensor): Tensor => (isWhole ? mean(x) : mean(x, [...reduced], true));
    const xi = h.learningRate;
    const step = mul(xi, scaleOf(parameter, settings));
    const b = slots.accumulatedDecay;

    const v = add(mul(h.beta, slots.secondMoment), mul(h.oneMinusBeta, average(square(g)))); // (4.5)
    const r = div(h.biasCorrection, maximum(v, h.epsilon));
    // Not r·mean(g²), which is the same: the squares of gradients below 1e-19 are too small for float32.
    const normalized = mul(sqrt(r), g);
    const c = rsqrt(add(1, mul(mul(h.cCoefficient, sqrt(xi)), b)));
    const gamma = mul(mul(c, square(xi)), average(square(normalized))); // (4.6)
    const d = div(1, add(1, mul(mul(h.dCoefficient, sqrt(step)), b))); // (4.7)
    const shrink = add(mul(0.5, gamma), h.extraL2);
    const delta = mul(d, add(mul(step, normalized), mul(shrink, theta))); // (4.8)
    const accumulatedDecay = add(b, mul(gamma, add(1, b))); // (4.9)

    const hasMomentum = settings.momentum > 0;
    const moved = hasMomentum ? add(mul(h.momentum, slots.momentum), mul(h.oneMinusMomentum, delta)) : delta;
    const total = h.weightDecay ? add(moved, mul(mul(step, h.weightDecay), theta)) : moved;
    return {
      theta: sub(theta, total),
      slots: { secondMoment: v, accumulatedDecay, ...(hasMomentum && { momentum: moved }) },
    };
  },
});
export type AmosOptions = OptionsOf<typeof amos>;

function scaleOf({ name, shape }: ParameterSpec, { scale }: Settings): number {
  if (scale !== null) return scale;
  if (/embedding/.test(name) && shape.length > 1) return Math.sqrt(2 / (shape.at(-1) ?? 1));
  if (shape.length > 1) return Math.sqrt(1 / Math.max(1, sizeOf(shape.slice(0, -1))));
  return /gamma|scale/.test(name) ? 1 : 0.5;
}

function reducedAxes({ name, shape }: ParameterSpec, settings: Settings): readonly number[] {
  const last = shape.length - 1;
  if (settings.reducedAxes) {
    const missing = settings.reducedAxes.find((axis) => axis > last);
    if (missing === undefined) return settings.reducedAxes;
    throw new RangeError(
      `Amos: reducedAxes names axis ${missing}, but "${name}" has shape [${shape.join(', ')}].`,
    );
  }
  const all = shape.map((_, axis) => axis);
  if (last < 1) return all;
  return /embedding/.test(name) ? [last] : all.slice(0, -1);
}
