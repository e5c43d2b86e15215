import { afterEach, describe, expect, it } from 'vitest';
import { cnn, parameterCount } from '../../src/models';
import { tf } from '../../src/runtime';

afterEach(() => tf.disposeVariables());

describe('cnn', () => {
  it('convolves, rectifies, takes the largest of each 2 × 2, and weighs what is left', () => {
    const model = cnn({ image: [2, 4, 1], filters: [2], classes: 1, span: 1 });
    const [kernel, bias, weights, offset] = model.parameters as tf.Variable[];
    kernel?.assign(tf.tensor4d([1, -1], [1, 1, 1, 2]));
    bias?.assign(tf.tensor1d([0.5, 0]));
    weights?.assign(tf.tensor2d([1, 10, 100, 1000], [4, 1]));
    offset?.assign(tf.tensor1d([7]));
    // Left: max(1, −2, 3, 0) + .5 = 3.5 and −min = 2; right: 4.5 and max(0, −1, …) = 0.
    const image = tf.tensor4d([1, -2, 1, 2, 3, 0, 4, 3], [1, 2, 4, 1]);
    expect([...model.apply(image).dataSync()]).toEqual([3.5 + 20 + 450 + 0 + 7]);
  });

  it('halves the image at each convolution and names its parameters as the field does', () => {
    const model = cnn({ image: [28, 28, 1], filters: [16, 32], classes: 10, span: 5 });
    expect(parameterCount(model)).toBe(25 * 16 + 16 + 25 * 16 * 32 + 32 + 7 * 7 * 32 * 10 + 10);
    expect(model.parameters.map(({ name }) => name)).toEqual(
      ['convolution_1', 'convolution_2', 'dense'].flatMap((layer) => [
        `cnn/${layer}/kernel`,
        `cnn/${layer}/bias`,
      ]),
    );
    expect(model.apply(tf.zeros([3, 28, 28, 1])).shape).toEqual([3, 10]);
  });

  it('starts with He kernels from its seed', () => {
    const kernel = (seed: number): tf.Variable =>
      cnn({ image: [8, 8, 64], filters: [128], classes: 2, seed }).parameters[0] as tf.Variable;
    const deviation = tf.sqrt(tf.mean(tf.square(kernel(1)))).dataSync()[0] as number;
    expect(deviation / Math.sqrt(2 / (9 * 64))).toBeCloseTo(1, 1.8);
    expect(kernel(1).dataSync()).toEqual(kernel(1).dataSync());
    expect(kernel(1).dataSync()).not.toEqual(kernel(2).dataSync());
  });

  it('refuses an image that pooling would use up', () => {
    const filters = [4, 4, 4];
    expect(() => cnn({ image: [4, 28, 1], filters, classes: 10 })).toThrow(
      '3 convolutions of images of 4 × 28',
    );
    expect(() => cnn({ image: [28, 28, 1], filters: [], classes: 10 })).toThrow('0 convolutions');
  });
});
