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
  sub,
  where,
  zerosLike,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { descend } from './base/descend';
import { rootMeanSquare } from './base/norms';
import { optimizer, type OptionsOf, type SettingsOf } from './base/optimizer';
import { sign } from './base/sign';
import { like, matches, type ParameterSpec } from './parameters/rules';
import { flag, fraction, nonNegative, parameterRule, rate } from './parameters/settings';
import { evaluate } from './rates/schedules';

const settings = {
  /** α, relative to the root mean square of the tensor; default 1e-3. */
  learningRate: rate(1e-3),
  /** β, weight of the old momentum; default 0.965 (language), 0.945 for vision: the mean of Lion's two. */
  beta: fraction(0.965),
  /** λ of decoupled weight decay, θ ← θ − η(u + λθ), not of elementwise tensors; default 0.01. */
  weightDecay: rate(0.01),
  /** Whether the learning rate is relative to the root mean square of the tensor; without, it is the same for all. Default true. */
  relative: flag(true),
  /** Tensors of single factors and offsets: learning rate α/2, no decay. Default `/bias|beta|gamma/`. */
  elementwise: parameterRule(/bias|beta|gamma/),
  /** Tensors of which each row has its own root mean square. Default `/embeddings/`. */
  rowwise: parameterRule(/embeddings/),
  /** Tensors that are initialised to 1, toward which the NaN rule shrinks them. Default `/gamma/`. */
  centeredAtOne: parameterRule(/gamma/),
  /** Least root mean square: above 0, tensors that start at zero move. Default 0, as in the article. */
  rmsFloor: nonNegative(0),
  /** What a NaN in the gradient does: m stays and θ shrinks toward its centre; without, it propagates. Default true. */
  nanRule: flag(true),
  /** s of the NaN rule: θ ← (θ − c)s + c; default 0.99. */
  shrinkRatio: nonNegative(0.99),
  /** γ of u = sign(m)|m|^(1−γ), from 1 (Tiger, the default) to 0 (momentum): the article's future work. */
  gamma: rate(1),
};

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
export const tiger = optimizer('Tiger', {
  settings,
  scalars(settings, step, { of: k, isFirst, isLast }) {
    const learningRate = isLast ? evaluate(settings.learningRate, step) : 0;
    return {
      learningRate,
      elementwiseRate: settings.relative ? learningRate / 2 : learningRate,
      momentumDecay: isFirst ? settings.beta : 1,
      gradientShare: (1 - settings.beta) / k,
      rmsFloor: settings.rmsFloor,
      shrinkage: 1 - settings.shrinkRatio,
      oneMinusGamma: 1 - evaluate(settings.gamma, step),
    };
  },
  slots: (parameter) => ({ momentum: like(parameter) }),
  update({ theta, g: gradient, slots, h, parameter, settings, accumulationSteps }) {
    const isElementwise = matches(settings.elementwise, parameter);
    const sick = settings.nanRule ? any(isNotANumber(gradient)) : undefined;
    const g = sick ? where(sick, zerosLike(gradient), gradient) : gradient;
    const keepsAll = sick && accumulationSteps === 1;
    const decay = keepsAll ? maximum(h.momentumDecay, cast(sick, 'float32')) : h.momentumDecay;

    const m = add(mul(decay, slots.momentum), mul(h.gradientShare, g)); // (6.3)
    const u = settings.gamma === 1 ? sign(m) : mul(sign(m), pow(abs(m), h.oneMinusGamma)); // (6.6)
    const eta = isElementwise ? h.elementwiseRate : relativeRate(theta, h, parameter, settings); // (6.2)
    const learningRate = sick ? mul(eta, cast(logicalNot(sick), 'float32')) : eta;
    const next = descend(theta, u, { learningRate, weightDecay: isElementwise ? undefined : h.weightDecay }); // (6.4)
    if (!sick) return { theta: next, slots: { momentum: m } };
    const offset = matches(settings.centeredAtOne, parameter) ? sub(theta, 1) : theta;
    const shrinkage = mul(h.shrinkage, cast(sick, 'float32'));
    return { theta: sub(next, mul(shrinkage, offset)), slots: { momentum: m } }; // (6.5)
  },
  accumulatesItself: true,
  check({ lazyRows, accumulationSteps = 1 }) {
    if (lazyRows && accumulationSteps > 1) {
      throw new TypeError(
        'Tiger: lazyRows does not go with accumulationSteps, which has no buffer to remember rows.',
      );
    }
  },
});
export type TigerOptions = OptionsOf<typeof tiger>;

function relativeRate(
  theta: Tensor,
  { learningRate, rmsFloor }: { readonly learningRate: Scalar; readonly rmsFloor: Scalar },
  parameter: ParameterSpec,
  { relative, rowwise, rmsFloor: floor }: SettingsOf<typeof settings>,
): Tensor {
  if (!relative) return learningRate;
  const isByRow = parameter.shape.length > 0 && matches(rowwise, parameter);
  const size = rootMeanSquare(theta, isByRow ? 'row' : 'tensor');
  return mul(learningRate, floor === 0 ? size : maximum(size, rmsFloor));
}
