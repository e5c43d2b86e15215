import { describe, expect, it } from 'vitest';
import { dropout, random, Random, tf } from '../../src/runtime';

const values = (x: tf.Tensor): number[] => {
  const result = Array.from(x.dataSync());
  x.dispose();
  return result;
};
const mean = (x: number[]): number => x.reduce((sum, value) => sum + value, 0) / x.length;
const deviation = (x: number[]): number => {
  const centre = mean(x);
  return Math.sqrt(mean(x.map((value) => (value - centre) ** 2)));
};

describe('Random', () => {
  it('repeats its stream for the same seed and leaves it for another', () => {
    const [a, b, c] = [random(7), random(7), random(8)];
    const first = values(a.normal([100]));
    expect(values(b.normal([100]))).toEqual(first);
    expect(values(c.normal([100]))).not.toEqual(first);
    expect(values(a.normal([100]))).not.toEqual(first);
  });

  it('draws the same numbers in every run', () => {
    const drawn = values(random(7).normal([3]));
    [-0.66685176, -2.44684148, -0.69653714].forEach((value, i) => expect(drawn[i]).toBeCloseTo(value, 5));
  });

  it('resumes from a position', () => {
    const whole = random(3);
    whole.uniform([5]).dispose();
    const second = values(whole.uniform([5]));
    const resumed = random(3);
    resumed.counter.value = 1;
    expect(values(resumed.uniform([5]))).toEqual(second);
  });

  it('has the moments that were asked for', () => {
    const r = random(11);
    const n = 100_000;
    const normal = values(r.normal([n], { mean: 3, standardDeviation: 2 }));
    expect(Math.abs(mean(normal) - 3)).toBeLessThan(0.03);
    expect(Math.abs(deviation(normal) - 2)).toBeLessThan(0.03);
    const uniform = values(r.uniform([n], { min: -1, max: 3 }));
    expect(Math.abs(mean(uniform) - 1)).toBeLessThan(0.02);
    expect(Math.min(...uniform.slice(0, 1000))).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...uniform.slice(0, 1000))).toBeLessThan(3);
    const truncated = values(r.truncatedNormal([n], { standardDeviation: 0.5 }));
    expect(truncated.every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(deviation(truncated) / 0.5).toBeCloseTo(0.8796, 2);
    const bernoulli = values(r.bernoulli([n], 0.3));
    expect(Math.abs(mean(bernoulli) - 0.3)).toBeLessThan(0.01);
    expect(new Set(bernoulli)).toEqual(new Set([0, 1]));
  });

  it('draws every integer of a range and no other', () => {
    const drawn = random(2).integers([10_000], { min: -2, max: 3 });
    expect(drawn.dtype).toBe('int32');
    expect([...new Set(values(drawn))].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2]);
  });

  it('permutes', () => {
    const drawn = random(2).permutation(1000);
    expect(drawn.dtype).toBe('int32');
    const order = values(drawn);
    const ascending = Array.from({ length: 1000 }, (_, i) => i);
    expect(order).not.toEqual(ascending);
    expect([...order].sort((a, b) => a - b)).toEqual(ascending);
    // The rank correlation of a random order with the identity has standard deviation 1/√n.
    const covariance = mean(order.map((value, i) => (value - 499.5) * (i - 499.5)));
    expect(Math.abs(covariance / (1000 ** 2 / 12))).toBeLessThan(0.12);
  });

  it('forks streams that depend on the label and not on the position', () => {
    const parent = random(7);
    const before = values(parent.fork('weights').normal([50]));
    parent.normal([1]).dispose();
    expect(values(parent.fork('weights').normal([50]))).toEqual(before);
    expect(values(parent.fork('order').normal([50]))).not.toEqual(before);
    expect(values(random(8).fork('weights').normal([50]))).not.toEqual(before);
  });

  it('leaves no tensor behind', () => {
    const r = random(1);
    const before = tf.memory().numTensors;
    for (const x of [r.normal([2]), r.uniform([2]), r.bernoulli([2], 0.5), r.integers([2], { max: 5 })])
      x.dispose();
    r.permutation(5).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what is wrong with its arguments', () => {
    expect(() => new Random(0.5)).toThrow(/integer of 32 bits, but 0.5/);
    expect(() => random(1).bernoulli([1], 1.5)).toThrow(/between 0 and 1, but 1.5/);
    expect(() => random(1).integers([1], { min: 3, max: 3 })).toThrow(/min = 3 and max = 3/);
    expect(() => dropout(tf.ones([1]), 1, random(1))).toThrow(/\[0, 1\), but 1/);
  });
});

describe('dropout', () => {
  it('keeps the expectation and scales what it keeps', () => {
    const kept = values(dropout(tf.ones([100_000]), 0.25, random(5)));
    expect(Math.abs(mean(kept) - 1)).toBeLessThan(0.01);
    for (const value of new Set(kept)) expect([0, Math.fround(1 / 0.75)]).toContain(value);
  });

  it('passes the gradient through the elements it keeps', () => {
    const x = tf.ones([1000]);
    const forward = values(dropout(x, 0.5, random(5)));
    const gradient = values(tf.grad((y) => dropout(y, 0.5, random(5)).sum())(x));
    expect(gradient).toEqual(forward);
  });

  it('draws nothing at rate 0', () => {
    const r = random(1);
    expect(values(dropout(tf.tensor1d([1, 2]), 0, r))).toEqual([1, 2]);
    expect(r.counter.value).toBe(0);
  });
});
