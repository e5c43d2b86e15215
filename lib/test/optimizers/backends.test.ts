/** The optimizers on the backends of TensorFlow.js that run everywhere, against their float64 twins. */
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { adam, amos, lion, sgd, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { subjects } from './subjects';
import { stateOf, step, values, variable, type AnyOptimizer } from './support';
import { follow, isOff, showsNaN, trajectories, type Course } from './trajectories';

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
    it('follows its twin', async () => {
      const courses: Course[] = [];
      for (const trajectory of trajectories) {
        if (trajectory.subject === subject) courses.push(await follow(trajectory, 30));
      }
      expect(courses.length).toBe(8 * subject.variants.length);
      expect(courses.filter(isOff)).toEqual([]);
    });

    it('lets a NaN in a gradient show', async () => {
      expect(await showsNaN(subject)).toBe(true);
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
