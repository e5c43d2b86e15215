/** Gradients whose squares, norms or moments are too large for float32, and what the guard makes of them. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { adam, amos, rmsProp, sgd } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { subjects } from './subjects';
import { draw, normal, stateOf, step, tensor, values, variable, type AnyOptimizer } from './support';

afterEach(() => tf.disposeVariables());

const array = (of: Tensor): number[] => Array.from(values(of));
const modes = ['eager', 'plain', 'XLA'] as const;

/** The first element of a 2 × 2 matrix after steps with the same gradient everywhere, eager and compiled. */
function after(make: () => AnyOptimizer, start: number, gradients: readonly number[]): number[] {
  return modes.map((mode) => {
    const x = variable('x', [2, 2], [start, start, start, start]);
    const optimizer = make();
    const plain = (g: Tensor): void => optimizer.applyGradients([{ name: 'x', tensor: g }]);
    const traced = mode === 'eager' ? undefined : compile(plain, { xla: mode === 'XLA' });
    for (const gradient of gradients) tf.tidy(() => (traced ?? plain)(tf.fill([2, 2], gradient)));
    traced?.dispose();
    optimizer.dispose();
    const result = values(x)[0] as number;
    x.dispose();
    return result;
  });
}

describe.each(subjects)('$name', ({ name, make }) => {
  it.each([0, 1e-20, 1e-38, 1e-42, 1e20, 3e38])(
    'stays finite, and the same compiled, under gradients of %d',
    (gradient) => {
      const options =
        name === 'adaFactor'
          ? [{}, { minDimensionSizeToFactor: 1 }, { beta1: 0.9 }]
          : [{}, { weightDecay: 0.1 }];
      for (const own of options) {
        for (const start of [0, 1]) {
          const found = after(() => make({ learningRate: 0.01, ...own }), start, Array(5).fill(gradient));
          expect(found.every(Number.isFinite), found.join()).toBe(true);
          const tolerance = 1e-4 * Math.max(1e-3, Math.abs((found[0] as number) - start));
          // Subnormal numbers are zero in compiled code; sums of steps of 3e38 round at the edge.
          for (const value of found) {
            expect(Math.abs(value - (found[0] as number))).toBeLessThanOrEqual(
              gradient < 1e-37 && gradient > 0
                ? 0.06
                : Math.max(tolerance, 1e-6 * Math.abs(found[0] as number)),
            );
          }
        }
      }
    },
  );

  it("with nonFinite: 'skip' survives anything, and counts what it did not do", async () => {
    const next = normal(3);
    const optimizer = make({ learningRate: 0.01, nonFinite: 'skip' });
    const [x, y] = [variable('kernel', [3, 4], draw(12, next)), variable('bias', [4], draw(4, next))];
    const wild = [NaN, Infinity, -Infinity, 3e38, 1e20, -1e25, 1e-45];
    for (let count = 0; count < 60; count++) {
      const odd = (size: number): Float64Array =>
        draw(size, next).map((value, i) => (count % 3 === 0 && i % 3 === 0 ? wild[(count / 3) % 7]! : value));
      step(optimizer, [
        [x, odd(12)],
        [y, odd(4)],
      ]);
    }
    const state = await stateOf(optimizer);
    for (const numbers of [array(x), array(y), ...Object.values(state)]) {
      expect(numbers.every(Number.isFinite)).toBe(true);
    }
    expect(await optimizer.skippedSteps()).toBeGreaterThanOrEqual(7);
  });
});

describe('the guard', () => {
  it.each([
    { name: 'adam', make: adam },
    { name: 'rmsProp', make: rmsProp },
    { name: 'amos', make: amos },
  ] as { name: string; make: (options: object) => AnyOptimizer }[])(
    'does not write a second moment of $name that became infinite by one gradient of 1e20',
    async ({ make }) => {
      const optimizer = make({ learningRate: 0.1, nonFinite: 'skip' });
      const x = variable('x', [1], [1]);
      step(optimizer, [[x, [1]]]);
      const before = [array(x), (await stateOf(optimizer))['x/secondMoment']];
      step(optimizer, [[x, [1e20]]]);
      expect([array(x), (await stateOf(optimizer))['x/secondMoment']]).toEqual(before);
      expect(await optimizer.skippedSteps()).toBe(1);
      step(optimizer, [[x, [1]]]);
      expect(array(x)[0]).toBeLessThan(before[0]![0]!);
      expect(await optimizer.skippedSteps()).toBe(1);
    },
  );

  it('skips an update whose sum of finite gradients is not finite, and goes on after it', async () => {
    const optimizer = sgd({ learningRate: 1, nonFinite: 'skip', accumulationSteps: 2 });
    const x = variable('x', [1], [0]);
    const path = [3e38, 3e38, 1, 1].map((gradient) => {
      step(optimizer, [[x, [gradient]]]);
      return array(x)[0];
    });
    expect(path).toEqual([0, 0, 0, -1]);
    expect(await optimizer.skippedSteps()).toBe(1);
    expect((await stateOf(optimizer))['x/accumulatedGradient']).toEqual([0]);
  });
});

describe('clipping', () => {
  it.each([
    { gradient: [1e19, 1e19], norm: Math.SQRT2 * 1e19 },
    { gradient: [1e25, -1e25], norm: Math.SQRT2 * 1e25 },
    { gradient: [3e38, 3e38], norm: Math.SQRT2 * 3e38 },
    { gradient: [3e-30, 4e-30], norm: 0 },
    { gradient: [0, 0], norm: 0 },
  ])('keeps the direction of $gradient', ({ gradient, norm }) => {
    for (const option of ['clipNorm', 'clipGlobalNorm']) {
      for (const xla of [undefined, false, true]) {
        const [x, y] = [variable('x', [2], [0, 0]), variable('y', [2], [0, 0])];
        const optimizer = sgd({ learningRate: 1, [option]: 1 });
        const plain = (g: Tensor, h: Tensor): void => optimizer.applyGradients({ x: g, y: h });
        const traced = xla === undefined ? plain : compile(plain, { xla });
        tf.tidy(() => traced(tensor([2], gradient), tensor([2], [0, 0.5])));
        const found = [...array(x), ...array(y)].map((value) => Number(value.toFixed(5)) + 0);
        const clipped = gradient.map((value) => (norm > 0 ? -value / norm : 0));
        const other = option === 'clipNorm' || norm === 0 ? -0.5 : 0;
        expect(found).toEqual([...clipped, 0, other].map((value) => Number(value.toFixed(5)) + 0));
        tf.dispose([x, y]);
      }
    }
  });

  it('lets a NaN show, compiled by XLA too', () => {
    for (const option of ['clipValue', 'clipNorm', 'clipGlobalNorm']) {
      for (const xla of [undefined, false, true]) {
        const x = variable('x', [2], [0, 0]);
        const optimizer = sgd({ learningRate: 1, [option]: 1 });
        const plain = (g: Tensor): void => optimizer.applyGradients({ x: g });
        const traced = xla === undefined ? plain : compile(plain, { xla });
        tf.tidy(() => traced(tensor([2], [NaN, 1])));
        expect(array(x)[0]).toBeNaN();
        x.dispose();
      }
    }
  });
});
