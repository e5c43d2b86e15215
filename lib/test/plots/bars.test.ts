import { describe, expect, it } from 'vitest';
import { bars, type BarsOptions } from '../../src/plots';
import { expectSoundFigure, trace, traces } from './traces';

const base: BarsOptions = {
  categories: ['AdamW', 'Lion'],
  series: [
    { name: 'first moment', values: [4, 4] },
    { name: 'second moment', values: Float32Array.of(4, 0) },
  ],
  y: { title: 'state per parameter', unit: 'bytes' },
  alt: 'AdamW keeps eight bytes per parameter, Lion four.',
};

describe('bars', () => {
  it('draws one bar per category and series, told apart by pattern too', () => {
    const figure = bars(base);
    expectSoundFigure(figure);
    const [first, second] = traces(figure);
    expect(first).toMatchObject({ x: ['AdamW', 'Lion'], y: [4, 4] });
    expect(second).toMatchObject({ y: [4, 0] });
    expect(first!.marker.pattern.shape).not.toBe(second!.marker.pattern.shape);
    expect(figure.layout).toMatchObject({ barmode: 'group', xaxis: { type: 'category' } });
  });

  it('writes each value beyond its bar', () => {
    const figure = bars({ ...base, series: [{ name: 'accuracy', values: [0.9525, 0.96] }], digits: 4 });
    expect(traces(figure)[1]).toMatchObject({ mode: 'text', y: [0.9525, 0.96], text: ['0.9525', '0.9600'] });
  });

  it('writes the sum of stacked bars', () => {
    const figure = bars({ ...base, arrangement: 'stacked', digits: 3 });
    expect(traces(figure)[2]).toMatchObject({ mode: 'text', y: [8, 4], text: ['8', '4'] });
    expect(figure.layout.barmode).toBe('stack');
  });

  it('shows the mean of seeds with their range as whiskers, and the value above it', () => {
    const seeds = [
      [0.94, 0.95],
      [0.96, 0.955],
    ];
    const figure = bars({ ...base, series: [{ name: 'accuracy', seeds }], digits: 3 });
    const [bar, text] = traces(figure);
    expect(bar!.y).toEqual([0.95, 0.9525]);
    expect(bar!.error_y.array).toEqual([0.01, 0.0025]);
    expect(bar!.error_y.arrayminus).toEqual([0.01, 0.0025]);
    expect(text!.y).toEqual([0.96, 0.955]);
    expect(figure.layout.xaxis?.title?.text).toContain('mean and range of 2 seeds');
  });

  it('lies down for long names, first category on top', () => {
    const figure = bars({ ...base, horizontal: true });
    expect(trace(figure, 'first moment')).toMatchObject({ x: [4, 4], y: ['AdamW', 'Lion'] });
    expect(figure.layout.yaxis).toMatchObject({ type: 'category', autorange: 'reversed' });
    expect(figure.layout.xaxis?.title?.text).toBe('state per parameter (bytes)');
  });

  it.each([
    ['no categories', { categories: [] }, /categories is empty/],
    ['no series', { series: [] }, /series is empty/],
    [
      'too few values',
      { series: [{ name: 'a', values: [1] }] },
      /categories has 2 elements and values has 1/,
    ],
    ['nothing finite', { series: [{ name: 'a', values: [NaN, NaN] }] }, /series "a" has no finite value/],
    [
      'stacks on a logarithmic axis',
      { arrangement: 'stacked', y: { title: 'y', log: true } },
      /stacked bars add lengths/,
    ],
  ] as [string, Partial<BarsOptions>, RegExp][])('refuses %s', (_, change, message) => {
    expect(() => bars({ ...base, ...change })).toThrow(message);
  });
});
