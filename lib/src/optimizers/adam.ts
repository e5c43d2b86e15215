import { add, div, mul, sqrt, square } from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { like } from './parameters/rules';
import { fraction, nonNegative, rate } from './parameters/settings';
import { biasCorrection } from './rates/biasCorrection';

/**
 * Adam: the averaged gradient divided by the root of the averaged squared gradient.
 *
 * When to use it: the usual first choice, and the point of comparison of all articles.
 *
 * $$m_t=\beta_1m_{t-1}+(1-\beta_1)g_t,\quad v_t=\beta_2v_{t-1}+(1-\beta_2)g_t^2$$
 * $$\hat m_t=\frac{m_t}{1-\beta_1^t},\quad\hat v_t=\frac{v_t}{1-\beta_2^t},\quad u_t=\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon},\quad\theta_t=\theta_{t-1}-\eta_t(u_t+\lambda_t\theta_{t-1})$$
 *
 * State: `firstMoment` and `secondMoment`, 8 bytes per parameter.
 * Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8, weightDecay 0.
 *
 * @example
 * const optimizer = adam({ learningRate: 1e-3 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Kingma and Ba, Adam: A Method for Stochastic Optimization, https://arxiv.org/abs/1412.6980;
 *   https://kexue.fm/archives/7302
 */
export const adam = optimizer(
  'Adam',
  {
    settings: {
      /** η; default 1e-3. */
      learningRate: rate(1e-3),
      /** β₁, decay of the first moment; default 0.9. */
      beta1: fraction(0.9),
      /** β₂, decay of the second moment; default 0.999. */
      beta2: fraction(0.999),
      /** ε, added to the root of the second moment; default 1e-8. */
      epsilon: nonNegative(1e-8),
      /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0, for AdamW 0.01. */
      weightDecay: rate(0),
    },
    scalars: ({ beta1, beta2, epsilon }, step) => ({
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      biasCorrection1: biasCorrection(beta1, step),
      biasCorrection2: biasCorrection(beta2, step),
      epsilon,
    }),
    slots: (parameter) => ({ firstMoment: like(parameter), secondMoment: like(parameter) }),
    update({ theta, g, slots, h }) {
      const m = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, g)); // (1.1)
      const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g))); // (1.2)
      const u = div(div(m, h.biasCorrection1), add(sqrt(div(v, h.biasCorrection2)), h.epsilon)); // (1.3)
      return { theta: descend(theta, u, h), slots: { firstMoment: m, secondMoment: v } }; // (1.4)
    },
  },
  // TensorFlow.js registers its own optimizer as "Adam".
  { className: 'LiandanAdam' },
);
export type AdamOptions = OptionsOf<typeof adam>;

/**
 * AdamW: {@link adam} with decoupled weight decay, 0.01 by default. Everything else is Adam's.
 *
 * When to use it: the reference to which learning rates and decays of the other optimizers are related here.
 *
 * @example
 * const optimizer = adamW({ learningRate: 1e-3, weightDecay: 0.01, excludeFromWeightDecay: /bias/ });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Loshchilov and Hutter, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
 */
export const adamW = optimizer('AdamW', {
  ...adam.definition,
  settings: { ...adam.definition.settings, weightDecay: rate(0.01) },
});
