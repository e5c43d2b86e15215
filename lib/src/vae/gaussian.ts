import { tf, type Random } from '../runtime';

/** One diagonal normal distribution N(μ, diag σ²) per row. */
export type Gaussian = {
  /** μ, [batch, dimensions]. */
  readonly mean: tf.Tensor;
  /** log σ², [batch, dimensions]. */
  readonly logVariance: tf.Tensor;
};

/** Where noise comes from; a {@link Random} is one. */
export type Noise = Pick<Random, 'normal'>;

const LOG_2_PI = Math.log(2 * Math.PI);

/**
 * Reads the output of an encoder, [batch, 2·dimensions], as means (first half) and logarithms of variances (second half).
 *
 * @param options.logVarianceBound b: log σ² is x/√(1 + (x/b)²) of the encoder's x, so that it stays within (−b, b) and the
 *   KL divergence within float32, where an encoder that runs away would make it infinite from log σ² = 89 on. Near 0 it is
 *   x itself, and nowhere does the gradient vanish. 20 leaves all that is useful (σ between 5e-5 and 2e4). Default: none,
 *   log σ² is x.
 * @throws RangeError if the bound does not lie between 0 and 88.
 * @throws Error unless it is a matrix with an even number of columns.
 */
export function splitGaussian(
  outputs: tf.Tensor,
  { logVarianceBound: bound }: { logVarianceBound?: number } = {},
): Gaussian {
  requireBound(bound);
  const [, columns] = outputs.shape;
  if (outputs.rank !== 2 || (columns as number) % 2 !== 0) {
    throw new Error(
      `An encoder gives means and log-variances side by side, [batch, 2·dimensions], ` +
        `but its output has the shape [${outputs.shape.join(', ')}].`,
    );
  }
  const [mean, raw] = tf.split(outputs, 2, 1) as [tf.Tensor, tf.Tensor];
  if (bound === undefined) return { mean, logVariance: raw };
  const stretch = tf.sqrt(tf.add(1, tf.square(tf.div(raw, bound))));
  return { mean, logVariance: tf.div(raw, stretch) };
}

/** Beyond it the variance is infinite in float32. */
const LARGEST_LOG_VARIANCE = 88;

/** @throws RangeError unless variances stay finite. */
export function requireBound(bound: number | undefined): void {
  if (bound === undefined || (bound > 0 && bound <= LARGEST_LOG_VARIANCE)) return;
  throw new RangeError(
    `The bound of log-variances lies between 0 and ${LARGEST_LOG_VARIANCE}, but ${bound} was given.`,
  );
}

/**
 * KL(N(μ, diag σ²) ‖ N(0, I)) in closed form: summed over the dimensions, in nats.
 *
 * $$\tfrac12\sum_i\big(\mu_i^2+\sigma_i^2-\log\sigma_i^2-1\big)$$
 *
 * σ² − 1 is computed as expm1(log σ²), so that nothing cancels near the standard normal distribution. Take the mean over
 * the batch for the rate of a variational autoencoder or a bottleneck.
 *
 * @returns [batch].
 *
 * @example
 * const rate = tf.mean(gaussianKl({ mean, logVariance }));
 *
 * @see Kingma, Welling (2013), Auto-encoding variational Bayes, arXiv 1312.6114, appendix B.
 */
export function gaussianKl({ mean, logVariance }: Gaussian): tf.Tensor1D {
  return tf.tidy(() => {
    const terms = tf.add(tf.square(mean), tf.sub(tf.expm1(logVariance), logVariance)); // (8.3)
    return tf.mul(0.5, tf.sum(terms, -1));
  });
}

/**
 * A sample of each row's distribution, differentiable with respect to its mean and variance: z = μ + σ ⊙ ε.
 *
 * @param noise Gives ε; inside of a compiled step a `Random`.
 * @returns [batch, dimensions].
 *
 * @example
 * const z = reparameterize({ mean, logVariance }, random(7));
 */
export function reparameterize({ mean, logVariance }: Gaussian, noise: Noise): tf.Tensor {
  return tf.tidy(() => {
    const epsilon = noise.normal(mean.shape);
    return tf.add(mean, tf.mul(tf.exp(tf.mul(0.5, logVariance)), epsilon)); // (8.4)
  });
}

/**
 * log N(z; μ, diag σ²) in nats, summed over the dimensions.
 *
 * @param z [batch, dimensions].
 * @param gaussian Default: the standard normal distribution.
 * @returns [batch].
 */
export function logDensity(z: tf.Tensor, gaussian?: Gaussian): tf.Tensor1D {
  return tf.tidy(() => {
    const logVariance = gaussian?.logVariance ?? tf.zerosLike(z);
    const deviation = gaussian ? tf.sub(z, gaussian.mean) : z;
    const squared = tf.mul(tf.square(deviation), tf.exp(tf.neg(logVariance)));
    return tf.mul(-0.5, tf.sum(tf.add(tf.add(squared, logVariance), LOG_2_PI), -1));
  });
}

/**
 * KL(N(μ, diag σ²) ‖ N(0, I)) as a mean over samples of log p(z) − log q(z), in nats: for priors without a closed form, and
 * as a test of {@link gaussianKl}.
 *
 * @param options.samples Samples per row.
 * @returns [batch].
 */
export function monteCarloKl(
  gaussian: Gaussian,
  { samples, noise }: { samples: number; noise: Noise },
): tf.Tensor1D {
  return tf.tidy(() => {
    const [batch, dimensions] = gaussian.mean.shape as [number, number];
    const tiled = {
      mean: tf.tile(gaussian.mean, [samples, 1]),
      logVariance: tf.tile(gaussian.logVariance, [samples, 1]),
    };
    const z = reparameterize(tiled, noise).reshape([samples * batch, dimensions]);
    const logRatio = tf.sub(logDensity(z, tiled), logDensity(z));
    return tf.mean(logRatio.reshape([samples, batch]), 0);
  });
}
