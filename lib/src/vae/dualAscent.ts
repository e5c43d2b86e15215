import { tf } from '../runtime';

export interface DualAscentOptions {
  /** I_c: the rate that is allowed, in nats. */
  readonly budget: number;
  /** α: how fast the multiplier follows, per nat and step. */
  readonly stepSize: number;
  /** β₀; default 0. */
  readonly initial?: number;
}

/** The multiplier of a constraint; see {@link dualAscent}. */
export interface DualAscent {
  /** β: the weight of the rate in the loss. */
  readonly weight: tf.Variable<tf.Rank.R0>;
  /** One step of the multiplier, after the model's own: β ← max(0, β + α(rate − I_c)). */
  update(rate: tf.Scalar): void;
  /** Frees the multiplier. */
  dispose(): void;
}

/**
 * Keeps the rate of a bottleneck at a budget instead of fixing its weight: where it passes more than the budget its weight
 * grows, otherwise it shrinks. Works inside of a compiled step.
 *
 * @throws RangeError for a negative budget, step size or initial value.
 *
 * @example
 * const multiplier = dualAscent({ budget: 5, stepSize: 1e-4 });
 * const parts = minimize(optimizer, () => model.loss(x, y, multiplier), model.parameters);
 * multiplier.update(parts.rate);
 *
 * @see Peng et al. (2018), Variational discriminator bottleneck, arXiv 1810.00821, equation (8).
 */
export function dualAscent({ budget, stepSize, initial = 0 }: DualAscentOptions): DualAscent {
  for (const [name, value] of Object.entries({ budget, stepSize, initial })) {
    if (!(value >= 0))
      throw new RangeError(`The ${name} of a dual ascent is at least 0, but ${value} was given.`);
  }
  const weight = tf.tidy<tf.Variable<tf.Rank.R0>>(() => tf.variable(tf.scalar(initial), false));
  return {
    weight,
    update: (rate) =>
      tf.tidy(() => {
        const ascended = tf.add(weight, tf.mul(stepSize, tf.sub(rate, budget)));
        weight.assign(tf.maximum(0, ascended)); // (8.9)
      }),
    dispose: () => weight.dispose(),
  };
}
