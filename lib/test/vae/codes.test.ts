import { afterEach, describe, expect, it } from 'vitest';
import { random, tf } from '../../src/runtime';
import { codeStatistics, decomposeDiscrete, fanoBound, shareOfHoles } from '../../src/vae';

afterEach(() => tf.disposeVariables());

describe('codeStatistics', () => {
  it('are those of the codes', () => {
    // Two dimensions that are the same up to the sign, and one that is independent of them.
    const [x, y] = [random(1).normal([20_000, 1]), random(2).normal([20_000, 1])];
    const { variance, correlation } = codeStatistics(tf.concat([tf.mul(2, x), tf.neg(x), y], 1));
    expect(variance).toBeCloseTo((4 + 1 + 1) / 3, 1);
    expect(correlation).toBeCloseTo(1 / 3, 1);
  });
});

describe('shareOfHoles', () => {
  it('is 0 where the aggregate is the prior, and what lies outside of a half where codes fill a half', () => {
    const standard = { mean: tf.zeros([50, 2]), logVariance: tf.zeros([50, 2]) };
    expect(shareOfHoles(standard, { noise: random(1) })).toBe(0);
    const half = tf.concat([tf.abs(random(2).normal([4000, 1])), random(3).normal([4000, 1])], 1);
    const codes = { mean: half, logVariance: tf.fill([4000, 2], Math.log(0.01)) };
    const share = shareOfHoles(codes, { noise: random(4) });
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.55);
  });
});

describe('fanoBound', () => {
  it('is a guess without information and certainty with all of it', () => {
    expect(fanoBound(0, 10)).toBeCloseTo(0.1, 6);
    expect(fanoBound(Math.log(10), 10)).toBe(1);
  });

  it('is reached by a channel whose errors are all alike', () => {
    // Right with probability a, else one of the other three.
    const a = 0.7;
    const rows = [0, 1, 2, 3].map((x) => [0, 1, 2, 3].map((z) => (x === z ? a : (1 - a) / 3)));
    const { information } = decomposeDiscrete(rows, [0.25, 0.25, 0.25, 0.25]);
    expect(fanoBound(information, 4)).toBeCloseTo(a, 6);
  });
});

describe('VB-8: the threshold inside the integral', () => {
  it('is at least the hinge of the information, and positive where that is 0', () => {
    const encoder = [
      [0.7, 0.2, 0.1],
      [0.1, 0.1, 0.8],
    ];
    const aggregate = [0.4, 0.15, 0.45];
    const { information } = decomposeDiscrete(encoder, aggregate);
    const inside = (beta: number) =>
      encoder
        .flatMap((row) => row.map((p, z) => (p / 2) * Math.max(Math.log(p / aggregate[z]!) - beta, 0)))
        .reduce((sum, term) => sum + term, 0);
    for (const beta of [0, 0.1, 0.2, 0.5]) {
      expect(inside(beta)).toBeGreaterThanOrEqual(Math.max(information - beta, 0) - 1e-12);
    }
    expect(inside(information)).toBeGreaterThan(0.05);
  });
});
