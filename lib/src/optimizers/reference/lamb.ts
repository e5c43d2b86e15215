import { at, each, type Twin, type TwinOptions } from './twin';

export interface LambTwinOptions extends TwinOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  biasCorrection?: boolean;
}

/** LAMB in float64: Adam's update with decay, of the norm of the parameter. `size`: number of its elements. */
export function lamb(
  size: number,
  {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-6,
    biasCorrection = true,
    weightDecay = 0.01,
  }: LambTwinOptions = {},
): Twin {
  const m = new Float64Array(size);
  const v = new Float64Array(size);
  let t = 0;
  return {
    state: { firstMoment: m, secondMoment: v },
    step(theta, g) {
      t += 1;
      const [eta, lambda] = [at(learningRate, t), at(weightDecay, t)];
      m.set(each((mi, gi) => beta1 * mi + (1 - beta1) * gi, m, g));
      v.set(each((vi, gi) => beta2 * vi + (1 - beta2) * gi ** 2, v, g));
      const [first, second] = biasCorrection ? [1 - beta1 ** t, 1 - beta2 ** t] : [1, 1];
      const adam = each((mi, vi) => mi / first / (Math.sqrt(vi / second) + epsilon), m, v);
      const u = each((ui, x) => ui + lambda * x, adam, theta);
      const [size, length] = [Math.hypot(...theta), Math.hypot(...u)];
      const ratio = size > 0 && length > 0 ? size / length : 1;
      return each((x, ui) => x - eta * ratio * ui, theta, u);
    },
  };
}
