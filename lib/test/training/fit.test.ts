import { afterEach, describe, expect, it } from 'vitest';
import { adam, sgd } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { fit, minimize } from '../../src/training';

afterEach(() => tf.disposeVariables());

describe('minimize', () => {
  it('reports the scalars from before the update, updates, and leaves no other tensor behind', () => {
    const x = tf.variable(tf.scalar(3));
    const optimizer = sgd({ learningRate: 0.25 });
    const objective = () => ({ loss: tf.square(x) as tf.Scalar, double: tf.mul<tf.Scalar>(2, x) });
    tf.dispose(minimize(optimizer, objective, [x]));
    const before = tf.memory().numTensors;
    const report = minimize(optimizer, objective, [x]);
    expect([report.loss.dataSync()[0], report.double.dataSync()[0]]).toEqual([2.25, 3]);
    // 3 − 0.25·6 = 1.5, 1.5 − 0.25·3 = 0.75
    expect(x.dataSync()[0]).toBe(0.75);
    tf.dispose(report);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('fit', () => {
  const run = (compiled: boolean) => {
    const data = random(1).normal([40, 3]);
    const weights = tf.variable(tf.ones([3, 1]));
    const total = tf.variable(tf.scalar(0), false);
    const optimizer = adam({ learningRate: 0.05 });
    const step = (rows: tf.Tensor1D) => {
      const report = minimize(optimizer, () => {
        const outputs = tf.matMul(tf.gather(data, rows), weights);
        return { loss: tf.mean<tf.Scalar>(tf.square(outputs)), largest: tf.max<tf.Scalar>(outputs) };
      }, [weights]);
      total.assign(tf.add(total, report.loss));
      return report;
    };
    const result = fit({ step, count: 40, epochs: 3, batchSize: 8, seed: 3, compiled });
    return result.then(({ reports }) => ({ reports, total: total.dataSync()[0] as number }));
  };

  it('follows every scalar of a step, and the step may update more than parameters', async () => {
    const { reports, total } = await run(false);
    expect([reports.loss.length, reports.largest.length]).toEqual([15, 15]);
    expect(reports.loss.reduce((sum, value) => sum + value, 0)).toBeCloseTo(total, 4);
    expect(reports.loss.at(-1)).toBeLessThan(reports.loss[0] as number);
  });

  it('takes the same steps compiled and eager', async () => {
    const [compiled, eager] = [await run(true), await run(false)];
    for (const name of ['loss', 'largest'] as const) {
      compiled.reports[name].forEach((value, step) =>
        expect(value).toBeCloseTo(eager.reports[name][step]!, 4),
      );
    }
    expect(compiled.total).toBeCloseTo(eager.total, 3);
  });
});
