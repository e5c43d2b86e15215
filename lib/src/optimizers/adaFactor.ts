import {
  add,
  div,
  expandDims,
  maximum,
  mean,
  minimum,
  mul,
  rsqrt,
  square,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { rootMeanSquare } from './base/norms';
import { optimizer, type OptionsOf } from './base/optimizer';
import { like, type SlotSpec, type SlotTable } from './parameters/rules';
import { flag, fraction, nonNegative, orNull, positive, positiveInteger, rate } from './parameters/settings';
import { relativeStep } from './rates/schedules';

type Slot = 'rowSecondMoment' | 'columnSecondMoment' | 'secondMoment' | 'firstMoment';

/**
 * AdaFactor: Adam's second moment from its row and column means, no first moment, updates relative to the parameter.
 *
 * When to use it: where memory is scarce; batches should be large. Its learning rate is relative, about 1e-3 for long
 * runs and 1e-2 for short ones; without one it takes min(10⁻², 1/√t).
 *
 * $$\hat\beta_{2,t}=1-t^{-c},\quad v^{(r)}_t=\hat\beta_{2,t}v^{(r)}_{t-1}+(1-\hat\beta_{2,t})\overline{(g_t^2+\epsilon_1)}^{\,j},\quad v^{(c)}_t\ \text{likewise},\quad\hat v_{ij}=\frac{v^{(r)}_iv^{(c)}_j}{\overline{v^{(r)}}}$$
 * $$u_t=\frac{g_t}{\sqrt{\hat v_t}},\quad\hat u_t=\frac{u_t}{\max(1,\mathrm{RMS}(u_t)/d)},\quad\theta_t=\theta_{t-1}-\alpha_t\max(\epsilon_2,\mathrm{RMS}(\theta_{t-1}))(\hat u_t+\lambda_t\theta_{t-1})$$
 *
 * The two largest dimensions are factored (of equal ones the last), in tensors of any rank from 2. A first moment, where
 * wanted, averages û before it is scaled. ε₁ = 1e-30 is 0 in float16.
 *
 * State: `rowSecondMoment` and `columnSecondMoment`, of the shape without one of the two dimensions each; unfactored
 * `secondMoment`, 4 bytes per parameter; `firstMoment` as well if `beta1` is above 0.
 * Defaults: decayExponent 0.8, clipThreshold 1, epsilon1 1e-30, epsilon2 1e-3, beta1 0, weightDecay 0.
 *
 * @example
 * const optimizer = adaFactor({ learningRate: 1e-2, minDimensionSizeToFactor: 1 });
 * const x = tf.variable(tf.tensor2d([[1, -2], [3, 4]]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, https://arxiv.org/abs/1804.04235;
 *   https://kexue.fm/archives/7302
 */
export const adaFactor = optimizer('AdaFactor', {
  settings: {
    /** α, relative to the size of the parameter; default min(10⁻², 1/√t). */
    learningRate: rate(relativeStep()),
    /** c of β̂ = 1 − t^(−c), in (0, 1]; default 0.8. */
    decayExponent: positive(0.8),
    /** d, the most that the root mean square of the update may be; null: no bound. Default 1. */
    clipThreshold: orNull(positive(1), 1),
    /** β₁ of a first moment of the update; 0, the default: none, and no state for it. */
    beta1: fraction(0),
    /** ε₁, added to g²; default 1e-30. */
    epsilon1: nonNegative(1e-30),
    /** ε₂, least root mean square of a parameter, so that tensors of zeros move; default 1e-3. */
    epsilon2: nonNegative(1e-3),
    /** Whether the learning rate is relative to the parameter's root mean square; default true. */
    scaleByParameter: flag(true),
    /** Tensors whose second largest dimension is at least this are factored; default 128. */
    minDimensionSizeToFactor: positiveInteger(128),
    /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0. */
    weightDecay: rate(0),
  },
  scalars({ decayExponent, clipThreshold, beta1, epsilon1, epsilon2 }, step) {
    const oneMinusBeta2 = step ** -decayExponent;
    return {
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2: 1 - oneMinusBeta2, // (1.6)
      oneMinusBeta2,
      epsilon1,
      epsilon2,
      clipThreshold: clipThreshold ?? 1,
    };
  },
  slots(parameter, { minDimensionSizeToFactor, beta1 }): SlotTable<Slot> {
    const axes = factoredAxes(parameter.shape, minDimensionSizeToFactor);
    const without = (axis: number): SlotSpec => ({
      shape: parameter.shape.filter((_, i) => i !== axis),
      dtype: 'float32',
    });
    return {
      ...(axes
        ? { rowSecondMoment: without(axes[1]), columnSecondMoment: without(axes[0]) }
        : { secondMoment: like(parameter) }),
      ...(beta1 > 0 && { firstMoment: like(parameter) }),
    };
  },
  update({ theta, g, slots, h, parameter, settings }) {
    const axes = factoredAxes(parameter.shape, settings.minDimensionSizeToFactor);
    const average = (old: Tensor, now: Tensor): Tensor => add(mul(h.beta2, old), mul(h.oneMinusBeta2, now));
    const squares = add(square(g), h.epsilon1);
    const next: Partial<Record<Slot, Tensor>> = {};
    let u: Tensor;
    if (axes) {
      const [a, b] = axes;
      const r = (next.rowSecondMoment = bounded(average(slots.rowSecondMoment, mean(squares, b)))); // (1.7)
      const c = (next.columnSecondMoment = bounded(average(slots.columnSecondMoment, mean(squares, a)))); // (1.8)
      // Two roots, and a bound below: the product of two means of ε₁ would underflow, and 0/0 with it.
      const rows = rsqrt(maximum(div(r, mean(r, a, true)), 1e-37));
      u = mul(mul(g, expandDims(rows, b)), expandDims(rsqrt(c), a)); // (1.9)
    } else {
      next.secondMoment = average(slots.secondMoment, squares);
      u = mul(g, rsqrt(next.secondMoment));
    }
    if (settings.clipThreshold !== null) u = div(u, maximum(1, div(rootMeanSquare(u), h.clipThreshold))); // (1.10)
    if (settings.beta1 > 0)
      u = next.firstMoment = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, u));
    const learningRate = settings.scaleByParameter
      ? mul(h.learningRate, maximum(h.epsilon2, rootMeanSquare(theta)))
      : h.learningRate;
    return { theta: descend(theta, u, { learningRate, weightDecay: h.weightDecay }), slots: next }; // (1.11)
  },
});
export type AdaFactorOptions = OptionsOf<typeof adaFactor>;

/** Squares of gradients beyond 1e15: infinite row and column means would make 0/0 of the factors. */
const bounded = (moment: Tensor): Tensor => minimum(moment, 1e30);

/** The two largest dimensions in order of their axes, of equal ones the last; undefined where it does not pay. */
function factoredAxes(shape: readonly number[], minimum: number): [number, number] | undefined {
  const bySize = shape
    .map((length, axis) => ({ length, axis }))
    .sort((p, q) => q.length - p.length || q.axis - p.axis);
  const [largest, second] = bySize;
  if (!largest || !second || second.length < minimum) return undefined;
  return [Math.min(largest.axis, second.axis), Math.max(largest.axis, second.axis)];
}
