import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { tf } from '../../src/runtime';
import { nativeBackend, typeAttribute } from '../../src/runtime/binding';

type Step = (x: tf.Tensor) => tf.Tensor;

const vector = (...values: number[]): tf.Tensor1D => tf.tensor1d(values, 'int32');
const pairs = (...values: number[]): tf.Tensor2D => tf.tensor2d(values, [values.length / 2, 2], 'int32');
const logits = tf.reshape(tf.range(0, 40), [4, 10]);
const table = tf.tensor1d([10, 20, 30]);
const images = tf.reshape<tf.Rank.R4>(tf.range(0, 32), [2, 4, 4, 1]);
const boxes = tf.tensor2d([[0, 0, 1, 1]]);
const rows = (i: tf.Tensor): tf.Tensor => tf.gather(table, i);

/** A step, inputs that eager code takes, and inputs that it refuses. */
const steps: Record<string, { step: Step; good: tf.Tensor[]; bad?: tf.Tensor[] }> = {
  gather: { step: rows, good: [vector(0, 2), vector(1)], bad: [vector(0, 3), vector(-1)] },
  'gather with numbers that are cut': {
    step: (x) => rows(tf.cast(x, 'int32')),
    good: [tf.tensor1d([0.2, 2.9]), tf.tensor1d([-0.5])],
    bad: [tf.tensor1d([0.2, 3.1]), tf.tensor1d([-1]), tf.tensor1d([NaN]), tf.tensor1d([1e10])],
  },
  'gather of truth values': {
    step: (x) => rows(tf.cast(tf.cast(x, 'bool'), 'int32')),
    good: [tf.tensor1d([0, 5]), tf.tensor1d([NaN, -3])],
  },
  'gather of numbers that a mask replaces': {
    step: (x) => rows(tf.where(tf.greaterEqual(x, 0), x, tf.zerosLike(x))),
    good: [vector(0, 2), vector(-100, 1)],
    bad: [vector(3, 0)],
  },
  'gather of some of the numbers': {
    step: (x) => rows(tf.slice(x, 1)),
    good: [vector(1, 2), vector(-7, 2)],
    bad: [vector(0, 3)],
  },
  'gatherND, axes of different lengths': {
    step: (x) => tf.gatherND(logits, x),
    good: [pairs(0, 9, 3, 0), pairs(2, 7)],
    bad: [pairs(4, 0), pairs(0, 10), pairs(0, -1)],
  },
  'gatherND of labels': {
    step: (x) => tf.gatherND(logits, tf.stack([tf.range(0, 4, 1, 'int32'), x], 1)),
    good: [vector(7, 0, 9, 3)],
    bad: [vector(7, 0, 10, 3), vector(-1, 0, 0, 0)],
  },
  'gatherND of concatenated columns': {
    step: (x) =>
      tf.gatherND(logits, tf.concat([tf.tensor2d([3, 0, 1, 2], [4, 1], 'int32'), tf.reshape(x, [4, 1])], 1)),
    good: [vector(7, 0, 9, 3)],
    bad: [vector(7, 0, 10, 3)],
  },
  scatterND: {
    step: (x) => tf.scatterND(x, tf.tensor1d([5]), [10, 2]),
    good: [pairs(9, 1), pairs(0, 0)],
    bad: [pairs(9, 2), pairs(10, 0)],
  },
  tensorScatterUpdate: {
    step: (x) => tf.tensorScatterUpdate(logits, x, tf.tensor1d([5])),
    good: [pairs(3, 9)],
    bad: [pairs(4, 0), pairs(0, 10)],
  },
  'segment sums, which leave out negative segments': {
    step: (x) => tf.unsortedSegmentSum(tf.tensor1d([1, 2, 4]), x as tf.Tensor1D, 2),
    good: [vector(0, 1, 1), vector(0, 1, -1)],
    bad: [vector(0, 1, 2)],
  },
  'counts, which leave out what is too large': {
    step: (x) => tf.bincount(x as tf.Tensor1D, tf.tensor1d([]), 4),
    good: [vector(0, 1, 1, 3), vector(0, 9, 4, 3)],
    bad: [vector(0, -1, 1, 3)],
  },
  'counts row by row': {
    step: (x) =>
      nativeBackend().executeSingleOutput(
        'DenseBincount',
        [typeAttribute('Tidx', 'int32'), typeAttribute('T', 'float32')],
        [x, tf.scalar(4, 'int32'), tf.tensor1d([])],
      ),
    good: [pairs(0, 1, 1, 3), pairs(0, 9, 4, 3)],
    bad: [pairs(0, -1, 1, 3)],
  },
  'one-hot rows, empty beyond the depth': {
    step: (x) => tf.oneHot(x, 3),
    good: [vector(0, 2), vector(3, -1)],
  },
  'one-hot rows of computed numbers': {
    step: (x) => tf.oneHot(tf.sub(x, tf.scalar(1, 'int32')), 3),
    good: [vector(1, 2), vector(4, 0)],
  },
  'parts of images': {
    step: (x) => tf.image.cropAndResize(images, boxes, x as tf.Tensor1D, [2, 2]),
    good: [vector(0), vector(1)],
    bad: [vector(2), vector(-1)],
  },
  'computed indices': {
    step: (x) => rows(tf.mul(x, tf.scalar(2, 'int32'))),
    good: [vector(0, 1)],
    bad: [vector(0, 2)],
  },
  'indices clipped as integers': {
    step: (x) => rows(tf.minimum(tf.maximum(x, tf.scalar(0, 'int32')), tf.scalar(2, 'int32'))),
    good: [vector(0, 1), vector(-5, 9)],
  },
  'indices clipped as floating-point numbers': {
    step: (x) => rows(tf.cast(tf.clipByValue(x, 0, 2), 'int32')),
    good: [tf.tensor1d([0.5, 9]), tf.tensor1d([-5, 1])],
    bad: [tf.tensor1d([NaN, 1])],
  },
};

