import { afterEach, describe, expect, it } from 'vitest';
import { random, tf } from '../../src/runtime';
import { BottleneckLayer } from '../../src/vae';

afterEach(() => tf.disposeVariables());

function model(weight: number, optimizer: tf.Optimizer = tf.train.sgd(0)): tf.LayersModel {
  const input = tf.input({ shape: [2] });
  const dense = () =>
    tf.layers.dense({ units: 3, kernelInitializer: 'ones' }).apply(input) as tf.SymbolicTensor;
  const z = new BottleneckLayer({ weight, seed: 4, name: 'bottleneck' }).apply([dense(), dense()]);
  const outputs = tf.layers.dense({ units: 1, kernelInitializer: 'zeros' }).apply(z) as tf.SymbolicTensor;
  const built = tf.model({ inputs: input, outputs });
  built.compile({ optimizer, loss: 'meanSquaredError' });
  return built;
}

describe('BottleneckLayer', () => {
  it('VB-5: gives a sample in training and the mean otherwise', () => {
    const layer = new BottleneckLayer({ seed: 1 });
    const inputs = [tf.ones([5, 2]), tf.zeros([5, 2])];
    const [first, second, evaluated] = [{ training: true }, { training: true }, {}].map((options) => [
      ...layer.call(inputs, options).dataSync(),
    ]);
    expect(first).not.toEqual(second);
    expect(evaluated).toEqual(Array<number>(10).fill(1));
  });

  it('adds λ times the rate to the loss of training, not to that of evaluation', async () => {
    const x = tf.tensor2d([
      [1, 0],
      [0, 2],
    ]);
    const y = tf.zeros([2, 1]);
    const built = model(0.5);
    // The head is 0, so the task costs nothing. Means and log-variances are 1 and 2, thrice:
    // ½·3·(1 + e − 1 − 1) and ½·3·(4 + e² − 2 − 1), mean of both, times λ.
    const rate = (1.5 * (Math.E - 1) + 1.5 * (1 + Math.E ** 2)) / 2;
    const history = await built.fit(x, y, { epochs: 1, batchSize: 2, verbose: 0 });
    expect(history.history.loss![0] as number).toBeCloseTo(0.5 * rate, 4);
    expect((built.evaluate(x, y) as tf.Scalar).dataSync()[0]).toBe(0);
  });

  it('trains: under a large weight the codes collapse to the standard normal distribution', async () => {
    const built = model(1, tf.train.adam(0.05));
    const x = random(1).normal([64, 2]);
    const history = await built.fit(x, tf.zeros([64, 1]), { epochs: 60, batchSize: 64, verbose: 0 });
    const losses = history.history.loss as number[];
    expect(losses[0]).toBeGreaterThan(2);
    expect(losses.at(-1)).toBeLessThan(0.1);
  });

  it('saves and loads with its model', async () => {
    const built = model(0.25);
    const modelTopology = built.toJSON(null, false);
    const loaded = await tf.models.modelFromJSON({ modelTopology });
    expect(loaded.getLayer('bottleneck').getConfig()).toMatchObject({ weight: 0.25, seed: 4 });
    loaded.setWeights(built.getWeights());
    const x = random(2).normal([3, 2]);
    expect([...(loaded.predict(x) as tf.Tensor).dataSync()]).toEqual([
      ...(built.predict(x) as tf.Tensor).dataSync(),
    ]);
  });

  it('refuses a negative weight and anything but two inputs', () => {
    expect(() => new BottleneckLayer({ weight: -1 })).toThrow('but -1 was given');
    expect(() => new BottleneckLayer().apply(tf.zeros([1, 2]))).toThrow('two inputs');
  });
});
