import { add, div, mul, sqrt, square } from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { like } from './parameters/rules';
import { fraction, nonNegative, rate } from './parameters/settings';
import { biasCorrection } from './rates/biasCorrection';

/**
 * RMSProp as the article on AdaFactor writes it: Adam without its first moment, ε inside the root.
 *
 * When to use it: to see what Adam's momentum adds, and what AdaFactor saves. Learning rate as for AdamW.
 *
 * $$v_t=\beta_2v_{t-1}+(1-\beta_2)g_t^2,\quad\hat v_t=\frac{v_t}{1-\beta_2^t},\quad\theta_t=\theta_{t-1}-\eta_t\Big(\frac{g_t}{\sqrt{\hat v_t+\epsilon}}+\lambda_t\theta_{t-1}\Big)$$
 *
 * State: `secondMoment`, 4 bytes per parameter. Defaults: learningRate 1e-3, beta2 0.999, epsilon 1e-16, weightDecay 0.
 *
 * @example
 * const optimizer = rmsProp({ learningRate: 1e-3 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see https://kexue.fm/archives/7302, equation (2)
 */
export const rmsProp = optimizer(
  'RmsProp',
  {
    settings: {
      /** η; default 1e-3. */
      learningRate: rate(1e-3),
      /** β₂, decay of the second moment; default 0.999. */
      beta2: fraction(0.999),
      /** ε, added to the second moment inside the root; default 1e-16, whose root is Adam's ε. */
      epsilon: nonNegative(1e-16),
      /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0. */
      weightDecay: rate(0),
    },
    scalars: ({ beta2, epsilon }, step) => ({
      beta2,
      oneMinusBeta2: 1 - beta2,
      biasCorrection2: biasCorrection(beta2, step),
      epsilon,
    }),
    slots: (parameter) => ({ secondMoment: like(parameter) }),
    update({ theta, g, slots, h }) {
      const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g))); // (1.2)
      const u = div(g, sqrt(add(div(v, h.biasCorrection2), h.epsilon))); // (1.5)
      return { theta: descend(theta, u, h), slots: { secondMoment: v } };
    },
  },
  // TensorFlow.js registers its own optimizer as "RMSProp".
  { className: 'LiandanRMSProp' },
);
export type RmsPropOptions = OptionsOf<typeof rmsProp>;
