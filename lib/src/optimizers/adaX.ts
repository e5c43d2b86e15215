import { add, div, mul, serialization, sqrt, square } from '@tensorflow/tfjs-core';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { fraction, nonNegative, oneOf, positive, rate } from './parameters/options';
import { like, type ParameterSpec } from './parameters/rules';
import { evaluate } from './rates/schedules';
import { descend } from './base/descend';

export interface AdaXSettings extends CommonSettings {
  /** β₁, decay of the first moment; default 0.9. */
  beta1: number;
  /** β₂, growth of the weights of the second moment; greater than 0, default 1e-4. */
  beta2: number;
  /** ε; default 1e-8 (AdaX-W: 1e-12). */
  epsilon: number;
  /**
   * Where ε stands: `'outside'` √v̂ + ε, the default; `'inside'` √(v̂ + ε), as the article writes it; `'unnormalized'`
   * √v̂ + ε/√((1+β₂)ᵗ−1), as in the authors' code, where ε is added to the root of the second moment before its division.
   */
  epsilonPlacement: 'outside' | 'inside' | 'unnormalized';
}
export type AdaXOptions = OptimizerOptions<AdaXSettings>;

type Slot = 'firstMoment' | 'secondMoment';
type Hyper = 'learningRate' | 'beta1' | 'oneMinusBeta1' | 'beta2' | 'oneMinusBeta2' | 'epsilon';

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
export class AdaX extends Optimizer<AdaXSettings, Slot, Hyper> {
  /** @nocollapse */
  static readonly className: string = 'AdaX';

  constructor(options: AdaXOptions = {}, defaults = { learningRate: 1e-3, epsilon: 1e-8, weightDecay: 0 }) {
    super(options, {
      learningRate: { default: defaults.learningRate, check: rate },
      beta1: { default: 0.9, check: fraction },
      beta2: { default: 1e-4, check: positive },
      epsilon: { default: defaults.epsilon, check: nonNegative },
      epsilonPlacement: { default: 'outside', check: oneOf('outside', 'inside', 'unnormalized') },
      weightDecay: { default: defaults.weightDecay, check: rate },
    });
  }

  hyperparameters(step: number, { learningRate, beta1, beta2, epsilon, epsilonPlacement } = this.settings) {
    const growth = Math.expm1(step * Math.log1p(beta2)); // (1 + β₂)ᵗ − 1
    const oneMinusBeta2 = beta2 / growth; // (2.3)
    return {
      learningRate: evaluate(learningRate, step),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2: 1 - oneMinusBeta2,
      oneMinusBeta2,
      epsilon: epsilonPlacement === 'unnormalized' ? epsilon / Math.sqrt(growth) : epsilon,
    };
  }

  slots(parameter: ParameterSpec) {
    return { firstMoment: like(parameter), secondMoment: like(parameter) };
  }

  update({
    parameter,
    gradient: g,
    slots,
    hyperparameters: h,
    settings,
  }: UpdateInputs<AdaXSettings, Slot, Hyper>): UpdateResult<Slot> {
    const m = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, g)); // (2.1)
    const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g))); // (2.2)
    const inside = settings.epsilonPlacement === 'inside';
    const u = div(m, inside ? sqrt(add(v, h.epsilon)) : add(sqrt(v), h.epsilon)); // (2.4)
    return { parameter: descend(parameter, u, h), slots: { firstMoment: m, secondMoment: v } };
  }
}
serialization.registerClass(AdaX);

/** An {@link AdaX} optimizer. */
export const adaX = (options?: AdaXOptions): AdaX => new AdaX(options);
