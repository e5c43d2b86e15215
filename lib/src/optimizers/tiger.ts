import {
  abs,
  add,
  any,
  cast,
  isNaN as isNotANumber,
  logicalNot,
  maximum,
  mul,
  pow,
  serialization,
  sign,
  sub,
  where,
  zerosLike,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { rootMeanSquare } from './base/norms';
import {
  Optimizer,
  type CommonSettings,
  type OptimizerOptions,
  type UpdateInputs,
  type UpdateResult,
} from './base/optimizer';
import { flag, fraction, nonNegative, parameterRule, positiveInteger, rate } from './parameters/options';
import { like, matches, type ParameterRule, type ParameterSpec } from './parameters/rules';
import { evaluate, type Rate } from './rates/schedules';
import { descend } from './base/descend';

export interface TigerSettings extends CommonSettings {
  /** β, weight of the old momentum; default 0.965 (language), 0.945 for vision: the mean of Lion's two. */
  beta: number;
  /** k: so many gradients are averaged within the momentum, without a buffer; schedules count these micro-steps. Default 1. */
  accumulationSteps: number;
  /** Whether the learning rate is relative to the root mean square of the tensor; without, it is the same for all. Default true. */
  relative: boolean;
  /** Tensors of single factors and offsets: learning rate α/2, no decay. Default `/bias|beta|gamma/`. */
  elementwise: ParameterRule;
  /** Tensors of which each row has its own root mean square. Default `/embeddings/`. */
  rowwise: ParameterRule;
  /** Tensors that are initialised to 1, toward which the NaN rule shrinks them. Default `/gamma/`. */
  centeredAtOne: ParameterRule;
  /** Least root mean square: above 0, tensors that start at zero move. Default 0, as in the article. */
  rmsFloor: number;
  /** What a NaN in the gradient does: m stays and θ shrinks toward its centre; without, it propagates. Default true. */
  nanRule: boolean;
  /** s of the NaN rule: θ ← (θ − c)s + c; default 0.99. */
  shrinkRatio: number;
  /** γ of u = sign(m)|m|^(1−γ), from 1 (Tiger, the default) to 0 (momentum): the article's future work. */
  gamma: Rate;
}
export type TigerOptions = OptimizerOptions<TigerSettings>;

type Slot = 'momentum';
type Hyper =
  | 'learningRate'
  | 'elementwiseRate'
  | 'momentumDecay'
  | 'gradientShare'
  | 'rmsFloor'
  | 'shrinkage'
  | 'oneMinusGamma'
  | 'one';

/**
 * Tiger, the tight-fisted optimizer: the sign of one momentum, a learning rate relative to the size of each tensor.
 *
 * When to use it: where memory is scarce, with gradient accumulation above all, which needs no buffer here. Its learning
 * rate is relative: 1e-3 to 2e-3 for pre-training, as for LAMB; about 5e-3 for runs of a thousand steps.
 *
 * $$m_t=[(\beta-1)\chi_{(t-1)/k}+1]\,m_{t-1}+\tfrac1k(1-\beta)g_t,\quad\theta_t=\theta_{t-1}-\chi_{t/k}\,\eta_t[\mathrm{sign}(m_t)+\lambda_t\theta_{t-1}]$$
 *
 * with χ = 1 where its index is whole, else 0; η = α/2 and λ = 0 for bias, beta and gamma, η = α·RMS(θ) (of each row
 * for embeddings) otherwise. A tensor that starts at zero and is none of bias, beta, gamma never moves, unless
 * `rmsFloor` is above 0. If a NaN is in its gradient, m stays and θ ← (θ − c)s + c, whatever the micro-step; unlike in
 * the author's code a NaN in the first micro-step does not cancel the decay of m for the group.
 *
 * State: `momentum`, 4 bytes per parameter, with accumulation too.
 * Defaults: learningRate 1e-3, beta 0.965, weightDecay 0.01, accumulationSteps 1, nanRule true, shrinkRatio 0.99.
 *
 * @throws TypeError for `lazyRows` with accumulation: no buffer remembers which rows the earlier micro-steps touched.
 *
 * @example
 * const optimizer = tiger({ learningRate: 2e-3 });
 * const x = tf.variable(tf.tensor1d([1, -2]), true, 'x');
 * optimizer.minimize(() => x.square().sum());
 *
 * @see https://kexue.fm/archives/9512 and https://github.com/bojone/tiger
 */
export class Tiger extends Optimizer<TigerSettings, Slot, Hyper> {
  /** @nocollapse */
  static readonly className = 'Tiger';

  constructor(options: TigerOptions = {}) {
    super(options, {
      learningRate: { default: 1e-3, check: rate },
      beta: { default: 0.965, check: fraction },
      weightDecay: { default: 0.01, check: rate },
      accumulationSteps: { default: 1, check: positiveInteger },
      relative: { default: true, check: flag },
      elementwise: { default: /bias|beta|gamma/, check: parameterRule },
      rowwise: { default: /embeddings/, check: parameterRule },
      centeredAtOne: { default: /gamma/, check: parameterRule },
      rmsFloor: { default: 0, check: nonNegative },
      nanRule: { default: true, check: flag },
      shrinkRatio: { default: 0.99, check: nonNegative },
      gamma: { default: 1, check: rate },
    });
    if (options.lazyRows && this.settings.accumulationSteps > 1) {
      throw new TypeError(
        'Tiger: lazyRows does not go with accumulationSteps, which has no buffer to remember rows.',
      );
    }
  }

  hyperparameters(step: number, settings = this.settings) {
    const { beta, accumulationSteps: k } = settings;
    const isFirst = (step - 1) % k === 0;
    const isLast = step % k === 0;
    const learningRate = isLast ? evaluate(settings.learningRate, step) : 0;
    return {
      learningRate,
      elementwiseRate: settings.relative ? learningRate / 2 : learningRate,
      momentumDecay: isFirst ? beta : 1,
      gradientShare: (1 - beta) / k,
      rmsFloor: settings.rmsFloor,
      shrinkage: 1 - settings.shrinkRatio,
      oneMinusGamma: 1 - evaluate(settings.gamma, step),
      one: 1,
    };
  }

  slots(parameter: ParameterSpec) {
    return { momentum: like(parameter) };
  }

  update({
    parameter,
    gradient,
    slots,
    hyperparameters: h,
    spec,
    settings,
  }: UpdateInputs<TigerSettings, Slot, Hyper>): UpdateResult<Slot> {
    const elementwise = matches(settings.elementwise, spec);
    const sick = settings.nanRule ? any(isNotANumber(gradient)) : undefined;
    const g = sick ? where(sick, zerosLike(gradient), gradient) : gradient;
    const keepsAll = sick && settings.accumulationSteps === 1;
    const decay = keepsAll ? maximum(h.momentumDecay, cast(sick, 'float32')) : h.momentumDecay;

    const m = add(mul(decay, slots.momentum), mul(h.gradientShare, g)); // (6.3)
    const u = settings.gamma === 1 ? sign(m) : mul(sign(m), pow(abs(m), h.oneMinusGamma)); // (6.6)
    const eta = elementwise ? h.elementwiseRate : this.relativeRate(parameter, h, spec, settings); // (6.2)
    const learningRate = sick ? mul(eta, cast(logicalNot(sick), 'float32')) : eta;
    const weightDecay = elementwise ? undefined : h.weightDecay;
    const next = descend(parameter, u, { learningRate, weightDecay }); // (6.4)
    if (!sick) return { parameter: next, slots: { momentum: m } };
    const offset = matches(settings.centeredAtOne, spec) ? sub(parameter, h.one) : parameter;
    const shrinkage = mul(h.shrinkage, cast(sick, 'float32'));
    return { parameter: sub(next, mul(shrinkage, offset)), slots: { momentum: m } }; // (6.5)
  }

  private relativeRate(
    parameter: Tensor,
    h: UpdateInputs<TigerSettings, Slot, Hyper>['hyperparameters'],
    spec: ParameterSpec,
    settings: Readonly<TigerSettings>,
  ): Tensor {
    if (!settings.relative) return h.learningRate;
    const byRow = spec.shape.length > 0 && matches(settings.rowwise, spec);
    const size = rootMeanSquare(parameter, byRow ? 'row' : 'tensor');
    return mul(h.learningRate, settings.rmsFloor === 0 ? size : maximum(size, h.rmsFloor));
  }
}
serialization.registerClass(Tiger);

/** A {@link Tiger} optimizer. */
export const tiger = (options?: TigerOptions): Tiger => new Tiger(options);
