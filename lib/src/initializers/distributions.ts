import { fill } from '@tensorflow/tfjs-core';
import { drawing, fans, type Initializer } from './initializer';

/**
 * Normally distributed values around 0.
 *
 * @param options.standardDeviation Default 0.02, as in the BERT of Hugging Face, whose normal distribution is not cut.
 * @throws RangeError if the standard deviation is not a positive number.
 *
 * @example
 * initializers.normal({ standardDeviation: 0.01 }).draw([768, 768], random(1));
 */
export function normal({ standardDeviation = 0.02 } = {}): Initializer {
  requirePositive('standard deviation', standardDeviation);
  return drawing('normal', () => standardDeviation);
}

/**
 * Normally distributed values around 0, drawn again beyond two standard deviations. What remains has 0.88 times the standard
 * deviation that is given: `describe` tells both.
 *
 * @param options.standardDeviation Of the normal distribution before it is cut; default 0.02, as in BERT.
 * @throws RangeError if the standard deviation is not a positive number.
 *
 * @example
 * initializers.truncatedNormal().describe([768, 768]).actual; // 0.01759
 *
 * @see Devlin et al. (2019), BERT: pre-training of deep bidirectional Transformers, arXiv 1810.04805.
 */
export function truncatedNormal({ standardDeviation = 0.02 } = {}): Initializer {
  requirePositive('standard deviation', standardDeviation);
  return drawing('truncated normal', () => standardDeviation);
}

/**
 * Uniformly distributed values between −limit and limit.
 *
 * @param options.limit Default 0.05, as in Keras' embeddings.
 * @throws RangeError if the limit is not a positive number.
 *
 * @example
 * initializers.uniform({ limit: 0.1 }).draw([5000, 64], random(1));
 */
export function uniform({ limit = 0.05 } = {}): Initializer {
  requirePositive('limit', limit);
  return drawing('uniform', () => limit);
}

/**
 * One value everywhere; nothing is drawn, so the random stream does not advance.
 *
 * @example
 * initializers.constant(1).draw([64], random(1));
 */
export function constant(value: number): Initializer {
  return {
    draw: (shape) => fill([...shape], value),
    describe: (shape) => ({ distribution: 'constant', ...fans(shape), nominal: value, actual: 0 }),
  };
}

export function requirePositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`The ${name} of an initializer must be a positive number, but ${value} was given.`);
  }
}
