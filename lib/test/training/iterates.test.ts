import { describe, expect, it } from 'vitest';
import { sgd } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { iterates } from '../../src/training';

const square = (x: tf.Tensor) => tf.sum(tf.square(x));

describe('iterates', () => {
  it('gives the start and every step: x ← x − 0.25 · 2x halves x', () => {
    const path = iterates({ optimizer: sgd({ learningRate: 0.25 }), start: [8, -4], steps: 3, loss: square });
    expect(path.map((point) => [...point])).toEqual([
      [8, -4],
      [4, -2],
      [2, -1],
      [1, -0.5],
    ]);
  });

  it('applies prescribed gradients with the number of the step', () => {
    const gradient = (_: tf.Tensor, step: number) => tf.tensor1d([step]);
    const path = iterates({ optimizer: sgd({ learningRate: 1 }), start: [0], steps: 3, gradient });
    expect(path.map(([value]) => value)).toEqual([0, -1, -3, -6]);
  });

  it('starts afresh when the optimizer is used again, and leaves no tensor behind', () => {
    const optimizer = sgd({ learningRate: 0.1, momentum: 0.5 });
    const walk = () => iterates({ optimizer, start: [1], steps: 4, loss: square });
    const before = tf.memory().numTensors;
    const first = walk();
    expect(walk()).toEqual(first);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('needs a loss or a gradient', () => {
    expect(() => iterates({ optimizer: sgd(), start: [1], steps: 1 })).toThrow(
      'either the loss to minimise or the gradient',
    );
  });
});
