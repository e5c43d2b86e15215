import { add, mul, serialization } from '@tensorflow/tfjs-core';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { flag, fraction, rate } from './parameters/options';
import { like, type ParameterSpec, type SlotSpec } from './parameters/rules';
import { evaluate } from './rates/schedules';
import { descend } from './base/descend';

export interface SgdSettings extends CommonSettings {
  /** μ, weight of the old velocity; default 0, no momentum and no state. */
  momentum: number;
  /** Look ahead along the velocity; needs momentum. Default false. */
  nesterov: boolean;
}
export type SgdOptions = OptimizerOptions<SgdSettings>;

type Slot = 'velocity';
type Hyper = 'learningRate' | 'momentum';

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
export class Sgd extends Optimizer<SgdSettings, Slot, Hyper> {
  /**
   * TensorFlow.js registers its own optimizer as "SGD".
   *
   * @nocollapse
   */
  static readonly className = 'LiandanSGD';

  constructor(options: SgdOptions = {}) {
    super(options, {
      learningRate: { default: 0.01, check: rate },
      momentum: { default: 0, check: fraction },
      nesterov: { default: false, check: flag },
      weightDecay: { default: 0, check: rate },
    });
    if (this.settings.nesterov && this.settings.momentum === 0) {
      throw new TypeError('nesterov needs momentum, e.g. { momentum: 0.9, nesterov: true }.');
    }
  }

  hyperparameters(step: number, { learningRate, momentum } = this.settings) {
    return { learningRate: evaluate(learningRate, step), momentum };
  }

  slots(parameter: ParameterSpec, { momentum } = this.settings): Partial<Record<Slot, SlotSpec>> {
    return momentum === 0 ? {} : { velocity: like(parameter) };
  }

  update({
    parameter,
    gradient: g,
    slots,
    hyperparameters: h,
    settings,
  }: UpdateInputs<SgdSettings, Slot, Hyper>): UpdateResult<Slot> {
    if (settings.momentum === 0) return { parameter: descend(parameter, g, h), slots: {} };
    const v = add(mul(h.momentum, slots.velocity), g);
    const u = settings.nesterov ? add(g, mul(h.momentum, v)) : v;
    return { parameter: descend(parameter, u, h), slots: { velocity: v } };
  }
}
serialization.registerClass(Sgd);

/** An {@link Sgd} optimizer. */
export const sgd = (options?: SgdOptions): Sgd => new Sgd(options);
