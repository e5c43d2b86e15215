/** A compiled step prints what it does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { fed, random, tf } from '../../src/runtime';

describe('the text of a trace', () => {
  it('shows what comes in, each operation, and what is assigned and returned', () => {
    const total = tf.variable(tf.scalar(0), false, 'printed/total');
    const scale = tf.tensor1d([1, 2, 3, 4]);
    const step = compile(
      (x: tf.Tensor) => {
        total.assign(tf.add(total, tf.sum(tf.mul(x, scale))));
        return tf.mul(
          x,
          fed(() => 2),
        );
      },
      { xla: false },
    );
    expect(step.trace).toBe('This step was not called yet.');
    step(tf.ones([4]));
    expect(step.trace.split('\n')).toEqual([
      'kernels: TensorFlow (without XLA: the option xla is false)',
      'passes: recorded 4 → simplified 4 → for TensorFlow 4 operations',
      'input 0: float32[4]',
      'fed 0: float32[], asked for at each call',
      'captured 0: float32[4], made outside of the step',
      'reads printed/total: float32[]',
      '  %0 = Mul(input 0, captured 0): float32[4]',
      '  %1 = Sum(%0, [0]) {keep_dims: false}: float32[]',
      '  %2 = Add(printed/total, %1): float32[]',
      '  %3 = Mul(input 0, fed 0): float32[4]',
      'assigns printed/total ← %2',
      'returns %3',
    ]);
    expect(String(step)).toBe(step.trace);
    step.dispose();
  });

  it('is what the page on the compiled step shows', () => {
    const page = readFileSync(join(__dirname, '../../COMPILE.md'), 'utf8');
    const shown = /```\n(kernels: [^`]*)\n```/.exec(page)![1];
    const weights = tf.variable(tf.zeros<tf.Rank.R2>([3, 1]), true, 'weights');
    const optimizer = tf.train.sgd(0.1);
    const step = compile((x: tf.Tensor2D, y: tf.Tensor2D) =>
      optimizer.minimize(() => tf.losses.meanSquaredError(y, tf.matMul(x, weights as tf.Tensor2D)), true),
    );
    step(tf.ones([8, 3]), tf.ones([8, 1]));
    expect(step.trace).toBe(shown);
    step.dispose();
  });

  it('shows the operations that the kernels run', () => {
    const x = random(1).normal([100, 90]);
    const step = compile((a: tf.Tensor) => tf.sum(a));
    step(x);
    expect(step.trace.split('\n')).toEqual([
      'kernels: XLA',
      'passes: recorded 1 → simplified 1 → for XLA 3 operations',
      'input 0: float32[100, 90]',
      '  %0 = Sum(input 0, [1]) {keep_dims: true}: float32[100, 1]',
      '  %1 = XlaOptimizationBarrier(%0): float32[100, 1]',
      '  %2 = Sum(%1, [0, 1]) {keep_dims: false}: float32[]',
      'returns %2',
    ]);
    step.dispose();
  });
});