describe('indices', () => {
  describe.each(Object.keys(steps))('%s', (name) => {
    const { step, good, bad = [] } = steps[name]!;

    it.each([false, undefined])('good ones as in eager code, bad ones refused (xla: %s)', (xla) => {
      for (const x of good) {
        const compiled = compile(step, { xla });
        // Traced with the first, which may not hold what others hold.
        tf.dispose(compiled(good[0]!));
        expect(compiled(x).arraySync()).toEqual(step(x).arraySync());
        expect(compiled.loop(tf.stack([x, x])).arraySync()).toEqual(tf.stack([step(x), step(x)]).arraySync());
        compiled.dispose();
      }
      for (const x of bad) {
        const compiled = compile(step, { xla });
        tf.dispose(compiled(good[0]!));
        expect(() => step(x)).toThrow();
        expect(() => compiled(x)).toThrow();
        expect(() => compiled.loop(tf.stack([x, x]))).toThrow();
        // The step goes on.
        expect(compiled(good[0]!).arraySync()).toEqual(step(good[0]!).arraySync());
        compiled.dispose();
      }
    });
  });

  it('keep a step on XLA if they can be followed', () => {
    const kernels = (step: Step, x: tf.Tensor): string | undefined => {
      const compiled = compile(step);
      tf.dispose(compiled(x));
      return compiled.info.kernels;
    };
    for (const name of ['gather', 'gatherND of labels', 'scatterND', 'indices clipped as integers']) {
      expect([name, kernels(steps[name]!.step, steps[name]!.good[0]!)]).toEqual([name, 'XLA']);
    }
    for (const name of ['computed indices', 'indices clipped as floating-point numbers']) {
      expect([name, kernels(steps[name]!.step, steps[name]!.good[0]!)]).toEqual([name, 'TensorFlow']);
    }
  });

  it('out of range are named with the axis', () => {
    const labelled = compile(steps['gatherND of labels']!.step);
    tf.dispose(labelled(vector(7, 0, 9, 3)));
    expect(() => labelled(vector(7, 0, 10, 3))).toThrow(
      'Input 0 of the step holds the index 10, but GatherNd uses it for an axis of 10 elements: indices lie between 0 and 9.',
    );
    const counted = compile(steps['counts, which leave out what is too large']!.step);
    tf.dispose(counted(vector(0, 1)));
    expect(() => counted(vector(0, -1))).toThrow(
      'Input 0 of the step holds the index -1, but Bincount takes no negative ones.',
    );
  });

  it('in elements that may not be used move the step to kernels that check', () => {
    const { step } = steps['gather of some of the numbers']!;
    const compiled = compile(step);
    tf.dispose(compiled(vector(1, 2)));
    expect(compiled.info.kernels).toBe('XLA');
    expect(compiled(vector(-7, 2)).arraySync()).toEqual([30]);
    expect(compiled.info.kernels).toBe('TensorFlow');
    expect(compiled.info.withoutXla).toMatch(/XLA does not check indices\. Input 0 .* index -7/);
    const forced = compile(step, { xla: true });
    tf.dispose(forced(vector(1, 2)));
    expect(() => forced(vector(-7, 2))).toThrow(/index -7/);
  });
});
