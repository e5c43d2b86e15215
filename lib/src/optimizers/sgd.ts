import { add, mul } from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { optimizer, type OptionsOf } from './base/optimizer';
import { like, type SlotTable } from './parameters/rules';
import { flag, fraction, rate } from './parameters/settings';

/**
 * Stochastic gradient descent, with momentum if wanted.
 *
 * When to use it: as the baseline; convolutional networks. Its update is as large as the gradient: its learning rate
 * has no fixed relation to AdamW's (10 to 1000 times larger is usual).
 *
 * $$v_t=\mu v_{t-1}+g_t,\quad u_t=v_t\ (\text{Nesterov: }g_t+\mu v_t),\quad\theta_t=\theta_{t-1}-\eta_t(u_t+\lambda_t\theta_{t-1})$$
 *
 * The velocity sums gradients, not steps: a learning rate that changes acts at once, as in PyTorch and unlike Keras.
 *
 * State: `velocity`, 4 bytes per parameter, none without momentum.
 * Defaults: learningRate 0.01, momentum 0, nesterov false, weightDecay 0.
 *
 * @throws TypeError if `nesterov` is set without momentum.
 *
 * @example
 * const optimizer = sgd({ learningRate: 0.1, momentum: 0.9 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013
 */
export const sgd = optimizer(
  'Sgd',
  {
    settings: {
      /** η; default 0.01. */
      learningRate: rate(0.01),
      /** μ, weight of the old velocity; default 0, no momentum and no state. */
      momentum: fraction(0),
      /** Look ahead along the velocity; needs momentum. Default false. */
      nesterov: flag(false),
      /** λ of decoupled weight decay, θ ← θ − η(u + λθ); default 0. */
      weightDecay: rate(0),
    },
    scalars: ({ momentum }) => ({ momentum }),
    slots: (parameter, { momentum }): SlotTable<'velocity'> =>
      momentum === 0 ? {} : { velocity: like(parameter) },
    update({ theta, g, slots, h, settings }) {
      if (settings.momentum === 0) return { theta: descend(theta, g, h), slots: {} };
      const v = add(mul(h.momentum, slots.velocity), g);
      const u = settings.nesterov ? add(g, mul(h.momentum, v)) : v;
      return { theta: descend(theta, u, h), slots: { velocity: v } };
    },
    check({ nesterov, momentum }) {
      if (nesterov && momentum === 0) {
        throw new TypeError('nesterov needs momentum, e.g. { momentum: 0.9, nesterov: true }.');
      }
    },
  },
  // TensorFlow.js registers its own optimizer as "SGD".
  { className: 'LiandanSGD' },
);
export type SgdOptions = OptionsOf<typeof sgd>;
