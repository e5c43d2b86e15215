import { describe, expect, it } from 'vitest';
import { random, tf } from '../../src/runtime';
import {
  interpolateLinearly,
  interpolateSpherically,
  latentGrid,
  nearestNeighborDistances,
  normalQuantile,
} from '../../src/vae';

const rows = 40_000;
const dimensions = 10;
const stream = random(1);
const [z1, z2] = [stream.normal([rows, dimensions]), stream.normal([rows, dimensions])];
const variance = (z: tf.Tensor) => tf.moments(z).variance.dataSync()[0] as number;

describe('VB-6: interpolation of standard normal variables', () => {
  it('in a straight line has the variance (1 − a)² + a²', () => {
    for (const a of [0, 0.25, 0.5, 0.8, 1]) {
      expect(variance(interpolateLinearly(z1, z2, a)) / ((1 - a) ** 2 + a ** 2)).toBeCloseTo(1, 1.7);
    }
  });

  it('on a circle keeps the variance 1', () => {
    for (const a of [0, 0.25, 0.5, 0.8, 1]) {
      expect(variance(interpolateSpherically(z1, z2, a))).toBeCloseTo(1, 1.7);
    }
    expect([...interpolateSpherically(tf.tensor1d([1]), tf.tensor1d([3]), 1).dataSync()][0]).toBeCloseTo(
      3,
      6,
    );
  });

  it('halves the squared norm of a midpoint', () => {
    const norm = (z: tf.Tensor) => tf.mean(tf.sum(tf.square(z), 1)).dataSync()[0] as number;
    expect(norm(z1) / dimensions).toBeCloseTo(1, 1.7);
    expect(norm(interpolateLinearly(z1, z2, 0.5)) / dimensions).toBeCloseTo(0.5, 1.7);
  });
});

describe('VB-7: midpoints of uniform variables', () => {
  it('have the triangular density: distribution function 2m² up to ½', () => {
    const u = random(2);
    const midpoints = interpolateLinearly(u.uniform([200_000]), u.uniform([200_000]), 0.5);
    for (const m of [0.1, 0.25, 0.5]) {
      const below = tf.mean(tf.cast(tf.less(midpoints, m), 'float32')).dataSync()[0] as number;
      // Five standard errors of 200,000 draws at most.
      expect(Math.abs(below - 2 * m * m)).toBeLessThan(0.0056);
    }
  });
});

describe('nearestNeighborDistances', () => {
  it('are Euclidean distances to the nearest reference, for more rows than fit at once', () => {
    const references = tf.tensor2d([
      [0, 0],
      [3, 4],
    ]);
    const [a, b] = nearestNeighborDistances(
      tf.tensor2d([
        [0, 1],
        [3, 6],
      ]),
      references,
    );
    expect([a, b]).toEqual([1, 2]);
    const many = random(3).normal([600, 2]);
    expect(Math.max(...nearestNeighborDistances(many, many))).toBeLessThan(2e-3);
  });

  it('refuse matrices of different width', () => {
    expect(() => nearestNeighborDistances(tf.zeros([2, 3]), tf.zeros([2, 4]))).toThrow('[2, 3] and [2, 4]');
  });
});

describe('latentGrid', () => {
  it('has rows and columns at quantiles of the normal distribution, from the top left', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(1e-6)).toBeCloseTo(-4.753424308822899, 9);
    const z = 1.6448536269514722;
    const expected = [
      [-z, z],
      [0, z],
      [z, z],
      [-z, 0],
      [0, 0],
      [z, 0],
      [-z, -z],
      [0, -z],
      [z, -z],
    ];
    latentGrid(3)
      .arraySync()
      .forEach((point, i) => point.forEach((value, d) => expect(value).toBeCloseTo(expected[i]![d]!, 6)));
    expect(() => normalQuantile(1)).toThrow('but 1 was given');
    expect(() => latentGrid(1)).toThrow('but 1 were asked for');
  });
});
