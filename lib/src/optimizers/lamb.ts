import {
  add,
  div,
  logicalAnd,
  mul,
  norm,
  notEqual,
  sqrt,
  square,
  where,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { like, matches } from './parameters/rules';
import { flag, fraction, nonNegative, parameterRule, rate } from './parameters/settings';
import { biasCorrection } from './rates/biasCorrection';

/**
 * LAMB: Adam's update, decay included, scaled in each tensor to the norm of the tensor.
 *
 * When to use it: large batches; the article's point of comparison for Tiger, whose learning rate is relative like this
 * one: 1e-3 to 2e-3, the author's pre-training uses 1.76e-3 with weight decay 0.01.
 *
 * $$u_t=\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon}+\lambda\theta_{t-1},\quad\theta_t=\theta_{t-1}-\eta_t\frac{\|\theta_{t-1}\|}{\|u_t\|}u_t$$
 *
 * with ratio 1 where either norm is 0. State: `firstMoment` and `secondMoment`, 8 bytes per parameter.
 * Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-6, weightDecay 0.01, biasCorrection true.
 *
 * @example
 * const optimizer = lamb({ learningRate: 1.76e-3, excludeFromWeightDecay: /bias|beta|gamma/ });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, https://arxiv.org/abs/1904.00962
 */
export const lamb = optimizer('Lamb', {
  settings: {
    /** η, relative to the norm of the parameter; default 1e-3. */
    learningRate: rate(1e-3),
    /** β₁, decay of the first moment; default 0.9. */
    beta1: fraction(0.9),
    /** β₂, decay of the second moment; default 0.999. */
    beta2: fraction(0.999),
    /** ε, added to the root of the second moment; default 1e-6. */
    epsilon: nonNegative(1e-6),
    /** λ, within the update that is scaled to the norm of the parameter; default 0.01. */
    weightDecay: rate(0.01),
    /** Whether the moments are corrected as in Adam; default true, false in the pre-training of the articles' author. */
    biasCorrection: flag(true),
    /** Parameters whose update is not scaled by their norm, e.g. `/bias|beta|gamma/`. Default: none. */
    excludeFromLayerAdaptation: parameterRule([]),
  },
  scalars: ({ beta1, beta2, epsilon, biasCorrection: isCorrected }, step) => ({
    beta1,
    oneMinusBeta1: 1 - beta1,
    beta2,
    oneMinusBeta2: 1 - beta2,
    biasCorrection1: isCorrected ? biasCorrection(beta1, step) : 1,
    biasCorrection2: isCorrected ? biasCorrection(beta2, step) : 1,
    epsilon,
  }),
  slots: (parameter) => ({ firstMoment: like(parameter), secondMoment: like(parameter) }),
  update({ theta, g, slots, h, parameter, settings }) {
    const m = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, g));
    const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g)));
    const adam = div(div(m, h.biasCorrection1), add(sqrt(div(v, h.biasCorrection2)), h.epsilon));
    const u = h.weightDecay ? add(adam, mul(h.weightDecay, theta)) : adam;
    const isAdapted = !matches(settings.excludeFromLayerAdaptation, parameter);
    const learningRate = isAdapted ? mul(h.learningRate, trustRatio(theta, u)) : h.learningRate;
    return { theta: descend(theta, u, { learningRate }), slots: { firstMoment: m, secondMoment: v } };
  },
});
export type LambOptions = OptionsOf<typeof lamb>;

/** ‖θ‖/‖u‖, or 1 where either is 0. */
function trustRatio(theta: Tensor, u: Tensor): Tensor {
  const [size, length] = [norm(theta), norm(u)];
  return where(logicalAnd(notEqual(size, 0), notEqual(length, 0)), div(size, length), 1);
}
