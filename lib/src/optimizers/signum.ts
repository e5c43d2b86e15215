import { add, mul, serialization, sign } from '@tensorflow/tfjs-core';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { fraction, rate } from './parameters/options';
import { like, type ParameterSpec } from './parameters/rules';
import { evaluate } from './rates/schedules';
import { descend } from './base/descend';

export interface SignumSettings extends CommonSettings {
  /** β, weight of the old momentum in the new one; default 0.9. */
  beta: number;
}
export type SignumOptions = OptimizerOptions<SignumSettings>;

type Slot = 'momentum';
type Hyper = 'learningRate' | 'beta' | 'oneMinusBeta';

/**
 * Signum: the sign of the averaged gradient; what Lion is when its two betas are equal.
 *
 * When to use it: to see what Lion's second beta adds. Learning rate and weight decay as for {@link Lion}.
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
export class Signum extends Optimizer<SignumSettings, Slot, Hyper> {
  /** @nocollapse */
  static readonly className = 'Signum';

  constructor(options: SignumOptions = {}) {
    super(options, {
      learningRate: { default: 1e-4, check: rate },
      beta: { default: 0.9, check: fraction },
      weightDecay: { default: 0, check: rate },
    });
  }

  hyperparameters(step: number, { learningRate, beta } = this.settings) {
    return { learningRate: evaluate(learningRate, step), beta, oneMinusBeta: 1 - beta };
  }

  slots(parameter: ParameterSpec) {
    return { momentum: like(parameter) };
  }

  update({ parameter, gradient: g, slots, hyperparameters: h }: UpdateInputs<SignumSettings, Slot, Hyper>) {
    const m = add(mul(h.beta, slots.momentum), mul(h.oneMinusBeta, g)); // (5.7)
    return {
      parameter: descend(parameter, sign(m), h), // (5.8)
      slots: { momentum: m },
    } satisfies UpdateResult<Slot>;
  }
}
serialization.registerClass(Signum);

/** A {@link Signum} optimizer. */
export const signum = (options?: SignumOptions): Signum => new Signum(options);
