import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { Optimizer } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';

export type AnyOptimizer = Optimizer;

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers from a seed, representable in float32. */
export function normal(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.fround(Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);

export const draw = (size: number, next: () => number): Float64Array =>
  Float64Array.from({ length: size }, next);

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

/**
 * Every element within rtol of the expected one, or within atol times `scale`, by default the largest expected element.
 * For a trajectory, whose rounding errors add up, the scale is the largest value on the way.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  {
    rtol = 1e-5,
    atol = 1e-6,
    scale = largest(expected),
  }: { rtol?: number; atol?: number; scale?: number } = {},
): void {
  expect(actual.length).toBe(expected.length);
  let worst = { excess: 0, index: 0 };
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [actual[index] as number, expected[index] as number];
    const excess = Math.abs(a - b) / (rtol * Math.abs(b) + atol * scale || Number.MIN_VALUE);
    // A NaN anywhere fails the test.
    if (!(excess <= worst.excess)) worst = { excess, index };
  }
  const { index } = worst;
  expect(
    worst.excess,
    `element ${index}: ${actual[index]} instead of ${expected[index]}, times the tolerance`,
  ).toBeLessThanOrEqual(1);
}

export const largest = (of: ArrayLike<number>): number => Math.max(0, ...Array.from(of, Math.abs));

/** The state as plain arrays by name, `iter` included. */
export async function stateOf(
  optimizer: Pick<AnyOptimizer, 'getWeights'>,
): Promise<Record<string, number[]>> {
  const weights = await optimizer.getWeights();
  const state = Object.fromEntries(weights.map(({ name, tensor: of }) => [name, Array.from(of.dataSync())]));
  for (const { name, tensor: of } of weights) if (name.endsWith('iter')) of.dispose();
  return state;
}
