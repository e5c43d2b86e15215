import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binCounts, binEdges, groupMeans, logLevels, quantile, seedBand } from '../../src/plots';

describe('seedBand', () => {
  const seeds = [
    [1, 4, 2],
    [3, 8, 2],
    [8, 6, 2],
  ];

  it('gives mean, smallest and largest', () => {
    expect(seedBand(seeds)).toEqual({
      center: Float64Array.of(4, 6, 2),
      low: Float64Array.of(1, 4, 2),
      high: Float64Array.of(8, 8, 2),
    });
  });

  it('gives the mean and one sample standard deviation', () => {
    const { center, low, high } = seedBand(seeds, 'deviation');
    expect(Array.from(center)).toEqual([4, 6, 2]);
    // Deviations −3, −1, 4: variance 26/2 = 13; −2, 2, 0: 8/2 = 4; none: 0.
    expect(high[0]).toBeCloseTo(4 + Math.sqrt(13), 12);
    expect(low[0]).toBeCloseTo(4 - Math.sqrt(13), 12);
    expect([low[1], high[1], low[2], high[2]]).toEqual([4, 8, 2, 2]);
  });

  it('gives median and quartiles', () => {
    const band = seedBand(seeds, 'quartiles');
    expect([band.low[0], band.center[0], band.high[0]]).toEqual([2, 3, 5.5]);
  });

  it('has no deviation with one seed', () => {
    expect(seedBand([[5]], 'deviation')).toEqual({
      center: Float64Array.of(5),
      low: Float64Array.of(5),
      high: Float64Array.of(5),
    });
  });

  it('does not let a diverged seed vanish from the mean', () => {
    const { center, low, high } = seedBand([
      [1, 2],
      [1, NaN],
    ]);
    expect([center[0], center[1], low[1], high[1]]).toEqual([1, NaN, NaN, NaN]);
  });

  it('refuses no seeds and different lengths', () => {
    expect(() => seedBand([])).toThrow(/list of seeds is empty/);
    expect(() => seedBand([[1, 2], [1]])).toThrow('seed 0 has 2 elements and seed 1 has 1');
  });
});

describe('quantile', () => {
  it('interpolates like NumPy', () => {
    // numpy.quantile([7, 1, 3, 4], [0, .1, .25, .5, .75, 1])
    const values = [7, 1, 3, 4];
    const expected = [1, 1.6, 2.5, 3.5, 4.75, 7];
    [0, 0.1, 0.25, 0.5, 0.75, 1].forEach((p, i) => expect(quantile(values, p)).toBeCloseTo(expected[i]!, 12));
  });

  it('ignores what is not finite and sorts numerically', () => {
    expect(quantile([NaN, 10, 9, Infinity], 0)).toBe(9);
  });

  it('grows with the probability, from the minimum to the maximum', () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), probability, probability, (values, p, q) => {
        const [low, high] = [quantile(values, Math.min(p, q)), quantile(values, Math.max(p, q))];
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(Math.min(...values));
        expect(high).toBeLessThanOrEqual(Math.max(...values));
      }),
    );
  });

  it('refuses a probability outside [0, 1]', () => {
    expect(() => quantile([1], 1.1)).toThrow(/between 0 and 1, got 1.1/);
    expect(() => quantile([1], NaN)).toThrow(/got NaN/);
  });
});

describe('groupMeans', () => {
  it('averages groups, the last one smaller', () => {
    expect(Array.from(groupMeans([1, 3, 5, 7, 9], 2))).toEqual([2, 6, 9]);
    expect(Array.from(groupMeans(Float32Array.of(1, 2), 5))).toEqual([1.5]);
  });

  it('refuses a size that is no positive integer', () => {
    expect(() => groupMeans([1], 0)).toThrow(/positive integer, got 0/);
    expect(() => groupMeans([1], 1.5)).toThrow(/got 1.5/);
  });
});

describe('bins', () => {
  it('are equally wide, or on a logarithmic axis equally wide in decades', () => {
    expect(Array.from(binEdges([0, 1], 4))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    const edges = binEdges([0.01, 100], 4, true);
    [0.01, 0.1, 1, 10, 100].forEach((edge, i) => expect(edges[i]).toBeCloseTo(edge, 10));
  });

  it('contain their lower edge, the last one its upper edge too', () => {
    expect(Array.from(binCounts([0, 0.5, 1, 1.5, 2, -1, 2.5, NaN], [0, 1, 2]))).toEqual([2, 3]);
  });

  it('count every value of the range exactly once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -3, max: 5, noNaN: true })),
        fc.integer({ min: 1, max: 50 }),
        (values, count) => {
          const counts = binCounts(values, binEdges([-3, 5], count));
          expect(counts.reduce((sum, one) => sum + one, 0)).toBe(values.length);
        },
      ),
    );
  });

  it('refuse an empty range, and a logarithm of zero', () => {
    expect(() => binEdges([1, 1], 3)).toThrow(/range must increase, got \[1, 1\]/);
    expect(() => binEdges([0, 1], 3, true)).toThrow(/positive on a logarithmic axis, got \[0, 1\]/);
    expect(() => binEdges([0, 1], 0)).toThrow(/positive integer, got 0/);
  });
});

describe('logLevels', () => {
  it('spaces levels by equal factors from the smallest to the largest positive value', () => {
    const levels = logLevels([1000, 0, 1, -5, 30, NaN], 4);
    [1, 10, 100, 1000].forEach((level, i) => expect(levels[i]).toBeCloseTo(level, 9));
  });

  it('refuses values without a positive one, and a single level', () => {
    expect(() => logLevels([0, -1])).toThrow(/no positive value/);
    expect(() => logLevels([1, 2], 1)).toThrow(/at least 2, got 1/);
  });
});
