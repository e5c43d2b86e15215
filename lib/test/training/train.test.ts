import { afterEach, describe, expect, it } from 'vitest';
import { mlp } from '../../src/models';
import { sgd } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { train, type TrainingProgress } from '../../src/training';

afterEach(() => tf.disposeVariables());

/** Two classes that a line separates. */
function separable(count = 96) {
  const inputs = random(5).normal([count, 2]);
  const labels = tf.cast(tf.greater(tf.sum(inputs, 1), 0), 'int32') as tf.Tensor1D;
  return { inputs, labels };
}

const accuracyOf = (data: ReturnType<typeof separable>) => (model: { apply(x: tf.Tensor): tf.Tensor }) => ({
  accuracy: tf.tidy(
    () =>
      tf
        .mean(tf.cast(tf.equal(tf.argMax(model.apply(data.inputs), 1), data.labels), 'float32'))
        .dataSync()[0] as number,
  ),
});

describe('train', () => {
  it('hands the rows of labels of any shape to a loss of one’s own', async () => {
    const inputs = random(6).normal([64, 3]);
    const model = mlp({ sizes: [3, 2], seed: 1 });
    const { losses } = await train({
      model,
      optimizer: tf.train.sgd(0.3),
      data: { inputs, labels: tf.slice(inputs, [0, 1], [64, 2]) },
      loss: (outputs, labels) => tf.mean(tf.squaredDifference(outputs, labels)),
      batchSize: 16,
      epochs: 20,
    });
    expect(losses.at(-1)).toBeLessThan(1e-3);
  });

  it('learns, records every step and every epoch, and leaves no tensor behind', async () => {
    const data = separable();
    const model = mlp({ sizes: [2, 16, 2], seed: 1 });
    const optimizer = tf.train.sgd(0.3);
    const before = tf.memory().numTensors;
    const run = await train({
      model,
      optimizer,
      data,
      epochs: 20,
      batchSize: 16,
      evaluate: accuracyOf(data),
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(run.losses.length).toBe(20 * 6);
    expect(run.evaluations.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(run.evaluations.at(-1)?.accuracy).toBeGreaterThan(0.95);
    expect(run.interrupted).toBe(false);
  });

  it('equals a hand-written loop over the same batches', async () => {
    const data = separable(8);
    const trained = mlp({ sizes: [2, 2], seed: 2 });
    await train({ model: trained, optimizer: tf.train.sgd(0.5), data, epochs: 1, batchSize: 8, seed: 3 });
    // One full batch: the order does not matter. θ ← θ − 0.5 · xᵀ(softmax − one-hot)/8.
    const expected = tf.tidy(() => {
      const model = mlp({ sizes: [2, 2], seed: 2 });
      const error = tf.sub(tf.softmax(model.apply(data.inputs)), tf.oneHot(data.labels, 2));
      const gradient = tf.div(tf.matMul(data.inputs as tf.Tensor2D, error as tf.Tensor2D, true), 8);
      return tf.sub(model.parameters[0] as tf.Variable, tf.mul(0.5, gradient)).dataSync();
    });
    (trained.parameters[0] as tf.Variable)
      .dataSync()
      .forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 6));
  });

  it('is repeatable from its seeds', async () => {
    const losses = async (seed: number) => {
      const model = mlp({ sizes: [2, 4, 2], seed: 1 });
      return (
        await train({
          model,
          optimizer: tf.train.sgd(0.1),
          data: separable(),
          epochs: 2,
          batchSize: 32,
          seed,
        })
      ).losses;
    };
    const [first, again, other] = [await losses(1), await losses(1), await losses(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('takes the same steps compiled and eager', async () => {
    const losses = async (compiled: boolean) => {
      const model = mlp({ sizes: [2, 8, 2], seed: 4 });
      const options = { data: separable(), epochs: 3, batchSize: 4, seed: 5, compiled };
      return (await train({ model, optimizer: sgd({ learningRate: 0.2, momentum: 0.9 }), ...options }))
        .losses;
    };
    const [compiled, eager] = [await losses(true), await losses(false)];
    expect(compiled.length).toBe(72);
    compiled.forEach((loss, step) => expect(loss).toBeCloseTo(eager[step] as number, 5));
  });

  it('stops after the chunk in which it is interrupted and returns what it has', async () => {
    const data = separable(96);
    const model = mlp({ sizes: [2, 4, 2] });
    const controller = new AbortController();
    const reports: TrainingProgress[] = [];
    const run = await train({
      model,
      optimizer: tf.train.sgd(0.1),
      data,
      epochs: 1000,
      batchSize: 2,
      signal: controller.signal,
      evaluate: () => {
        controller.abort();
        return { seen: 1 };
      },
      onProgress: (progress) => reports.push(progress),
    });
    expect(run.interrupted).toBe(true);
    expect(run.losses.length).toBe(48);
    expect(run.evaluations).toEqual([{ epoch: 1, step: 48, seen: 1 }]);
    expect(reports.at(-1)).toMatchObject({ step: 48, steps: 48_000, epoch: 1, metrics: { seen: 1 } });
    expect(reports.at(-1)?.secondsRemaining).toBeGreaterThan(0);
  });

  it('evaluates as often as it is told', async () => {
    const model = mlp({ sizes: [2, 2] });
    const options = { model, optimizer: tf.train.sgd(0.1), data: separable(), epochs: 4, batchSize: 1 };
    const { evaluations } = await train({ ...options, evaluate: () => ({}), evaluateEvery: 60 });
    expect(evaluations).toEqual([
      { epoch: 1, step: 60 },
      { epoch: 2, step: 120 },
      { epoch: 2, step: 180 },
      { epoch: 3, step: 240 },
      { epoch: 4, step: 300 },
      { epoch: 4, step: 360 },
    ]);
    await expect(train({ ...options, evaluateEvery: 0 })).rejects.toThrow('but 0 was given');
  });

  it('refuses a number of epochs that is none', async () => {
    const model = mlp({ sizes: [2, 2] });
    const optimizer = tf.train.sgd(0.1);
    await expect(train({ model, optimizer, data: separable(), epochs: 1.5 })).rejects.toThrow(
      'but 1.5 was given',
    );
  });
});
