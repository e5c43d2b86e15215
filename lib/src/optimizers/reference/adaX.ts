import { at, each, type Twin, type TwinOptions } from './twin';

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
      const [eta, lambda] = [at(learningRate, t), at(weightDecay, t)];
      m.set(each((mi, gi) => beta1 * mi + (1 - beta1) * gi, m, g));
      v.set(each((vi, gi) => (1 + beta2) * vi + beta2 * gi ** 2, v, g));
      const normaliser = (1 + beta2) ** t - 1;
      const denominator = v.map((vi) => {
        if (epsilonPlacement === 'inside') return Math.sqrt(vi / normaliser + epsilon);
        if (epsilonPlacement === 'outside') return Math.sqrt(vi / normaliser) + epsilon;
        return (Math.sqrt(vi) + epsilon) / Math.sqrt(normaliser);
      });
      const u = each((mi, di) => mi / di, m, denominator);
      return each((x, ui) => x - eta * (ui + lambda * x), theta, u);
    },
  };
}
