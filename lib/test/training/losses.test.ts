import { describe, expect, it } from 'vitest';
import { tf } from '../../src/runtime';
import { crossEntropy, evaluateClassifier } from '../../src/training';

describe('crossEntropy', () => {
  const logits = tf.tensor2d([0, Math.log(3), 0, 0], [2, 2]);
  const labels = tf.tensor1d([1, 0], 'int32');

  it('is the mean of −log softmax at the label', () => {
    // softmax rows: (1/4, 3/4) and (1/2, 1/2): (−ln 3/4 − ln 1/2) / 2
    expect(crossEntropy(logits, labels).dataSync()[0]).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 6);
  });

  it('has the gradient (softmax − one-hot) / batch', () => {
    const gradient = tf
      .grad((x) => crossEntropy(x, labels))(logits)
      .dataSync();
    [1 / 8, -1 / 8, -1 / 4, 1 / 4].forEach((expected, i) => expect(gradient[i]).toBeCloseTo(expected, 6));
  });

  it('counts each row by its weight', () => {
    const weighted = (weights: number[]) => crossEntropy(logits, labels, tf.tensor1d(weights));
    // −ln 3/4 three times and −ln 1/2 once
    expect(weighted([3, 1]).dataSync()[0]).toBeCloseTo((3 * Math.log(4 / 3) + Math.log(2)) / 4, 6);
    expect(weighted([0, 2]).dataSync()[0]).toBeCloseTo(Math.log(2), 6);
    const gradient = tf.grad((x) => crossEntropy(x, labels, tf.tensor1d([0, 2])))(logits);
    [0, 0, -1 / 2, 1 / 2].forEach((expected, i) => expect(gradient.dataSync()[i]).toBeCloseTo(expected, 6));
  });

  it('is 0 and so is its gradient where no row counts', () => {
    const { value, grad } = tf.valueAndGrad((x) => crossEntropy(x, labels, tf.zeros([2])))(logits);
    for (const number of [...value.dataSync(), ...grad.dataSync()]) expect(number).toBeCloseTo(0, 12);
  });

  it('stays finite for a certain and wrong prediction', () => {
    const extreme = tf.tensor2d([1e4, -1e4], [1, 2]);
    const label = tf.tensor1d([1], 'int32');
    expect(crossEntropy(extreme, label).dataSync()[0]).toBe(2e4);
    expect([
      ...tf
        .grad((x) => crossEntropy(x, label))(extreme)
        .dataSync(),
    ]).toEqual([1, -1]);
  });

  it('says which shapes it expects', () => {
    expect(() => crossEntropy(logits, tf.tensor1d([1, 0, 1], 'int32'))).toThrow(
      'they have the shapes [2, 2], [3]',
    );
    expect(() => crossEntropy(logits, labels, tf.ones([2, 1]))).toThrow('[2, 2], [2], [2, 1]');
  });
});

describe('evaluateClassifier', () => {
  it('does not depend on the batch size, a remainder included', () => {
    const inputs = tf.tensor2d([2, 0, 0, 2, 1, 0, 0, 1, 3, 0], [5, 2]);
    const labels = tf.tensor1d([0, 1, 1, 1, 0], 'int32');
    const identity = { apply: (x: tf.Tensor) => x.clone() };
    const before = tf.memory().numTensors;
    const whole = evaluateClassifier(identity, { inputs, labels });
    const parts = evaluateClassifier(identity, { inputs, labels }, { batchSize: 2 });
    expect(whole.accuracy).toBe(0.8);
    // −log softmax of the label: ln(1 + e^−2) twice, ln(1 + e), ln(1 + e^−1), ln(1 + e^−3)
    const nats = (gap: number) => Math.log1p(Math.exp(-gap));
    expect(whole.loss).toBeCloseTo((2 * nats(2) + nats(-1) + nats(1) + nats(3)) / 5, 6);
    expect(parts.accuracy).toBe(whole.accuracy);
    expect(parts.loss).toBeCloseTo(whole.loss, 6);
    expect(tf.memory().numTensors).toBe(before);
  });
});
