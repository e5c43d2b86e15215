import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mean, median, standardDeviation, standardError, sum } from '../../src/statistics';

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
  });

  it('of no values do not exist, and what is not finite stays so', () => {
    for (const statistic of [mean, median, standardDeviation, standardError]) {
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
});
