import { describe, expect, it } from 'vitest';
import { assertFinite, tf } from '../../src/runtime';

describe('assertFinite', () => {
  it('hands on what is finite, with its gradient', () => {
    const x = tf.tensor1d([1, 2]);
    expect(assertFinite(x, 'x').arraySync()).toEqual([1, 2]);
    const gradient = tf.grad((y: tf.Tensor) => tf.sum(tf.square(assertFinite(y, 'y'))))(x);
    expect(gradient.arraySync()).toEqual([2, 4]);
  });

  it('names what is not', () => {
    expect(() => assertFinite(tf.log(tf.tensor1d([1, -1])), 'the logarithm')).toThrow(
      /the logarithm : .*NaN/,
    );
    expect(() => assertFinite(tf.tensor1d([1 / 0]), 'the quotient')).toThrow(/the quotient : .*Inf/);
  });

  it('leaves no tensor behind', () => {
    const x = tf.tensor1d([1]);
    const before = tf.memory().numTensors;
    assertFinite(x, 'x').dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
