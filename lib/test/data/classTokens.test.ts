import { afterEach, describe, expect, it } from 'vitest';
import { classTokens } from '../../src/data';
import { tf } from '../../src/runtime';

afterEach(() => tf.disposeVariables());

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

describe('classTokens', () => {
  it('gives a token the labels of one class, over all blocks', () => {
    const { label } = classTokens({ size: 40, classes: 4 });
    for (const token of [0, 7, 39]) {
      const { inputs, labels } = label(new Array<number>(2000).fill(token), token);
      expect(values(inputs)).toEqual(new Array(2000).fill(token));
      expect(new Set(values(labels).map((id) => id % 4)).size).toBe(1);
      expect(new Set(values(labels)).size).toBe(10);
    }
  });

  it('draws labels with the entropy that it states, and tokens by Zipf’s law', () => {
    const { draw, entropy, probabilities } = classTokens({ size: 40, classes: 4, exponent: 1 });
    const { inputs, labels } = draw(200_000, 3);
    const share = (ids: number[], hit: (id: number) => boolean) => ids.filter(hit).length / ids.length;
    const tokens = values(inputs);
    expect(share(tokens, (id) => id === 0)).toBeCloseTo(probabilities[0]!, 2);
    const blocks = values(labels).map((id) => Math.floor(id / 4));
    const measured = Array.from({ length: 10 }, (_, b) => share(blocks, (id) => id === b));
    expect(-measured.reduce((sum, p) => sum + p * Math.log(p), 0)).toBeCloseTo(entropy, 2);
    // Whether the label is frequent does not depend on the token.
    const after = blocks.filter((_, i) => tokens[i] === 1);
    expect(share(after, (block) => block === 0)).toBeCloseTo(measured[0]!, 1);
  });

  it('has other classes with another seed, and the same with the same', () => {
    const labelsOf = (seed: number) =>
      values(classTokens({ size: 40, classes: 4, seed }).label([...Array(40).keys()], 1).labels);
    expect(labelsOf(1)).toEqual(labelsOf(1));
    expect(labelsOf(1)).not.toEqual(labelsOf(2));
  });

  it('refuses classes that do not divide the tokens', () => {
    expect(() => classTokens({ size: 41, classes: 4 })).toThrow(RangeError);
  });
});
