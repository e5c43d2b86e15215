import { add, mul, sub, type Scalar, type Tensor } from '@tensorflow/tfjs-core';

/**
 * One step with decoupled weight decay: θ ← θ − η(u + λθ), with θ of before the step on both sides.
 *
 * This is the one meaning of `weightDecay` in all optimizers: λ is multiplied by the learning rate η of the step (the
 * effective decay is ηλ, so η/10 goes with 10λ), is not part of the gradient (no moment sees it), and does not apply to
 * parameters that `excludeFromWeightDecay` names, for which `weightDecay` is absent here.
 */
export function descend<T extends Tensor>(
  parameter: T,
  update: Tensor,
  { learningRate, weightDecay }: { readonly learningRate: Tensor; readonly weightDecay?: Scalar },
): T {
  // Not θ(1 − ηλ) − ηu: rounding 1 − ηλ to float32 would change a decay of 1e-6 by up to 3 %.
  const decayed = weightDecay ? add(update, mul(weightDecay, parameter)) : update;
  return sub(parameter, mul(learningRate, decayed));
}
