import { describe, expect, it } from 'vitest';
import type { FlatStep } from '../../src/compile/record/recorder';
import { compile } from '../../src/compile';
import { tf } from '../../src/runtime';
import { traceOf } from './traceOf';

/** The names of the operations of a step, simplified. */
function operations(step: FlatStep, ...inputs: tf.Tensor[]): string[] {
  return traceOf(step, ...inputs).operations.map(({ name }) => name);
}

const matrix = () =>
  tf.tensor2d([
    [1, -2, 3],
    [-4, 5, -6],
  ]);

describe('what TensorFlow.js spells out', () => {
  it('drops casts and reshapes that change nothing', () => {
    expect(operations((x) => tf.neg(tf.reshape(tf.cast(tf.exp(x), 'float32'), [2, 3])), matrix())).toEqual([
      'Exp',
      'Neg',
    ]);
    expect(operations((x) => tf.reshape(tf.cast(x, 'int32'), [3, 2]), matrix())).toEqual(['Cast', 'Reshape']);
  });

  it('hands on an input that only such operations touch', () => {
    const unchanged = (x: tf.Tensor) => tf.reshape(tf.reshape(x, [2, 3]), [2, 3]);
    expect(operations(unchanged, matrix())).toEqual([]);
    expect(compile(unchanged)(matrix()).arraySync()).toEqual(matrix().arraySync());
  });

  it('writes products of matrices, and biases, as TensorFlow fuses them', () => {
    const bias = tf.tensor1d([1, 2]);
    const kernel = tf.ones<tf.Rank.R2>([3, 2]);
    const layer = (x: tf.Tensor) => tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, kernel), bias));
    expect(operations(layer, matrix())).toEqual(['MatMul', 'BiasAdd', 'Relu']);
    expect(compile(layer, { xla: false })(matrix()).arraySync()).toEqual(layer(matrix()).arraySync());
    const batched = (x: tf.Tensor) => tf.matMul(tf.stack([x, x]), tf.stack([x, x]), false, true);
    expect(operations(batched, matrix())).toContain('BatchMatMulV2');
    // A vector along the last axis of anything else stays an addition.
    expect(operations((x) => tf.add(tf.exp(x), tf.tensor1d([1, 2, 3])), matrix())).toEqual(['Exp', 'Add']);
  });

  it('takes the gradient of a ReLU from its result', () => {
    const gradient = (x: tf.Tensor) => tf.grad((y) => tf.sum(tf.square(tf.relu(y))))(x);
    const names = operations(gradient, matrix());
    expect(names).toContain('Sign');
    expect(names).not.toContain('Select');
    expect(names).not.toContain('Greater');
    expect(operations((x) => tf.grad((y) => tf.sum(tf.square(tf.relu6(y))))(x), matrix())).toContain('Sign');
    for (const xla of [false, true]) {
      expect(compile(gradient, { xla })(matrix()).arraySync()).toEqual([
        [2, 0, 6],
        [0, 10, 0],
      ]);
    }
  });

  it('leaves a step function with another slope as it is', () => {
    const gradient = (x: tf.Tensor) => tf.mul(tf.exp(x), tf.step(x, 0.5));
    expect(operations(gradient, matrix())).not.toContain('Sign');
    const [compiled, eager] = [compile(gradient, { xla: false })(matrix()), gradient(matrix())];
    expect(compiled.arraySync()).toEqual(eager.arraySync());
  });

  it('transposes as the products did', () => {
    const [a, b] = [
      tf.tensor2d([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      tf.tensor2d([
        [1, -1, 2],
        [0, 3, 1],
      ]),
    ];
    for (const [x, y, transposeX, transposeY] of [
      [a, b, true, true],
      [a, a, true, false],
      [b, b, false, true],
    ] as const) {
      const product = (left: tf.Tensor, right: tf.Tensor) => tf.matMul(left, right, transposeX, transposeY);
      expect(operations(product as FlatStep, x, y)).toEqual(['MatMul']);
      expect(compile(product)(x, y).arraySync()).toEqual(product(x, y).arraySync());
    }
  });
});
