import { tf } from '../runtime';
import { mean } from '../statistics';
import { logDensity, type Gaussian, type Noise } from './gaussian';

/**
 * How codes are spread: the mean variance of a dimension, and the mean absolute correlation of two dimensions.
 *
 * @param codes [count, dimensions], at least two dimensions.
 *
 * @example
 * const { variance, correlation } = codeStatistics(model.encode(images).mean);
 */
export function codeStatistics(codes: tf.Tensor): { variance: number; correlation: number } {
  const [count, dimensions] = codes.shape as [number, number];
  return tf.tidy(() => {
    const { mean: center, variance } = tf.moments(codes, 0);
    const standard = tf.div(tf.sub(codes, center), tf.sqrt(variance));
    const correlations = tf.abs(tf.div(tf.matMul(standard, standard, true), count)).dataSync();
    const total = mean(correlations) * dimensions ** 2 - dimensions;
    return { variance: mean(variance.dataSync()), correlation: total / (dimensions * (dimensions - 1)) };
  });
}

/**
 * The share of the prior's mass that lies in holes: where the codes of all inputs together are less dense than a fraction of
 * N(0, I).
 *
 * @param code p(z|x) of all inputs.
 * @param options.samples Draws from the prior; default 1,000.
 * @param options.fraction Default a tenth.
 * @returns 0 where the aggregate is the prior.
 *
 * @example
 * const share = shareOfHoles(model.encode(images), { noise: random(1) });
 */
export function shareOfHoles(
  code: Gaussian,
  { noise, samples = 1000, fraction = 0.1 }: { noise: Noise; samples?: number; fraction?: number },
): number {
  const { mean: centers, logVariance } = code;
  const [inputs, dimensions] = centers.shape as [number, number];
  return tf.tidy(() => {
    const z = noise.normal([samples, dimensions]);
    const all = { mean: tf.expandDims(centers, 0), logVariance: tf.expandDims(logVariance, 0) };
    const logs = logDensity(tf.expandDims(z, 1), all) as tf.Tensor;
    const aggregate = tf.sub(tf.logSumExp(logs, -1), Math.log(inputs));
    const isHole = tf.less(aggregate, tf.add(logDensity(z), Math.log(fraction)));
    return mean(isHole.dataSync());
  });
}
