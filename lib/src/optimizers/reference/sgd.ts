import { at, each, type Twin, type TwinOptions } from './twin';

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
      const [eta, lambda] = [at(learningRate, t), at(weightDecay, t)];
      v.set(each((vi, gi) => momentum * vi + gi, v, g));
      const u = nesterov ? each((vi, gi) => gi + momentum * vi, v, g) : v;
      return each((x, ui) => x - eta * (ui + lambda * x), theta, u);
    },
  };
}
