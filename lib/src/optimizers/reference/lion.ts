import { at, each, type Twin, type TwinOptions } from './twin';

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
      const u = each((mi, gi) => Math.sign(beta1 * mi + (1 - beta1) * gi), m, g);
      m.set(each((mi, gi) => beta2 * mi + (1 - beta2) * gi, m, g));
      return each((x, ui) => x - eta * (ui + lambda * x), theta, u);
    },
  };
}
