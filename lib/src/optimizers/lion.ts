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

export interface LionSettings extends CommonSettings {
  /** β₁, weight of the old momentum in the update; default 0.9. */
  beta1: number;
  /** β₂, weight of the old momentum in the new one; default 0.99. */
  beta2: number;
}
export type LionOptions = OptimizerOptions<LionSettings>;

type Slot = 'momentum';
type Hyper = 'learningRate' | 'beta1' | 'oneMinusBeta1' | 'beta2' | 'oneMinusBeta2';

/**
 * Lion: the sign of a momentum, found by a program search; half of Adam's memory and no division or root.
 *
 * When to use it: vision and language models with batches of 64 or more. Its update has root mean square 1, AdamW's
 * about 0.2: take AdamW's learning rate divided by 3 to 10, and its weight decay times the same factor.
 *
 * $$u_t=\mathrm{sign}(\beta_1m_{t-1}+(1-\beta_1)g_t),\quad\theta_t=\theta_{t-1}-\eta_t(u_t+\lambda_t\theta_{t-1}),\quad m_t=\beta_2m_{t-1}+(1-\beta_2)g_t$$
 *
 * State: `momentum`, 4 bytes per parameter. Defaults: learningRate 1e-4, beta1 0.9, beta2 0.99, weightDecay 0.
 * For language models the authors use `lionBetas.language`. Errors: {@link Optimizer}.
 *
 * @example
 * const optimizer = lion({ learningRate: 3e-4, weightDecay: 0.01, excludeFromWeightDecay: /bias/ });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see Chen et al., Symbolic Discovery of Optimization Algorithms, https://arxiv.org/abs/2302.06675;
 *   https://kexue.fm/archives/9473
 */
export class Lion extends Optimizer<LionSettings, Slot, Hyper> {
  /** @nocollapse */
  static readonly className = 'Lion';

  constructor(options: LionOptions = {}) {
    super(options, {
      learningRate: { default: 1e-4, check: rate },
      beta1: { default: 0.9, check: fraction },
      beta2: { default: 0.99, check: fraction },
      weightDecay: { default: 0, check: rate },
    });
  }

  hyperparameters(step: number, { learningRate, beta1, beta2 } = this.settings) {
    return {
      learningRate: evaluate(learningRate, step),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
    };
  }

  slots(parameter: ParameterSpec) {
    return { momentum: like(parameter) };
  }

  update({
    parameter,
    gradient: g,
    slots: { momentum: m },
    hyperparameters: h,
  }: UpdateInputs<LionSettings, Slot, Hyper>) {
    const u = sign(add(mul(h.beta1, m), mul(h.oneMinusBeta1, g))); // (5.1)
    return {
      parameter: descend(parameter, u, h), // (5.2)
      slots: { momentum: add(mul(h.beta2, m), mul(h.oneMinusBeta2, g)) }, // (5.3)
    } satisfies UpdateResult<Slot>;
  }
}
serialization.registerClass(Lion);

/** The pairs that the authors of Lion found: for vision (the default) and for language models. */
export const lionBetas = {
  vision: { beta1: 0.9, beta2: 0.99 },
  language: { beta1: 0.95, beta2: 0.98 },
} as const;

/** A {@link Lion} optimizer. */
export const lion = (options?: LionOptions): Lion => new Lion(options);
