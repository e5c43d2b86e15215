import { at, type Twin, type TwinOptions } from './twin';

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
      g.forEach((gi, i) => {
        m[i] = beta1 * (m[i] ?? 0) + (1 - beta1) * gi;
        v[i] = beta2 * (v[i] ?? 0) + (1 - beta2) * gi ** 2;
      });
      const mHat = m.map((mi) => mi / (1 - beta1 ** t));
      const vHat = v.map((vi) => vi / (1 - beta2 ** t));
      const u = mHat.map((mi, i) => mi / (Math.sqrt(vHat[i] ?? 0) + epsilon));
      return theta.map(
        (value, i) => value - at(learningRate, t) * ((u[i] ?? 0) + at(weightDecay, t) * value),
      );
    },
  };
}
