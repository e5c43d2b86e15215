/** Barriers stand where a compiler would change more than rounding, and nowhere else, because they stop it from being fast. */
import { afterEach, describe, expect, it } from 'vitest';
import { withBarriers } from '../../src/compile/passes/exactness';
import type { FlatStep } from '../../src/compile/record/recorder';
import { adaFactor, adam, adamW, adaX, amos, lamb, lion, rmsProp, sgd, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { workloads } from './models';
import { traceOf } from './traceOf';

afterEach(() => tf.disposeVariables());

const COMPILERS = ['Grappler', 'XLA'] as const;
const BARRIERS = ['PlaceholderWithDefault', 'XlaOptimizationBarrier'];

function barriers(compiler: (typeof COMPILERS)[number], step: FlatStep, ...inputs: tf.Tensor[]): number {
  const { operations } = withBarriers(traceOf(step, ...inputs), compiler);
  return operations.filter(({ name }) => BARRIERS.includes(name)).length;
}

const x = () => tf.tensor1d([1, 2]);

describe('no barrier is needed', () => {
  const ordinary: Record<string, FlatStep> = {
    'for constants of ordinary size': (a) => tf.add(tf.mul(tf.mul(tf.add(tf.add(a, 1), 2), 0.5), 3), 0.1),
    'for one constant, however large': (a) => [
      tf.mul(a, 1e30),
      tf.add(a, -1e30),
      tf.mul(tf.add(a, 1e30), 1e30),
    ],
    'for division by ordinary numbers': (a) => tf.div(tf.neg(a), 7e20),
    'for softmax and its gradient': (a) => tf.grad((y) => tf.sum(tf.square(tf.softmax(y as tf.Tensor1D))))(a),
    'for sigmoids that are spelled out': (a) => tf.div(1, tf.add(1, tf.exp(tf.neg(a)))),
    'for integers': (a) => tf.mul(tf.mul(tf.cast(a, 'int32'), 65_536), 65_536),
  };
  for (const [name, step] of Object.entries(ordinary)) {
    it(name, () => {
      for (const compiler of COMPILERS) expect(barriers(compiler, step, x()), compiler).toBe(0);
    });
  }

  const optimizers = { adam, adamW, adaFactor, adaX, amos, lamb, lion, rmsProp, sgd, tiger };
  for (const [name, make] of Object.entries(optimizers)) {
    it(`for steps of ${name}`, () => {
      const { loss, weights, batch } = workloads.mlp();
      const optimizer = make({ learningRate: 1e-3 });
      const trainable = weights.filter((weight) => weight.trainable);
      const step: FlatStep = (...inputs) => optimizer.minimize(() => loss(...inputs), true, trainable)!;
      step(...batch(0));
      for (const compiler of COMPILERS) expect(barriers(compiler, step, ...batch(1)), compiler).toBe(0);
    });
  }
});

describe('a barrier is needed', () => {
  const bare: Record<string, FlatStep> = {
    'between "not" and a condition on numbers': (a) => tf.logicalNot(tf.less(a, 0)),
    'between constants that overflow': (a) => tf.mul(tf.mul(a, 1e30), 1e30),
    'between constants that cancel': (a) => tf.sub(tf.add(a, 1), 1),
    'before a divisor that has no ordinary reciprocal': (a) => tf.div(a, 3e38),
    'between a place and what makes elements equal': (a) => tf.argMax(tf.relu(a)),
    'before the divisor of a quotient that is cut': (a) => tf.floor(tf.div(a, 41)),
    'between a logarithm and a softmax': (a) => tf.log(tf.softmax(a as tf.Tensor1D)),
  };
  const underXla: Record<string, FlatStep> = {
    'between a logarithm and an exponential': (a) => tf.log(tf.exp(a)),
    'between a root and a square': (a) => tf.sqrt(tf.square(a)),
    'between quotients': (a) => tf.div(a, tf.div(a, a)),
    'before a zero that is added': (a) => tf.add(a, 0),
  };
  it.each(Object.keys(bare))('%s', (name) => {
    for (const compiler of COMPILERS) expect(barriers(compiler, bare[name]!, x()), compiler).toBe(1);
  });
  it.each(Object.keys(underXla))('%s, under XLA', (name) => {
    expect(barriers('Grappler', underXla[name]!, x())).toBe(0);
    expect(barriers('XLA', underXla[name]!, x())).toBe(1);
  });
});
