import { add, div, mul, serialization, sqrt, square } from '@tensorflow/tfjs-core';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { fraction, nonNegative, rate } from './parameters/options';
import { like, type ParameterSpec } from './parameters/rules';
import { evaluate } from './rates/schedules';
import { descend } from './base/descend';

export interface RmsPropSettings extends CommonSettings {
  /** β₂, decay of the second moment; default 0.999. */
  beta2: number;
  /** ε, added to the second moment inside the root; default 1e-16, whose root is Adam's ε. */
  epsilon: number;
}
export type RmsPropOptions = OptimizerOptions<RmsPropSettings>;

type Slot = 'secondMoment';
type Hyper = 'learningRate' | 'beta2' | 'oneMinusBeta2' | 'biasCorrection2' | 'epsilon';

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
export class RmsProp extends Optimizer<RmsPropSettings, Slot, Hyper> {
  /**
   * TensorFlow.js registers its own optimizer as "RMSProp".
   *
   * @nocollapse
   */
  static readonly className = 'LiandanRMSProp';

  constructor(options: RmsPropOptions = {}) {
    super(options, {
      learningRate: { default: 1e-3, check: rate },
      beta2: { default: 0.999, check: fraction },
      epsilon: { default: 1e-16, check: nonNegative },
      weightDecay: { default: 0, check: rate },
    });
  }

  hyperparameters(step: number, { learningRate, beta2, epsilon } = this.settings) {
    return {
      learningRate: evaluate(learningRate, step),
      beta2,
      oneMinusBeta2: 1 - beta2,
      biasCorrection2: -Math.expm1(step * Math.log(beta2)), // 1 − β₂ᵗ
      epsilon,
    };
  }

  slots(parameter: ParameterSpec) {
    return { secondMoment: like(parameter) };
  }

  update({ parameter, gradient: g, slots, hyperparameters: h }: UpdateInputs<RmsPropSettings, Slot, Hyper>) {
    const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g))); // (1.2)
    const u = div(g, sqrt(add(div(v, h.biasCorrection2), h.epsilon))); // (1.5)
    return { parameter: descend(parameter, u, h), slots: { secondMoment: v } } satisfies UpdateResult<Slot>;
  }
}
serialization.registerClass(RmsProp);

/** An {@link RmsProp} optimizer. */
export const rmsProp = (options?: RmsPropOptions): RmsProp => new RmsProp(options);
