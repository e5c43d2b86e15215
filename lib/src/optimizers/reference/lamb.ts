import { at, type Twin, type TwinOptions } from './twin';

export interface LambTwinOptions extends TwinOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  biasCorrection?: boolean;
}

/** LAMB in float64: Adam's update with decay, of the norm of the parameter. `size`: number of its elements. */
export function lamb(
  size: number,
  {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-6,
    biasCorrection = true,
    weightDecay = 0.01,
  }: LambTwinOptions = {},
): Twin {
  const m = new Float64Array(size);
  const v = new Float64Array(size);
  let t = 0;
  return {
    state: { firstMoment: m, secondMoment: v },
    step(theta, g) {
      t += 1;
      m.forEach((mi, i) => (m[i] = beta1 * mi + (1 - beta1) * (g[i] ?? 0)));
      v.forEach((vi, i) => (v[i] = beta2 * vi + (1 - beta2) * (g[i] ?? 0) ** 2));
      const [first, second] = biasCorrection ? [1 - beta1 ** t, 1 - beta2 ** t] : [1, 1];
      const adam = m.map((mi, i) => mi / first / (Math.sqrt((v[i] ?? 0) / second) + epsilon));
      const u = adam.map((ui, i) => ui + at(weightDecay, t) * (theta[i] ?? 0));
      const [size, length] = [Math.hypot(...theta), Math.hypot(...u)];
      const ratio = size > 0 && length > 0 ? size / length : 1;
      return theta.map((value, i) => value - at(learningRate, t) * ratio * (u[i] ?? 0));
    },
  };
}
