import { describe, expect, it } from 'vitest';
import { halfSize, markBorder } from '../../src/data';
import { tf } from '../../src/runtime';

const image = tf.tensor2d([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]]);

describe('halfSize', () => {
  it('takes the mean of each 2 × 2 pixels', () => {
    expect(halfSize(image).arraySync()).toEqual([[2.5, 4.5, 10.5, 12.5]]);
  });

  it('refuses what is no square of even side', () => {
    expect(() => halfSize(tf.zeros([2, 9]))).toThrow(RangeError);
    expect(() => halfSize(tf.zeros([2, 8]))).toThrow(RangeError);
  });
});

describe('markBorder', () => {
  it('draws a bar of ones along the border that is named, and leaves the rest', () => {
    const dark = tf.zeros([4, 9]);
    const marked = markBorder(dark, tf.tensor1d([0, 1, 2, 3], 'int32')).arraySync();
    expect(marked).toEqual([
      [1, 1, 1, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 1, 1, 1],
      [1, 0, 0, 1, 0, 0, 1, 0, 0],
      [0, 0, 1, 0, 0, 1, 0, 0, 1],
    ]);
  });
});
