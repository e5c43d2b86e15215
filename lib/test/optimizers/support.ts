import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { Optimizer } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { farthest, type Tolerance } from './numbers';

export * from './numbers';

export type AnyOptimizer = Optimizer;

export function variable(name: string, shape: readonly number[], values: ArrayLike<number>): Variable {
  return tf.tidy(() => tf.variable(tensor(shape, values), true, name));
}

export function tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  return tf.tensor(Float32Array.from(values), [...shape], 'float32');
}

/** One step on variables with the gradients given, in the order of the variables. */
export function step(
  optimizer: Pick<AnyOptimizer, 'applyGradients'>,
  gradients: readonly (readonly [Variable, ArrayLike<number>])[],
): void {
  tf.tidy(() => {
    const named = gradients.map(([of, values]) => ({
      name: of.name,
      tensor: tensor(of.shape, values),
    }));
    optimizer.applyGradients(named);
  });
}

export const values = (of: Tensor): Float32Array => of.dataSync() as Float32Array;

/** Every element within the tolerance of the expected one; a NaN anywhere fails the test. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance?: Tolerance,
): void {
  expect(actual.length).toBe(expected.length);
  const { excess, index } = farthest(actual, expected, tolerance);
  expect(
    excess,
    `element ${index}: ${actual[index]} instead of ${expected[index]}, times the tolerance`,
  ).toBeLessThanOrEqual(1);
}

/** The state as plain arrays by name, `iter` included. */
export async function stateOf(
  optimizer: Pick<AnyOptimizer, 'getWeights'>,
): Promise<Record<string, number[]>> {
  const weights = await optimizer.getWeights();
  const state = Object.fromEntries(weights.map(({ name, tensor: of }) => [name, Array.from(of.dataSync())]));
  for (const { name, tensor: of } of weights) if (name.endsWith('iter')) of.dispose();
  return state;
}
