import { inverseSquare, inverseTime, type Decay, type Schedule } from './schedules';

/** What {@link amosSchedule} gives: spread it into the options of an optimizer. */
export interface AmosSchedule {
  /** η_t = α₀σ · decay_t. */
  readonly learningRate: Schedule;
  /** λ = α₀ / (2qσ): constant, because step and decay shrink alike. */
  readonly weightDecay: number;
}

/**
 * Learning rate and weight decay that belong together, from the scale of the parameters alone: the strategies that
 * article 04 derives from the idea of Amos, for an optimizer whose update has root mean square 1 (Lion, Signum).
 *
 * With θ ← θ − (α_t u_t + ρ_t θ), α_t = α₀‖ε₀‖/‖u_t‖ · decay_t and ρ_t = α₀²/(2q) · decay_t. For a sign, ‖u‖ = √k, and
 * ‖ε₀‖ ≈ √k σ, so η_t = α₀σ · decay_t and λ = ρ_t/η_t = α₀/(2qσ). With q = 1 and inverse time this is the rule that
 * article 05 recommends for Lion.
 *
 * @param options.alpha0 α₀, relative size of a step: about 1e-3, for easy tasks 1e-2.
 * @param options.sigma σ, standard deviation of the parameters' initial values; 0.5 for biases and normalisation gains.
 * @param options.q Cosine-like factor in θ·ε ≈ q‖ε‖²; default 1.
 * @param options.decay `'inverseTime'`: 1/(κt+1), equation (4), the default; `'inverseSquare'`: 1/(κt+1)², equation (3).
 * @param options.kappa κ; default 0, no decay. Give either this or `halfLife`.
 * @param options.halfLife Updates after which half of the rate is left.
 *
 * @example
 * lion(amosSchedule({ alpha0: 1.11e-3, sigma: 768 ** -0.5 })); // η = 4.005e-5, λ = 0.01538
 *
 * @see https://kexue.fm/archives/9344 and https://kexue.fm/archives/9473
 */
export function amosSchedule(
  options: { alpha0: number; sigma: number; q?: number; decay?: 'inverseTime' | 'inverseSquare' } & Decay,
): AmosSchedule {
  const { alpha0, sigma, q = 1, decay = 'inverseTime' } = options;
  for (const [name, value] of Object.entries({ alpha0, sigma, q })) {
    if (!(Number.isFinite(value) && value > 0))
      throw new RangeError(`${name} must be greater than 0, got ${value}.`);
  }
  const { halfLife, kappa = halfLife === undefined ? 0 : undefined } = options;
  const shape = { inverseTime, inverseSquare }[decay];
  return {
    learningRate: shape({ initial: alpha0 * sigma, kappa, halfLife }), // (4.4), (4.3)
    weightDecay: alpha0 / (2 * q * sigma), // (5.8)
  };
}
