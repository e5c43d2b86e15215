import { add, div, mul, sqrt, square } from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { like } from './parameters/rules';
import { choice, fraction, nonNegative, positive, rate } from './parameters/settings';

/**
 * AdaX: Adam with a second moment that remembers early gradients best, and so comes to rest.
 *
 * When to use it: where AdamW's late jitter matters and gradients do not shrink much on the way; from about 1/β₂ steps
 * on, v̂ is frozen. Learning rate as for AdamW up to 5 times that.
 *
 * $$m_t=\beta_1m_{t-1}+(1-\beta_1)g_t,\quad\hat v_t=\hat\beta_{2,t}\hat v_{t-1}+(1-\hat\beta_{2,t})g_t^2,\quad\hat\beta_{2,t}=1-\frac{\beta_2}{(1+\beta_2)^t-1}$$
 * $$\theta_t=\theta_{t-1}-\eta_t\Big(\frac{m_t}{\sqrt{\hat v_t}+\epsilon}+\lambda_t\theta_{t-1}\Big)$$
 *
 * m has no bias correction: the first twenty steps or so are a warm-up. The recursion for v̂ replaces that for v, which
 * overflows float32 after about 887,000 steps; β̂ is computed in float64 on the host.
 *
 * State: `firstMoment` and `secondMoment` (v̂), 8 bytes per parameter.
 * Defaults: learningRate 1e-3, beta1 0.9, beta2 1e-4, epsilon 1e-8, weightDecay 0.
 *
 * @example
 * const optimizer = adaX({ learningRate: 1e-3 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Li et al., AdaX: Adaptive Gradient Descent with Exponential Long Term Memory, https://arxiv.org/abs/2004.09740;
 *   https://kexue.fm/archives/7387
 */
export const adaX = optimizer('AdaX', {
  settings: {
    /** η; default 1e-3 (AdaX-W: 5e-3). */
    learningRate: rate(1e-3),
    /** β₁, decay of the first moment; default 0.9. */
    beta1: fraction(0.9),
    /** β₂, growth of the weights of the second moment; greater than 0, default 1e-4. */
    beta2: positive(1e-4),
    /** ε; default 1e-8 (AdaX-W: 1e-12). */
    epsilon: nonNegative(1e-8),
    /**
     * Where ε stands: `'outside'` √v̂ + ε, the default; `'inside'` √(v̂ + ε), as the article writes it; `'unnormalized'`
     * √v̂ + ε/√((1+β₂)ᵗ−1), as in the authors' code, where ε is added to the root of the second moment before its division.
     */
    epsilonPlacement: choice('outside', 'inside', 'unnormalized'),
    /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0 (AdaX-W: 0.05). */
    weightDecay: rate(0),
  },
  scalars({ beta1, beta2, epsilon, epsilonPlacement }, step) {
    const growth = Math.expm1(step * Math.log1p(beta2)); // (1 + β₂)ᵗ − 1
    const oneMinusBeta2 = beta2 / growth; // (2.3)
    return {
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2: 1 - oneMinusBeta2,
      oneMinusBeta2,
      epsilon: epsilonPlacement === 'unnormalized' ? epsilon / Math.sqrt(growth) : epsilon,
    };
  },
  slots: (parameter) => ({ firstMoment: like(parameter), secondMoment: like(parameter) }),
  update({ theta, g, slots, h, settings }) {
    const m = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, g)); // (2.1)
    const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g))); // (2.2)
    const inside = settings.epsilonPlacement === 'inside';
    const u = div(m, inside ? sqrt(add(v, h.epsilon)) : add(sqrt(v), h.epsilon)); // (2.4)
    return { theta: descend(theta, u, h), slots: { firstMoment: m, secondMoment: v } };
  },
});
export type AdaXOptions = OptionsOf<typeof adaX>;

/**
 * AdaX-W: {@link adaX} with decoupled weight decay, with the defaults of its authors: learningRate 5e-3, weightDecay
 * 0.05, epsilon 1e-12.
 *
 * When to use it: as AdaX; the product of learning rate and decay is 25 times that of AdamW's defaults.
 *
 * @example
 * const optimizer = adaXW({ learningRate: 5e-3, weightDecay: 0.05 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see https://arxiv.org/abs/2004.09740
 */
export const adaXW = optimizer('AdaXW', {
  ...adaX.definition,
  settings: {
    ...adaX.definition.settings,
    learningRate: rate(5e-3),
    epsilon: nonNegative(1e-12),
    weightDecay: rate(0.05),
  },
});
