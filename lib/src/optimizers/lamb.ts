import {
  add,
  cast,
  div,
  logicalAnd,
  mul,
  norm,
  serialization,
  sqrt,
  square,
  where,
  type Tensor,
} from '@tensorflow/tfjs-core';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { flag, fraction, nonNegative, parameterRule, rate } from './parameters/options';
import { like, matches, type ParameterRule, type ParameterSpec } from './parameters/rules';
import { evaluate } from './rates/schedules';
import { descend } from './base/descend';

export interface LambSettings extends CommonSettings {
  /** β₁, decay of the first moment; default 0.9. */
  beta1: number;
  /** β₂, decay of the second moment; default 0.999. */
  beta2: number;
  /** ε, added to the root of the second moment; default 1e-6. */
  epsilon: number;
  /** Whether the moments are corrected as in Adam; default true, false in the pre-training of the articles' author. */
  biasCorrection: boolean;
  /** Parameters whose update is not scaled by their norm, e.g. `/bias|beta|gamma/`. Default: none. */
  excludeFromLayerAdaptation: ParameterRule;
}
export type LambOptions = OptimizerOptions<LambSettings>;

type Slot = 'firstMoment' | 'secondMoment';
type Hyper =
  | 'learningRate'
  | 'beta1'
  | 'oneMinusBeta1'
  | 'beta2'
  | 'oneMinusBeta2'
  | 'biasCorrection1'
  | 'biasCorrection2'
  | 'epsilon'
  | 'one';

/**
 * LAMB: Adam's update, decay included, scaled in each tensor to the norm of the tensor.
 *
 * When to use it: large batches; the article's point of comparison for Tiger, whose learning rate is relative like this
 * one: 1e-3 to 2e-3, the author's pre-training uses 1.76e-3 with weight decay 0.01.
 *
 * $$u_t=\frac{\hat m_t}{\sqrt{\hat v_t}+\epsilon}+\lambda\theta_{t-1},\quad\theta_t=\theta_{t-1}-\eta_t\frac{\|\theta_{t-1}\|}{\|u_t\|}u_t$$
 *
 * with ratio 1 where either norm is 0. State: `firstMoment` and `secondMoment`, 8 bytes per parameter.
 * Defaults: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-6, weightDecay 0.01, biasCorrection true.
 *
 * @example
 * const optimizer = lamb({ learningRate: 1.76e-3, excludeFromWeightDecay: /bias|beta|gamma/ });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, https://arxiv.org/abs/1904.00962
 */
export class Lamb extends Optimizer<LambSettings, Slot, Hyper> {
  /** @nocollapse */
  static readonly className = 'Lamb';

  constructor(options: LambOptions = {}) {
    super(options, {
      learningRate: { default: 1e-3, check: rate },
      beta1: { default: 0.9, check: fraction },
      beta2: { default: 0.999, check: fraction },
      epsilon: { default: 1e-6, check: nonNegative },
      weightDecay: { default: 0.01, check: rate },
      biasCorrection: { default: true, check: flag },
      excludeFromLayerAdaptation: { default: [], check: parameterRule },
    });
  }

  hyperparameters(step: number, { learningRate, beta1, beta2, epsilon, biasCorrection } = this.settings) {
    return {
      learningRate: evaluate(learningRate, step),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      biasCorrection1: biasCorrection ? -Math.expm1(step * Math.log(beta1)) : 1,
      biasCorrection2: biasCorrection ? -Math.expm1(step * Math.log(beta2)) : 1,
      epsilon,
      one: 1,
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
    spec,
    settings,
  }: UpdateInputs<LambSettings, Slot, Hyper>): UpdateResult<Slot> {
    const m = add(mul(h.beta1, slots.firstMoment), mul(h.oneMinusBeta1, g));
    const v = add(mul(h.beta2, slots.secondMoment), mul(h.oneMinusBeta2, square(g)));
    const adam = div(div(m, h.biasCorrection1), add(sqrt(div(v, h.biasCorrection2)), h.epsilon));
    const u = h.weightDecay ? add(adam, mul(h.weightDecay, parameter)) : adam;
    const adapted = !matches(settings.excludeFromLayerAdaptation, spec);
    const learningRate = adapted ? mul(h.learningRate, trustRatio(parameter, u, h.one)) : h.learningRate;
    return { parameter: descend(parameter, u, { learningRate }), slots: { firstMoment: m, secondMoment: v } };
  }
}
serialization.registerClass(Lamb);

/** ‖θ‖/‖u‖, or 1 where either is 0. */
function trustRatio(parameter: Tensor, update: Tensor, one: Tensor): Tensor {
  const [size, length] = [norm(parameter), norm(update)];
  return where(logicalAnd(cast(size, 'bool'), cast(length, 'bool')), div(size, length), one);
}

/** A {@link Lamb} optimizer. */
export const lamb = (options?: LambOptions): Lamb => new Lamb(options);
