import { afterEach, describe, expect, it } from 'vitest';
import { mlp, parameterCount } from '../../src/models';
import { tf } from '../../src/runtime';

afterEach(() => tf.disposeVariables());

describe('mlp', () => {
  it('computes relu(x W₁ + b₁) W₂ + b₂', () => {
    const model = mlp({ sizes: [2, 2, 1] });
    const [w1, b1, w2, b2] = model.parameters as tf.Variable[];
    w1?.assign(tf.tensor2d([1, -1, 2, 1], [2, 2]));
    b1?.assign(tf.tensor1d([0.5, -4]));
    w2?.assign(tf.tensor2d([2, 3], [2, 1]));
    b2?.assign(tf.tensor1d([-1]));
    // x = (1, 2): hidden = relu(1 + 4 + .5, −1 + 2 − 4) = (5.5, 0); output = 2·5.5 − 1 = 10.
    // x = (0, 5): hidden = relu(10.5, 1) = (10.5, 1); output = 21 + 3 − 1 = 23.
    expect([...model.apply(tf.tensor2d([1, 2, 0, 5], [2, 2])).dataSync()]).toEqual([10, 23]);
  });

  it('has the parameters of the articles: 235,146 for 784-256-128-10, named as the field names them', () => {
    const model = mlp({ sizes: [784, 256, 128, 10] });
    expect(parameterCount(model)).toBe(235_146);
    expect(model.parameters.map(({ name }) => name).slice(0, 3)).toEqual([
      'mlp/dense_1/kernel',
      'mlp/dense_1/bias',
      'mlp/dense_2/kernel',
    ]);
  });

  it('starts with He kernels before a ReLU and a LeCun kernel at the end, from its seed', () => {
    const model = mlp({ sizes: [400, 300, 200], seed: 3 });
    const deviation = (index: number) =>
      tf.sqrt(tf.mean(tf.square(model.parameters[index] as tf.Variable))).dataSync()[0] as number;
    // The relative standard error of a standard deviation over n values is 1/√(2n): 0.2 % and 0.3 %.
    expect(deviation(0) / Math.sqrt(2 / 400)).toBeCloseTo(1, 1.8);
    expect(deviation(2) / Math.sqrt(1 / 300)).toBeCloseTo(1, 1.8);
    const again = mlp({ sizes: [400, 300, 200], seed: 3 });
    const other = mlp({ sizes: [400, 300, 200], seed: 4 });
    const kernel = (of: typeof model) => [...(of.parameters[0] as tf.Variable).dataSync().subarray(0, 8)];
    expect(kernel(again)).toEqual(kernel(model));
    expect(kernel(other)).not.toEqual(kernel(model));
  });

  it('takes another name where its own is in use and gives everything back', () => {
    const before = tf.memory().numTensors;
    const [first, second] = [mlp({ sizes: [2, 1] }), mlp({ sizes: [2, 1] })];
    expect([first.name, second.name]).toEqual(['mlp', 'mlp_2']);
    first.dispose();
    second.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses sizes that make no layer', () => {
    expect(() => mlp({ sizes: [784] })).toThrow('but [784] was given');
    expect(() => mlp({ sizes: [784, 0, 10] })).toThrow(RangeError);
  });
});
