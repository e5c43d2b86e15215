import { at, type Twin, type TwinOptions } from './twin';

/** Gradient descent with momentum in float64. `size`: number of elements of the parameter. */
export function sgd(
  size: number,
  {
    learningRate = 0.01,
    momentum = 0,
    nesterov = false,
    weightDecay = 0,
  }: TwinOptions & { momentum?: number; nesterov?: boolean } = {},
): Twin {
  const v = new Float64Array(size);
  let t = 0;
  return {
    state: momentum === 0 ? {} : { velocity: v },
    step(theta, g) {
      t += 1;
      v.forEach((vi, i) => (v[i] = momentum * vi + (g[i] ?? 0)));
      const u = v.map((vi, i) => (nesterov ? (g[i] ?? 0) + momentum * vi : vi));
      return theta.map(
        (value, i) => value - at(learningRate, t) * ((u[i] ?? 0) + at(weightDecay, t) * value),
      );
    },
  };
}
