import { describe, expect, it } from 'vitest';
import { formatColumn, formatNumber } from '../../src/plots';

describe('formatNumber', () => {
  it.each([
    [0.22941573, '0.2294'],
    [235146, '235,146'],
    [-1234567, '-1,234,567'],
    [1956, '1956'],
    [0.5, '0.5'],
    [0.95 + 1e-9, '0.95'],
    [1.23456e-5, '1.235e-5'],
    [12345678.9, '1.235e7'],
    [12345.6, '12,350'],
    [0, '0'],
    [NaN, 'NaN'],
    [Infinity, '∞'],
    [-Infinity, '-∞'],
  ])('writes %d as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('writes as many digits as it is asked for', () => {
    expect(formatNumber(Math.PI, 2)).toBe('3.1');
    expect(formatNumber(Math.PI, 9)).toBe('3.14159265');
  });
});

describe('formatColumn', () => {
  it.each([
    ['accuracies with a one among them', [0.9365, 0.95, 1], ['0.9365', '0.9500', '1.0000']],
    ['no zeros that all would end in', [0.1, 0.25], ['0.10', '0.25']],
    ['integers in full, grouped alike', [470292, 1956], ['470,292', '1,956']],
    ['values of very different size each for itself', [0.001, 5, 900.5], ['0.001', '5', '900.5']],
    ['tiny values as powers of ten', [1e-5, 2.5e-5], ['1e-5', '2.5e-5']],
    ['what is not finite', [NaN, 0.5, Infinity], ['NaN', '0.5', '∞']],
    ['nothing', [], []],
  ])('writes %s', (_, values, texts) => {
    expect(formatColumn(values)).toEqual(texts);
  });
});
