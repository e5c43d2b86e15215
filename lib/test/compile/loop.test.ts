import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { lion } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { difference, workloads } from './models';

const values = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync());

describe('a loop takes the same steps as single calls', () => {
  for (const [name, make] of Object.entries(workloads)) {
    it(name, () => {
      const [single, looped] = [make(), make()];
      const build = ({ loss, weights }: ReturnType<typeof make>) => {
        const trainable = weights.filter((weight) => weight.trainable);
        const optimizer = tf.train.momentum(0.05, 0.9);
        return compile((...inputs: tf.Tensor[]) =>
          optimizer.minimize(() => loss(...inputs), true, trainable)!,
        );
      };
      const [one, many] = [build(single), build(looped)];
      const batches = Array.from({ length: 6 }, (_, i) => single.batch(i));
      const expected = batches.map((batch) => values(one(...batch))[0]!);
      const stack = (rows: tf.Tensor[][]) => rows[0]!.map((_, k) => tf.stack(rows.map((row) => row[k]!)));
      const losses = [
        ...values(many.loop(...stack(batches.slice(0, 4)))),
        ...values(many(...batches[4]!)),
        ...values(many.loop(...stack(batches.slice(5)))),
      ];
      losses.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i]!, 6));
      expect(difference(looped.weights, single.weights)).toBeLessThan(1e-6);
    });
  }
});

