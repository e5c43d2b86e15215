import { at, each, type Twin, type TwinOptions } from './twin';

/** Adam and AdamW in float64: article 01, equation (1), with decoupled decay. `size`: number of elements of the parameter. */
export function adam(
  size: number,
  {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
  }: TwinOptions & { beta1?: number; beta2?: number; epsilon?: number } = {},
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
      const mHat = m.map((mi) => mi / (1 - beta1 ** t));
      const vHat = v.map((vi) => vi / (1 - beta2 ** t));
      const u = each((mi, vi) => mi / (Math.sqrt(vi) + epsilon), mHat, vHat);
      return each((x, ui) => x - eta * (ui + lambda * x), theta, u);
    },
  };
}
