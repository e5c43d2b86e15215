import { at, type Twin, type TwinOptions } from './twin';

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
      g.forEach((gi, i) => (v[i] = beta2 * (v[i] ?? 0) + (1 - beta2) * gi ** 2));
      const u = g.map((gi, i) => gi / Math.sqrt((v[i] ?? 0) / (1 - beta2 ** t) + epsilon));
      return theta.map(
        (value, i) => value - at(learningRate, t) * ((u[i] ?? 0) + at(weightDecay, t) * value),
      );
    },
  };
}
