import { at, type Twin, type TwinOptions } from './twin';

export interface AdaXTwinOptions extends TwinOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  epsilonPlacement?: 'outside' | 'inside' | 'unnormalized';
}

/** AdaX in float64 by its definition: the growing v and its normaliser. `size`: number of elements of the parameter. */
export function adaX(
  size: number,
  {
    learningRate = 1e-3,
    beta1 = 0.9,
    beta2 = 1e-4,
    epsilon = 1e-8,
    epsilonPlacement = 'outside',
    weightDecay = 0,
  }: AdaXTwinOptions = {},
): Twin {
  const m = new Float64Array(size);
  const v = new Float64Array(size);
  let t = 0;
  return {
    state: { firstMoment: m },
    step(theta, g) {
      t += 1;
      m.forEach((mi, i) => (m[i] = beta1 * mi + (1 - beta1) * (g[i] ?? 0)));
      v.forEach((vi, i) => (v[i] = (1 + beta2) * vi + beta2 * (g[i] ?? 0) ** 2));
      const normaliser = (1 + beta2) ** t - 1;
      const denominator = v.map((vi) => {
        if (epsilonPlacement === 'inside') return Math.sqrt(vi / normaliser + epsilon);
        if (epsilonPlacement === 'outside') return Math.sqrt(vi / normaliser) + epsilon;
        return (Math.sqrt(vi) + epsilon) / Math.sqrt(normaliser);
      });
      const u = m.map((mi, i) => mi / (denominator[i] ?? 0));
      return theta.map(
        (value, i) => value - at(learningRate, t) * ((u[i] ?? 0) + at(weightDecay, t) * value),
      );
    },
  };
}
