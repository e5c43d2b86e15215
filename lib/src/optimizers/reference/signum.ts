import { at, each, type Twin, type TwinOptions } from './twin';

/** Signum in float64: article 05. `size`: number of elements of the parameter. */
export function signum(
  size: number,
  { learningRate = 1e-4, beta = 0.9, weightDecay = 0 }: TwinOptions & { beta?: number } = {},
): Twin {
  const m = new Float64Array(size);
  let t = 0;
  return {
    state: { momentum: m },
    step(theta, g) {
      t += 1;
      const [eta, lambda] = [at(learningRate, t), at(weightDecay, t)];
      m.set(each((mi, gi) => beta * mi + (1 - beta) * gi, m, g));
      return each((x, mi) => x - eta * (Math.sign(mi) + lambda * x), theta, m);
    },
  };
}
