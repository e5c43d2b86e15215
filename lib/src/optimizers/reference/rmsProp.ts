import { at, each, type Twin, type TwinOptions } from './twin';

/** RMSProp in float64: article 01, equation (2). `size`: number of elements of the parameter. */
export function rmsProp(
  size: number,
  {
    learningRate = 1e-3,
    beta2 = 0.999,
    epsilon = 1e-16,
    weightDecay = 0,
  }: TwinOptions & { beta2?: number; epsilon?: number } = {},
): Twin {
  const v = new Float64Array(size);
  let t = 0;
  return {
    state: { secondMoment: v },
    step(theta, g) {
      t += 1;
      const [eta, lambda] = [at(learningRate, t), at(weightDecay, t)];
      v.set(each((vi, gi) => beta2 * vi + (1 - beta2) * gi ** 2, v, g));
      const u = each((vi, gi) => gi / Math.sqrt(vi / (1 - beta2 ** t) + epsilon), v, g);
      return each((x, ui) => x - eta * (ui + lambda * x), theta, u);
    },
  };
}
