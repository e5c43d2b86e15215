import { add, mul } from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { sign } from './base/sign';
import { like } from './parameters/rules';
import { fraction, rate } from './parameters/settings';

/**
 * Signum: the sign of the averaged gradient; what Lion is when its two betas are equal.
 *
 * When to use it: to see what Lion's second beta adds. Learning rate and weight decay as for {@link lion}.
 *
 * $$m_t=\beta m_{t-1}+(1-\beta)g_t,\quad u_t=\mathrm{sign}(m_t),\quad\theta_t=\theta_{t-1}-\eta_t(u_t+\lambda_t\theta_{t-1})$$
 *
 * State: `momentum`, 4 bytes per parameter. Defaults: learningRate 1e-4, beta 0.9, weightDecay 0 (the original has none).
 *
 * @example
 * const optimizer = signum({ learningRate: 3e-4 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, https://arxiv.org/abs/1802.04434;
 *   https://kexue.fm/archives/9473
 */
export const signum = optimizer('Signum', {
  settings: {
    /** η; default 1e-4. */
    learningRate: rate(1e-4),
    /** β, weight of the old momentum in the new one; default 0.9. */
    beta: fraction(0.9),
    /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0. */
    weightDecay: rate(0),
  },
  scalars: ({ beta }) => ({ beta, oneMinusBeta: 1 - beta }),
  slots: (parameter) => ({ momentum: like(parameter) }),
  update({ theta, g, slots, h }) {
    const m = add(mul(h.beta, slots.momentum), mul(h.oneMinusBeta, g)); // (5.5)
    return { theta: descend(theta, sign(m), h), slots: { momentum: m } }; // (5.5)
  },
});
export type SignumOptions = OptionsOf<typeof signum>;