describe.each([false, true])('loop (XLA: %s)', (xla) => {
  it('stacks nested outputs of all types', () => {
    const step = compile(
      (x: tf.Tensor) => ({
        sum: x.sum(),
        list: [x.mul(2), x.greater(1)],
        whole: tf.cast(x, 'int32'),
        none: null,
      }),
      { xla },
    );
    const result = step.loop(
      tf.tensor2d([
        [0, 1],
        [2, 3],
        [4, 5],
      ]),
    );
    expect(values(result.sum)).toEqual([1, 5, 9]);
    expect(result.list[0]!.shape).toEqual([3, 2]);
    expect(values(result.list[0]!)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(result.list[1]!.dtype).toBe('bool');
    expect(values(result.list[1]!)).toEqual([0, 0, 1, 1, 1, 1]);
    expect(result.whole.dtype).toBe('int32');
    expect(values(result.whole)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(result.none).toBeNull();
  });

  it('takes inputs of several types, and numbers of steps that change', () => {
    const total = tf.variable(tf.scalar(0));
    const step = compile(
      (x: tf.Tensor, { count, mask }: { count: tf.Tensor; mask: tf.Tensor }) => {
        total.assign(total.add(tf.where(mask, x.mul(tf.cast(count, 'float32')), tf.scalar(0))));
        return total.clone();
      },
      { xla },
    );
    let expected = 0;
    for (const steps of [4, 3, 1, 9, 6, 12, 4]) {
      const x = Array.from({ length: steps }, (_, i) => i + 1);
      const running = x.map((value) => (expected += value % 2 ? 2 * value : 0));
      const result = step.loop(tf.tensor1d(x), {
        count: tf.fill([steps], 2, 'int32'),
        mask: tf.tensor1d(
          x.map((value) => value % 2),
          'bool',
        ),
      });
      expect(values(result)).toEqual(running);
      expect(values(total)).toEqual([expected]);
    }
    expect(step.info.traces).toBe(1);
  });

  it('needs no inputs and no outputs', () => {
    const total = tf.variable(tf.scalar(1));
    const step = compile(
      () => {
        total.assign(total.mul(2));
      },
      { xla },
    );
    const before = tf.memory().numTensors;
    expect(step.loop(5)).toBeUndefined();
    step();
    expect(values(total)).toEqual([64]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains on rows of a captured data set, chosen by index', () => {
    const images = tf.tensor2d(
      Array.from({ length: 40 }, (_, i) => Math.sin(i)),
      [10, 4],
    );
    const targets = tf.tensor1d(Array.from({ length: 10 }, (_, i) => i / 10));
    const build = () => {
      const weights = tf.variable(tf.zeros([4, 1]));
      const optimizer = lion({ learningRate: 0.01 });
      const step = (rows: tf.Tensor1D) =>
        optimizer.minimize(
          () => {
            const prediction = tf.matMul(tf.gather(images, rows), weights);
            return tf.losses
              .meanSquaredError(tf.gather(targets, rows), tf.squeeze(prediction, [1]))
              .asScalar();
          },
          true,
          [weights],
        )!;
      return { weights, step };
    };
    const [eager, compiled] = [build(), build()];
    const rows = tf.tensor2d(
      [
        [0, 5, 5],
        [9, 1, 2],
        [3, 4, 0],
      ],
      [3, 3],
      'int32',
    );
    const expected = tf.unstack(rows).map((row) => values(eager.step(row as tf.Tensor1D))[0]!);
    const step = compile(compiled.step, { xla });
    values(step.loop(rows)).forEach((loss, i) => expect(loss).toBeCloseTo(expected[i]!, 6));
    expect(difference([compiled.weights], [eager.weights])).toBeLessThan(1e-6);
    // The data set is handed over once; it is not part of the graph.
    expect(step.info.graphBytes).toBeLessThan(20_000);
  });
});

describe('loop', () => {
  it('says what it takes', () => {
    const step = compile((x: tf.Tensor, y: tf.Tensor) => x.add(y));
    expect(() => step.loop(tf.zeros([2, 3]), tf.zeros([3, 3]))).toThrow(
      /leading axis .* but got \[2, 3\], \[3, 3\]/,
    );
    expect(() => step.loop(tf.scalar(1), tf.scalar(2))).toThrow(/leading axis/);
    expect(() => compile(() => tf.scalar(1)).loop(0)).toThrow(/K ≥ 1.* but got 0/);
  });

  it('does not grow', () => {
    const total = tf.variable(tf.scalar(0));
    const step = compile((x: tf.Tensor) => {
      total.assign(total.add(x));
      return total.clone();
    });
    const [long, short] = [tf.ones([8]), tf.ones([5])];
    const once = () => tf.dispose([step.loop(long), step.loop(short)]);
    once();
    const before = tf.memory().numTensors;
    for (let i = 0; i < 50; i++) once();
    expect(tf.memory().numTensors).toBe(before);
    expect(values(total)).toEqual([51 * 13]);
  });
});

describe('nesting and structure', () => {
  it('takes and returns nested tensors, and tells structures apart', () => {
    interface Batch {
      a: tf.Tensor;
      b?: tf.Tensor[];
    }
    const step = compile((batch: Batch) => ({
      sum: (batch.b ?? []).reduce((sum, tensor) => sum.add(tensor), batch.a),
    }));
    expect(values(step({ a: tf.scalar(1) }).sum)).toEqual([1]);
    expect(values(step({ a: tf.scalar(1), b: [tf.scalar(2), tf.scalar(3)] }).sum)).toEqual([6]);
    expect(step.info.traces).toBe(2);
  });

  it('becomes part of another compiled step', () => {
    const inner = compile((x: tf.Tensor) => x.mul(2));
    const outer = compile((x: tf.Tensor) => inner(inner(x)).add(1));
    expect(values(outer(tf.scalar(3)))).toEqual([13]);
    expect(inner.info.traces).toBe(0);
  });

  it('reports how it was compiled', () => {
    const step = compile((x: tf.Tensor) => x.mul(2).add(1));
    expect(step.info).toMatchObject({ traces: 0, operations: 0 });
    step(tf.ones([3]));
    expect(step.info).toMatchObject({ traces: 1, operations: 2, kernels: 'XLA', withoutXla: undefined });
    expect(step.info.traceTime).toBeGreaterThan(0);
    expect(step.info.loadTime).toBeGreaterThan(0);
  });
});
