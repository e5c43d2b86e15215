import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compact, extent, requireDrawable } from '../../src/plots/numbers';

describe('compact', () => {
  it('rounds float32 values to six significant digits and keeps integers', () => {
    expect(compact(Float32Array.of(0.1, 1.2345678, 123456789, -3e-8))).toEqual([
      0.1, 1.23457, 123456792, -3e-8,
    ]);
  });

  it('turns what is not finite into gaps', () => {
    expect(compact([1, NaN, Infinity, -Infinity, 2])).toEqual([1, null, null, null, 2]);
  });

  it('keeps more digits where the values differ only in later ones', () => {
    const values = [0.99999901, 0.99999953, 1];
    expect(compact(values)).toEqual(values);
  });

  it('is off by less than the width of a line: 5e-5 of the extent', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e12, max: 1e12 }), { minLength: 2 }), (values) => {
        const [low, high] = extent(values);
        compact(values).forEach((rounded, i) => {
          expect(Math.abs(rounded! - values[i]!)).toBeLessThanOrEqual(
            5e-5 * (high - low) + Math.abs(values[i]!) * 1e-15,
          );
        });
      }),
    );
  });
});

describe('requireDrawable', () => {
  it.each([
    ['an empty array', [], /x is empty/],
    ['NaN only', [NaN, NaN], /x has no finite value \(2 values, the first is NaN\); did the run diverge\?/],
    ['text', ['1'] as unknown as number[], /x must hold numbers only, got "1" at index 0/],
    ['no array', 7 as unknown as number[], /x must be an array of numbers, got 7/],
    ['a string', '12' as unknown as number[], /x must be an array of numbers, got "12"/],
  ])('refuses %s', (_, values, message) => {
    expect(() => requireDrawable('x', values)).toThrow(message);
  });

  it('asks for a positive value on a logarithmic axis only', () => {
    expect(() => requireDrawable('x', [-1, 0], { positive: true })).toThrow(/x has no positive value/);
    expect(() => requireDrawable('x', [-1, 0])).not.toThrow();
    expect(() => requireDrawable('x', [-1, 0.5], { positive: true })).not.toThrow();
  });
});
