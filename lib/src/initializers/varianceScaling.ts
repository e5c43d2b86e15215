import { requirePositive } from './distributions';
import { drawingWithDeviation, fans, type Distribution, type Initializer } from './initializer';

export interface VarianceScalingOptions {
  /** Variance times fan; default 1. */
  readonly gain?: number;
  /** What the variance is divided by: inputs, outputs, or the mean of both; default `'in'`. */
  readonly fan?: 'in' | 'out' | 'average';
  /**
   * Default `'normal'`. The variance is that of the values in any case: a normal distribution that will be cut starts 1.14
   * times as wide.
   */
  readonly distribution?: Exclude<Distribution, 'constant'>;
}

/**
 * Values around 0 with variance gain / fan, so that sums over so many terms keep their size.
 *
 * @throws RangeError if the gain is not a positive number.
 *
 * @example
 * initializers.varianceScaling({ gain: 2, fan: 'out' }).describe([3, 3, 16, 32]).actual; // √(2 / 288)
 */
export function varianceScaling(options: VarianceScalingOptions = {}): Initializer {
  const { gain = 1, fan = 'in', distribution = 'normal' } = options;
  requirePositive('gain', gain);
  const sizeOf = (shape: readonly number[]): number => {
    const { fanIn, fanOut } = fans(shape);
    return { in: fanIn, out: fanOut, average: (fanIn + fanOut) / 2 }[fan];
  };
  return drawingWithDeviation(distribution, (shape) => Math.sqrt(gain / sizeOf(shape)));
}

/**
 * Variance 1 / mean of fan-in and fan-out: a compromise between keeping activations and keeping gradients.
 *
 * @example
 * initializers.xavier().describe([768, 768]).actual; // 0.0361, twice BERT's 0.0176
 *
 * @see Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
 */
export function xavier(options: Pick<VarianceScalingOptions, 'distribution'> = {}): Initializer {
  return varianceScaling({ ...options, fan: 'average' });
}

/**
 * Variance 1 / fan-in: keeps the variance of activations in a linear layer.
 *
 * @example
 * initializers.lecun().describe([784, 10]).actual; // 1/28
 *
 * @see LeCun et al. (1998), Efficient BackProp.
 */
export function lecun(options: Pick<VarianceScalingOptions, 'distribution'> = {}): Initializer {
  return varianceScaling(options);
}

/**
 * Variance 2 / fan-in: keeps the second moment of activations through a layer with ReLU.
 *
 * @example
 * initializers.he().describe([784, 256]).actual; // √(2 / 784)
 *
 * @see He et al. (2015), Delving deep into rectifiers, arXiv 1502.01852.
 */
export function he(options: Pick<VarianceScalingOptions, 'distribution'> = {}): Initializer {
  return varianceScaling({ ...options, gain: 2 });
}
