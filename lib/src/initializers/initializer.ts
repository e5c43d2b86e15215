import type { Tensor } from '@tensorflow/tfjs-core';
import type { Random } from '../runtime';
import { truncatedStandardDeviation } from './truncation';

/** What the initial values of a parameter are drawn from. */
export type Distribution = 'normal' | 'truncated normal' | 'uniform' | 'constant';

/** What an initializer does for one shape. */
export interface InitializerDescription {
  readonly distribution: Distribution;
  /** Inputs that one output of the layer sums over. */
  readonly fanIn: number;
  /** Outputs that one input of the layer reaches. */
  readonly fanOut: number;
  /** The number that is usually quoted: σ of the normal distribution before it is cut, limit of the uniform distribution. */
  readonly nominal: number;
  /** The standard deviation that the values have. */
  readonly actual: number;
}

/** Gives a parameter its first value. */
export interface Initializer {
  /**
   * Draws the values (float32).
   *
   * @param shape A kernel's last two axes are inputs and outputs, as everywhere in TensorFlow.
   * @param random The stream to draw from; it advances by one draw.
   */
  draw(shape: readonly number[], random: Random): Tensor;
  /** Says what it does for a shape, without drawing. */
  describe(shape: readonly number[]): InitializerDescription;
}

/**
 * Fan-in and fan-out of a shape: rows and columns of a matrix; for a convolution [..., inputs, outputs] both times the size of
 * the filter; for a vector its length.
 *
 * @throws RangeError for a scalar.
 *
 * @example
 * fans([3, 3, 16, 32]); // { fanIn: 144, fanOut: 288 }
 */
export function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length === 0) throw new RangeError('A scalar has no fan-in and no fan-out; give a shape.');
  if (shape.length === 1) return { fanIn: shape[0]!, fanOut: shape[0]! };
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  const field = shape.slice(0, -2).reduce((product, length) => product * length, 1);
  return { fanIn: field * inputs, fanOut: field * outputs };
}

/** How many times the nominal value the actual standard deviation of a distribution is. */
const spread: Readonly<Record<Exclude<Distribution, 'constant'>, number>> = {
  normal: 1,
  'truncated normal': truncatedStandardDeviation(),
  uniform: 1 / Math.sqrt(3),
};

/** An initializer with the given nominal value for each shape. */
export function drawing(
  distribution: Exclude<Distribution, 'constant'>,
  nominal: (shape: readonly number[]) => number,
): Initializer {
  return {
    draw: (shape, random) => {
      const value = nominal(shape);
      if (distribution === 'uniform') return random.uniform([...shape], { min: -value, max: value });
      const draw = distribution === 'normal' ? 'normal' : 'truncatedNormal';
      return random[draw]([...shape], { standardDeviation: value });
    },
    describe: (shape) => ({
      distribution,
      ...fans(shape),
      nominal: nominal(shape),
      actual: spread[distribution] * nominal(shape),
    }),
  };
}

/** The same with the nominal value that gives the values this standard deviation. */
export function drawingWithDeviation(
  distribution: Exclude<Distribution, 'constant'>,
  deviation: (shape: readonly number[]) => number,
): Initializer {
  return drawing(distribution, (shape) => deviation(shape) / spread[distribution]);
}
