/** The optimizers on the backends of TensorFlow.js that run everywhere, against their float64 twins. */
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { adam, amos, lion, sgd, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { Duel } from './duel';
import { subjects } from './subjects';
import { normal, stateOf, step, uniform, values, variable, type AnyOptimizer } from './support';

const sizes: Record<string, (seed: number) => () => number> = {
  ordinary: (seed) => normal(seed),
  'of four decades, some zero': (seed) => {
    const [next, choose] = [normal(seed), uniform(seed + 1)];
    return () => (choose() < 0.1 ? 0 : next() * 10 ** (choose() * 4 - 3));
  },
  tiny: (seed) => scaled(seed, 1e-9),
  'whose squares are subnormal': (seed) => scaled(seed, 1e-20),
};

function scaled(seed: number, size: number): () => number {
  const next = normal(seed);
  return () => size * next();
}

describe.each(['cpu', 'wasm', 'tensorflow'])('on the backend %s', (backend) => {
  let before: string;
  beforeAll(async () => {
    before = tf.getBackend();
    setWasmPaths(`${join(require.resolve('@tensorflow/tfjs-backend-wasm'), '..')}/`);
    await tf.setBackend(backend);
    expect(tf.getBackend()).toBe(backend);
  });
  afterEach(() => tf.disposeVariables());
  afterAll(() => tf.setBackend(before));

  describe.each(subjects)('$name', (subject) => {
    // The native backend is compared at ordinary sizes in twins.test.ts.
    const compared = Object.keys(sizes).slice(backend === 'tensorflow' ? 2 : 0);
    it.each(compared)('agrees with its twin, gradients %s', async (size) => {
      for (const [index, options] of subject.variants.entries()) {
        for (const shape of index === 0 ? [[7], [6, 5]] : [[3, 4]]) {
          const duel = new Duel({ subject, options, shape, next: normal(1), gradient: sizes[size]!(2) });
          for (let t = 1; t <= 30; t++) duel.step();
          // Moments that are subnormal themselves may be 0; what matters is that no weight notices.
          if (size === 'whose squares are subnormal') duel.dispose();
          else await duel.end();
        }
      }
    });

    it('lets a NaN in a gradient show', () => {
      const optimizer = subject.make({ learningRate: 0.1, ...subject.propagatingOptions });
      const x = variable('x', [2], [1, 1]);
      step(optimizer, [[x, [NaN, NaN]]]);
      step(optimizer, [[x, [1, 1]]]);
      expect(values(x)[0]).toBeNaN();
    });
  });

  it('moves only the rows of embeddings that have a gradient, however small', () => {
    const optimizer = sgd({ learningRate: 1, weightDecay: 0.5, lazyRows: { match: 'x' } });
    const x = variable('x', [3, 2], [1, 1, 1, 1, 1, 1]);
    step(optimizer, [[x, [0.25, 0, 0, 0, 1e-9, -1e-9]]]);
    expect(Array.from(values(x))).toEqual([0.25, 0.5, 1, 1, 0.5, 0.5]);
  });

  it.each([
    { name: 'adam', make: adam },
    { name: 'lion', make: lion },
    { name: 'tiger', make: tiger },
    { name: 'amos', make: amos },
  ] as { name: string; make: (options: object) => AnyOptimizer }[])(
    'guards, accumulates and clips with $name',
    async ({ make }) => {
      const optimizer = make({
        learningRate: 0.1,
        nonFinite: 'skip',
        accumulationSteps: 2,
        clipGlobalNorm: 1,
        weightDecay: 0,
      });
      const [x, y] = [variable('x', [2], [1, 1]), variable('y', [2], [1, 1])];
      step(optimizer, [
        [x, [1, NaN]],
        [y, [1e25, 1]],
      ]);
      step(optimizer, [[x, [0.25, 1]]]);
      step(optimizer, [[y, [1, 1]]]);
      expect(await optimizer.skippedSteps()).toBe(1);
      expect(Array.from(values(x)).every((value) => value < 1)).toBe(true);
      expect(Array.from(values(y))).toEqual([1, 1]);
      step(optimizer, [[x, [1, 1]]]);
      expect(Array.from(values(y)).every((value) => value < 1)).toBe(true);
      for (const numbers of Object.values(await stateOf(optimizer))) {
        expect(numbers.every(Number.isFinite)).toBe(true);
      }
    },
  );
});
