import { at, type Twin, type TwinOptions } from './twin';

/** Lion in float64: article 05. `size`: number of elements of the parameter. */
export function lion(
  size: number,
  {
    learningRate = 1e-4,
    beta1 = 0.9,
    beta2 = 0.99,
    weightDecay = 0,
  }: TwinOptions & { beta1?: number; beta2?: number } = {},
): Twin {
  const m = new Float64Array(size);
  let t = 0;
  return {
    state: { momentum: m },
    step(theta, g) {
      t += 1;
      const [eta, lambda] = [at(learningRate, t), at(weightDecay, t)];
      const u = g.map((gi, i) => Math.sign(beta1 * (m[i] ?? 0) + (1 - beta1) * gi));
      m.forEach((mi, i) => (m[i] = beta2 * mi + (1 - beta2) * (g[i] ?? 0)));
      return theta.map((value, i) => value - eta * ((u[i] ?? 0) + lambda * value));
    },
  };
}
