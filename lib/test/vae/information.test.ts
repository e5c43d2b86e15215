import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random, tf } from '../../src/runtime';
import { decomposeDiscrete, decomposeNormal, estimateInformation } from '../../src/vae';

const normalise = (weights: number[]) => {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
};
const probabilities = (length: number) =>
  fc
    .array(fc.double({ min: 1e-3, max: 1, noNaN: true }), { minLength: length, maxLength: length })
    .map(normalise);
const toys = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 2, max: 5 }))
  .chain(([inputs, codes]) =>
    fc.record({
      encoder: fc.array(probabilities(codes), { minLength: inputs, maxLength: inputs }),
      prior: probabilities(codes),
      weights: probabilities(inputs),
    }),
  );

describe('VB-2: E KL(p(z|x) ‖ q) = I(x; z) + KL(p(z) ‖ q)', () => {
  it('holds exactly for every discrete encoder, prior and distribution of inputs', () => {
    fc.assert(
      fc.property(toys, ({ encoder, prior, weights }) => {
        const { rate, information, gap } = decomposeDiscrete(encoder, prior, weights);
        expect(rate).toBeCloseTo(information + gap, 10);
        expect(information).toBeLessThanOrEqual(rate + 1e-12);
        expect(Math.min(information, gap)).toBeGreaterThanOrEqual(-1e-12);
        expect(information).toBeLessThanOrEqual(Math.log(encoder.length) + 1e-12);
      }),
    );
  });

  it('has no gap if and only if the prior is the aggregate', () => {
    fc.assert(
      fc.property(toys, ({ encoder, weights }) => {
        const aggregate = encoder[0]!.map((_, z) =>
          encoder.reduce((sum, row, x) => sum + weights[x]! * row[z]!, 0),
        );
        const { rate, information, gap } = decomposeDiscrete(encoder, normalise(aggregate), weights);
        expect(gap).toBeCloseTo(0, 10);
        expect(rate).toBeCloseTo(information, 10);
      }),
    );
  });

  it('has the values of a computation by hand', () => {
    const { rate, information, gap } = decomposeDiscrete(
      [
        [1, 0],
        [0, 1],
      ],
      [0.25, 0.75],
    );
    // ½(log 4 + log 4/3); log 2; ½ log 2 + ½ log 2/3
    expect(rate).toBeCloseTo(0.5 * (Math.log(4) + Math.log(4 / 3)), 12);
    expect(information).toBeCloseTo(Math.LN2, 12);
    expect(gap).toBeCloseTo(0.5 * Math.LN2 + 0.5 * Math.log(2 / 3), 12);
  });

  it('holds for normal codes on a line, by quadrature, and its rate is the closed form', () => {
    const components = [
      { mean: -1.2, standardDeviation: 0.3 },
      { mean: 0.4, standardDeviation: 0.05 },
      { mean: 2, standardDeviation: 1.1 },
    ];
    const { rate, information, gap } = decomposeNormal(components);
    const closed = components
      .map(({ mean, standardDeviation: s }) => 0.5 * (mean ** 2 + s ** 2 - 2 * Math.log(s) - 1))
      .reduce((sum, value) => sum + value / 3, 0);
    expect(rate).toBeCloseTo(closed, 9);
    expect(information + gap).toBeCloseTo(rate, 9);
    expect(information).toBeLessThan(Math.log(3));
  });

  it('refuses what are no probabilities', () => {
    expect(() => decomposeDiscrete([[0.5, 0.4]], [0.5, 0.5])).toThrow('p(z|x = 0) must be probabilities');
    expect(() => decomposeDiscrete([[0.5, 0.5]], [0.5, 0.5, 0])).toThrow('has 2 entries, but 3 are expected');
    expect(() => decomposeDiscrete([[1]], [2])).toThrow('The prior must be probabilities');
  });
});

describe('estimateInformation', () => {
  const means = [-1.5, -0.2, 0.1, 2.4];
  const deviations = [0.3, 0.6, 0.2, 0.9];
  const components = means.map((mean, i) => ({ mean, standardDeviation: deviations[i]! }));
  const repeats = 1000;
  const code = {
    mean: tf.tile(tf.tensor2d(means, [4, 1]), [repeats, 1]),
    logVariance: tf.tile(tf.mul(2, tf.log(tf.tensor2d(deviations, [4, 1]))), [repeats, 1]),
  };

  it('finds what quadrature finds, within five of its standard errors', () => {
    const exact = decomposeNormal(components);
    const estimate = estimateInformation(code, { noise: random(1), queries: 2000 });
    expect(estimate.rate).toBeCloseTo(exact.rate, 4);
    for (const term of ['information', 'gap'] as const) {
      const error = estimate.standardError[term];
      expect(error).toBeLessThan(0.05);
      expect(Math.abs(estimate[term] - exact[term])).toBeLessThan(5 * error);
    }
  });

  it('VB-10: is at most log N, reached by codes that never overlap', () => {
    const apart = { mean: tf.mul(100, tf.range(0, 50)).reshape([50, 1]), logVariance: tf.zeros([50, 1]) };
    const { information, rate, inputs } = estimateInformation(apart, { noise: random(1) });
    expect(information).toBeCloseTo(Math.log(50), 5);
    expect(rate).toBeGreaterThan(information);
    expect(inputs).toBe(50);
  });

  it('is 0 for codes that do not depend on the input', () => {
    const collapsed = { mean: tf.zeros([20, 3]), logVariance: tf.zeros([20, 3]) };
    const { rate, information, gap } = estimateInformation(collapsed, { noise: random(1) });
    expect([rate, information, gap].map((value) => Math.abs(value) < 1e-6)).toEqual([true, true, true]);
  });

  it('refuses codes that are not finite, and more queries than codes', () => {
    const broken = { mean: tf.fill([3, 1], NaN), logVariance: tf.zeros([3, 1]) };
    expect(() => estimateInformation(broken, { noise: random(1) })).toThrow('violate a bound');
    expect(() => estimateInformation(code, { noise: random(1), queries: 1e6 })).toThrow(
      'but 1000000 were asked',
    );
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    estimateInformation(code, { noise: random(1), queries: 2 });
    expect(tf.memory().numTensors).toBe(before);
  });
});
