import { mul, tidy } from '@tensorflow/tfjs-core';
import { requirePositive } from './distributions';
import type { Initializer } from './initializer';

/**
 * Another initializer's values times a factor.
 *
 * @throws RangeError if the factor is not a positive number.
 *
 * @example
 * const half = initializers.scaled(initializers.xavier(), 0.5);
 */
export function scaled(initializer: Initializer, factor: number): Initializer {
  requirePositive('factor', factor);
  return {
    draw: (shape, random) => tidy(() => mul(initializer.draw(shape, random), factor)),
    describe: (shape) => {
      const { nominal, actual, ...rest } = initializer.describe(shape);
      return { ...rest, nominal: factor * nominal, actual: factor * actual };
    },
  };
}
