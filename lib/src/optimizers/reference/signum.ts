import { at, type Twin, type TwinOptions } from './twin';

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
      g.forEach((gi, i) => (m[i] = beta * (m[i] ?? 0) + (1 - beta) * gi));
      return theta.map(
        (value, i) => value - at(learningRate, t) * (Math.sign(m[i] ?? 0) + at(weightDecay, t) * value),
      );
    },
  };
}
