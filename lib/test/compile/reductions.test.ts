import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import type { FlatStep } from '../../src/compile/record/recorder';
import { withStagedReductions } from '../../src/compile/passes/reductions';
import { random, tf } from '../../src/runtime';
import { traceOf } from './traceOf';

const matrix = random(1).normal([300, 70], { mean: 3 }) as tf.Tensor2D;
const volume = random(2).normal([8, 90, 30], { mean: 3 });

function names(step: FlatStep, x: tf.Tensor): string[] {
  return withStagedReductions(traceOf(step, x)).operations.map(({ name }) => name);
}

/** In float64. */
function total(x: tf.Tensor): number {
  return Array.from(x.dataSync()).reduce((sum, value) => sum + value, 0);
}

describe('sums over everything under XLA', () => {
  it.each([
    ['a matrix', matrix],
    ['a volume', volume],
    ['a wide matrix', tf.transpose(matrix)],
  ] as const)('%s: in two stages, with the right value', (_, x) => {
    expect(names((y) => [tf.sum(y)], x)).toEqual(['Sum', 'Sum']);
    expect(names((y) => [tf.mean(y)], x)).toEqual(['Mean', 'Mean']);
    const step = compile(
      (y: tf.Tensor) => ({ sum: tf.sum(y), mean: tf.mean(y), kept: tf.sum(y, undefined, true) }),
      { xla: true },
    );
    const { sum, mean, kept } = step(x);
    expect(sum.dataSync()[0]! / total(x)).toBeCloseTo(1, 6);
    expect((mean.dataSync()[0]! * x.size) / total(x)).toBeCloseTo(1, 6);
    expect(kept.shape).toEqual(x.shape.map(() => 1));
    expect(kept.dataSync()[0]).toBe(sum.dataSync()[0]);
  });

  it.each<[string, tf.Tensor, (x: tf.Tensor) => tf.Tensor]>([
    ['over one axis', matrix, (x) => tf.sum(x, 0)],
    ['of few elements', tf.ones([30, 30]), (x) => tf.sum(x)],
    ['of a vector', tf.ones([10_000]), (x) => tf.sum(x)],
    ['of a matrix with one column', tf.ones([10_000, 1]), (x) => tf.sum(x)],
    ['of integers', tf.ones([100, 100], 'int32'), (x) => tf.sum(x)],
    ['of the greatest element', matrix, (x) => tf.max(x)],
    ['of nothing', tf.zeros([0, 10_000]), (x) => tf.sum(x)],
  ])('sums %s stay as they are', (_, x, f) => {
    expect(names((y) => [f(y)], x).filter((name) => /Sum|Mean|Max/.test(name))).toHaveLength(1);
  });
});
