import { add, mul } from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { sign } from './base/sign';
import { like } from './parameters/rules';
import { fraction, rate } from './parameters/settings';

/**
 * Lion: the sign of a momentum, found by a program search; half of Adam's memory and no division or root.
 *
 * When to use it: vision and language models with batches of 64 or more. Its update has root mean square 1, AdamW's
 * about 0.2: take AdamW's learning rate divided by 3 to 10, and its weight decay times the same factor.
 *
 * $$u_t=\mathrm{sign}(\beta_1m_{t-1}+(1-\beta_1)g_t),\quad\theta_t=\theta_{t-1}-\eta_t(u_t+\lambda_t\theta_{t-1}),\quad m_t=\beta_2m_{t-1}+(1-\beta_2)g_t$$
 *
 * State: `momentum`, 4 bytes per parameter. Defaults: learningRate 1e-4, beta1 0.9, beta2 0.99, weightDecay 0.
 * For language models the authors use `lionBetas.language`.
 *
 * @example
 * const optimizer = lion({ learningRate: 3e-4, weightDecay: 0.01, excludeFromWeightDecay: /bias/ });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Chen et al., Symbolic Discovery of Optimization Algorithms, https://arxiv.org/abs/2302.06675;
 *   https://kexue.fm/archives/9473
 */
export const lion = optimizer('Lion', {
  settings: {
    /** η; default 1e-4. */
    learningRate: rate(1e-4),
    /** β₁, weight of the old momentum in the update; default 0.9. */
    beta1: fraction(0.9),
    /** β₂, weight of the old momentum in the new one; default 0.99. */
    beta2: fraction(0.99),
    /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0. */
    weightDecay: rate(0),
  },
  scalars: ({ beta1, beta2 }) => ({ beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2 }),
  slots: (parameter) => ({ momentum: like(parameter) }),
  update({ theta, g, slots: { momentum: m }, h }) {
    const u = sign(add(mul(h.beta1, m), mul(h.oneMinusBeta1, g))); // (5.1)
    return {
      theta: descend(theta, u, h), // (5.2)
      slots: { momentum: add(mul(h.beta2, m), mul(h.oneMinusBeta2, g)) }, // (5.3)
    };
  },
});
export type LionOptions = OptionsOf<typeof lion>;

/** The pairs that the authors of Lion found: for vision (the default) and for language models. */
export const lionBetas = {
  vision: { beta1: 0.9, beta2: 0.99 },
  language: { beta1: 0.95, beta2: 0.98 },
} as const;
