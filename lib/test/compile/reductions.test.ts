import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import type { FlatStep } from '../../src/compile/record/recorder';
import { withStagedReductions } from '../../src/compile/passes/reductions';
import { random, tf } from '../../src/runtime';
import { traceOf } from './traceOf';

const matrix = random(1).normal([300, 70], { mean: 3 }) as tf.Tensor2D;
const volume = random(2).normal([8, 90, 30], { mean: 3 });

/** The reductions that a step becomes. */
function stages(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): string[] {
  const step: FlatStep = (y) => [f(y)];
  const { operations } = withStagedReductions(traceOf(step, x));
  return operations.map(({ name }) => name).filter((name) => /Sum|Mean|Max|Min/.test(name));
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
    expect(stages((y) => tf.sum(y), x)).toEqual(['Sum', 'Sum']);
    expect(stages((y) => tf.mean(y), x)).toEqual(['Mean', 'Mean']);
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
    ['of a vector of odd length', tf.ones([9_999]), (x) => tf.sum(x)],
    ['of short rows', matrix, (x) => tf.sum(x, 1)],
    ['of long rows that do not divide into groups of eight', tf.ones([3, 1001]), (x) => tf.max(x, 1)],
    ['of two axes of three', tf.ones([2, 3, 1000]), (x) => tf.sum(x, [1, 2])],
    ['of a matrix with one column', tf.ones([10_000, 1]), (x) => tf.sum(x)],
    ['of integers', tf.ones([100, 100], 'int32'), (x) => tf.sum(x)],
    ['of the greatest element', matrix, (x) => tf.max(x)],
    ['of nothing', tf.zeros([0, 10_000]), (x) => tf.sum(x)],
  ])('sums %s stay as they are', (_, x, f) => {
    expect(stages(f, x)).toHaveLength(1);
  });
});

describe('reductions of long rows under XLA', () => {
  const reductions = { sum: tf.sum, mean: tf.mean, max: tf.max, min: tf.min };
  const inputs: readonly [string, tf.Tensor][] = [
    ['a matrix', random(3).normal([7, 1000], { mean: 3 })],
    ['a volume', random(4).normal([2, 3, 256], { mean: -3 })],
    ['a vector', random(5).normal([10_000], { mean: 3 })],
  ];

  for (const [name, reduce] of Object.entries(reductions)) {
    it.each(inputs)(`${name} of %s: in two stages, with the values of float64`, (_, x) => {
      const step = (y: tf.Tensor): [tf.Tensor, tf.Tensor] => [reduce(y, -1), reduce(y, y.rank - 1, true)];
      expect(stages((y) => step(y)[0], x)).toHaveLength(2);
      const [reduced, kept] = compile(step, { xla: true })(x);
      const length = x.shape.at(-1)!;
      const numbers = Array.from(x.dataSync());
      const rows = Array.from({ length: numbers.length / length }, (__, row) =>
        numbers.slice(row * length, (row + 1) * length),
      );
      const total = (row: number[]): number => row.reduce((sum, value) => sum + value, 0);
      const exact = {
        sum: total,
        mean: (row: number[]) => total(row) / length,
        max: (row: number[]) => Math.max(...row),
        min: (row: number[]) => Math.min(...row),
      }[name as keyof typeof reductions];
      const expected = rows.map(exact);
      const actual = Array.from(reduced.dataSync());
      expect(reduced.shape).toEqual(x.shape.slice(0, -1));
      expect(kept.shape).toEqual([...x.shape.slice(0, -1), 1]);
      expect(Array.from(kept.dataSync())).toEqual(actual);
      // Extrema are exact; a sum in pieces is off by a few roundings.
      const tolerance = name === 'max' || name === 'min' ? 0 : 1e-6;
      expected.forEach((value, i) => expect(Math.abs(actual[i]! / value - 1)).toBeLessThanOrEqual(tolerance));
    });
  }

  it.each([NaN, Infinity, -Infinity])('hand on %f wherever it stands in its row', (value) => {
    const at = [0, 31, 32, 500, 999];
    const rows = at.map((place) => Array.from({ length: 1000 }, (_, i) => (i === place ? value : i / 1000)));
    const x = tf.tensor2d(rows);
    const step = (y: tf.Tensor): tf.Tensor[] => Object.values(reductions).map((reduce) => reduce(y, 1));
    const [eager, compiled] = [step(x), compile(step, { xla: true })(x)].map((results) =>
      results.map((result) => Array.from(result.dataSync())),
    );
    const propagates = Number.isNaN(value) ? [true, true, true, true] : [true, true, value > 0, value < 0];
    compiled!.forEach((row, i) => {
      if (propagates[i]) expect(row).toEqual(at.map(() => value));
      expect(row.map((entry) => Math.round(1e4 * entry))).toEqual(
        eager![i]!.map((entry) => Math.round(1e4 * entry)),
      );
    });
  });
});
