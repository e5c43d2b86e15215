import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cosine,
  dot,
  mean,
  median,
  normalCdf,
  pairedDifference,
  peak,
  rms,
  standardDeviation,
  standardError,
  sum,
} from '../../src/statistics';

describe('statistics', () => {
  it('are those of the textbook', () => {
    expect(sum([])).toBe(0);
    expect(mean([1, 2, 6])).toBe(3);
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])]).toEqual([2, 2.5, 7]);
    // Deviations −2, −1, 3 around 3: (4 + 1 + 9) / 2.
    expect(standardDeviation([1, 2, 6])).toBeCloseTo(Math.sqrt(7), 14);
    expect(standardDeviation([5])).toBe(0);
    expect(standardError([1, 2, 6])).toBeCloseTo(Math.sqrt(7 / 3), 14);
    expect(mean(Float32Array.of(1, 2))).toBe(1.5);
    expect(rms([3, -4, 5])).toBeCloseTo(Math.sqrt(50 / 3), 14);
  });

  it('of no values do not exist, and what is not finite stays so', () => {
    for (const statistic of [mean, median, rms, standardDeviation, standardError]) {
      expect(() => statistic([])).toThrow('of no values does not exist');
      expect(statistic([1, NaN, 2])).toBeNaN();
    }
    expect([mean([1, Infinity]), median([1, Infinity, Infinity])]).toEqual([Infinity, Infinity]);
  });

  it('move and scale as they must', () => {
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(values, fc.integer({ min: -50, max: 50 }), (list, shift) => {
        const moved = list.map((value) => value + shift);
        expect(mean(moved)).toBeCloseTo(mean(list) + shift, 9);
        expect(median(moved)).toBe(median(list) + shift);
        expect(standardDeviation(moved)).toBeCloseTo(standardDeviation(list), 9);
        const below = list.filter((value) => value < median(list)).length;
        expect(below).toBeLessThanOrEqual(list.length / 2);
      }),
    );
  });

  it('of two lists take them pair by pair', () => {
    expect(dot([1, 2, 3], Float32Array.of(4, -5, 6))).toBe(12);
    expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 14);
    expect(cosine([3, -4], [-6, 8])).toBeCloseTo(-1, 14);
    expect(cosine([0, 0], [1, 1])).toBeNaN();
    // Differences 2 and 3: their mean, and 1/√2 over √2.
    expect(pairedDifference([3, 5], [1, 2])).toEqual({ mean: 2.5, error: expect.closeTo(0.5, 14) as number });
    for (const statistic of [dot, cosine, pairedDifference]) {
      expect(() => statistic([1], [1, 2])).toThrow('as many values in both lists; got 1 and 2');
    }
  });

  it('know the normal distribution', () => {
    // From a table with 15 digits (Abramowitz and Stegun, 26.1).
    expect(normalCdf(0)).toBe(0.5);
    expect(normalCdf(1)).toBeCloseTo(0.841344746068543, 14);
    expect(normalCdf(-2)).toBeCloseTo(0.0227501319481792, 14);
    expect(normalCdf(5)).toBeCloseTo(0.999999713348428, 14);
    expect([normalCdf(40), normalCdf(-40), normalCdf(Infinity)]).toEqual([1, 0, 1]);
    expect(normalCdf(NaN)).toBeNaN();
  });

  it('find the maximum between the points of a grid, and none at its ends', () => {
    const x = [1, 2, 4, 8, 32];
    const parabola = (top: number) => x.map((value) => 3 - 2 * Math.log(value / top) ** 2);
    for (const top of [1.5, 3, 6, 10]) expect(peak(x, parabola(top))).toBeCloseTo(top, 9);
    expect([peak(x, parabola(0.9)), peak(x, parabola(40))]).toEqual([NaN, NaN]);
    expect(peak(x, [0, 1, 1, 1, 0])).toBeGreaterThan(2);
    expect(peak(x, [0, NaN, 1, 1, 0])).toBeNaN();
    expect(() => peak([1, 2], [1, 2])).toThrow('at least three');
    expect(() => peak(x, [1, 2, 3])).toThrow('got 5 and 3');
  });
});
