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
import { evaluate, type Rate } from './rates/schedules';
import { descend } from './base/descend';

export interface AdamSettings extends CommonSettings {
  /** β₁, decay of the first moment; default 0.9. */
  beta1: number;
  /** β₂, decay of the second moment; default 0.999. */
  beta2: number;
  /** ε, added to the root of the second moment; default 1e-8. */
  epsilon: number;
}
export type AdamOptions = OptimizerOptions<AdamSettings>;

type Slot = 'firstMoment' | 'secondMoment';
type Hyper =
  | 'learningRate'
  | 'beta1'
  | 'oneMinusBeta1'
  | 'beta2'
  | 'oneMinusBeta2'
  | 'biasCorrection1'
  | 'biasCorrection2'
  | 'epsilon';

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
export class Adam extends Optimizer<AdamSettings, Slot, Hyper> {
  /**
   * TensorFlow.js registers its own optimizer as "Adam".
   *
   * @nocollapse
   */
  static readonly className: string = 'LiandanAdam';

  constructor(options: AdamOptions = {}, defaultWeightDecay: Rate = 0) {
    super(options, {
      learningRate: { default: 1e-3, check: rate },
      beta1: { default: 0.9, check: fraction },
      beta2: { default: 0.999, check: fraction },
      epsilon: { default: 1e-8, check: nonNegative },
      weightDecay: { default: defaultWeightDecay, check: rate },
    });
  }

  hyperparameters(step: number, { learningRate, beta1, beta2, epsilon } = this.settings) {
    return {
      learningRate: evaluate(learningRate, step),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      biasCorrection1: -Math.expm1(step * Math.log(beta1)), // 1 − β₁ᵗ
      biasCorrection2: -Math.expm1(step * Math.log(beta2)), // 1 − β₂ᵗ
      epsilon,
    };
  }

  slots(parameter: ParameterSpec) {
    return { firstMoment: like(parameter), secondMoment: like(parameter) };
  }

  update({ parameter, gradient: g, slots, hyperparameters: h }: UpdateInputs<AdamSettings, Slot, Hyper>) {
    const m = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, g)); // (1.1)
    const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g))); // (1.2)
    const u = div(div(m, h.biasCorrection1), add(sqrt(div(v, h.biasCorrection2)), h.epsilon)); // (1.3)
    return {
      parameter: descend(parameter, u, h), // (1.4)
      slots: { firstMoment: m, secondMoment: v },
    } satisfies UpdateResult<Slot>;
  }
}
serialization.registerClass(Adam);

/** An {@link Adam} optimizer. */
export const adam = (options?: AdamOptions): Adam => new Adam(options);
