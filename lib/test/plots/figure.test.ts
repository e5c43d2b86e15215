import type { Data } from 'plotly.js';
import { describe, expect, it } from 'vitest';
import { bars, figure, lineChart, seriesLook, type FigureOptions } from '../../src/plots';
import { slug } from '../../src/plots/figure';
import { expectSoundFigure } from './traces';

const data: Data[] = [{ type: 'box', y: [1, 2, 3], name: 'Lion' }];
const alt = 'Box plot of the final losses of Lion.';

describe('a figure', () => {
  it('keeps what was given and adds the shared look', () => {
    const made = figure({
      data,
      alt,
      title: 'Final losses',
      layout: { yaxis: { title: { text: 'loss (nats)' } } },
    });
    expectSoundFigure(made);
    expect(made.data).toBe(data);
    expect(made.layout.yaxis).toMatchObject({
      automargin: true,
      title: { text: 'loss (nats)', standoff: 10 },
    });
    expect(made.layout).toMatchObject({
      paper_bgcolor: 'white',
      height: 420,
      title: { text: 'Final losses' },
    });
    expect(made.config?.toImageButtonOptions?.filename).toBe('final-losses');
  });

  it('lets given settings win over the look', () => {
    const { layout } = figure({
      data,
      alt,
      layout: { hovermode: false, xaxis: { automargin: false }, margin: { l: 7 } },
    });
    expect(layout).toMatchObject({ hovermode: false, xaxis: { automargin: false }, margin: { l: 7, b: 56 } });
  });

  it.each([
    ['no alternative', undefined, /Give alt|give alt, a sentence .* got undefined/],
    ['a short alternative', 'a box plot', /at least 20 characters, got "a box plot"/],
    ['blanks', ' '.repeat(30), /at least 20 characters/],
    ['a number', 42, /got 42/],
  ])('refuses %s', (_, text, message) => {
    const given = text as unknown as FigureOptions['alt'];
    expect(() => figure({ data, alt: given })).toThrow(message);
    expect(() => lineChart({ series: [{ name: 'a', y: [1, 2] }], x: 'x', y: 'y', alt: given })).toThrow(
      message,
    );
    expect(() =>
      bars({ categories: ['a'], series: [{ name: 'a', values: [1] }], y: 'y', alt: given }),
    ).toThrow(message);
  });

  it('shows a legend only where there are several names', () => {
    expect(figure({ data, alt }).layout.showlegend).toBe(false);
    const two = figure({ data: [...data, { type: 'box', y: [1], name: 'AdamW' }], alt });
    expect(two.layout).toMatchObject({ showlegend: true, legend: { orientation: 'h' } });
  });

  it('makes room for the rows of the legend, and moves a long one to the side', () => {
    const named = (count: number, name: string): Data[] =>
      Array.from({ length: count }, (_, i) => ({ type: 'box', y: [1], name: `${name} ${i}` }));
    const oneRow = figure({ data: named(3, 'a'), alt }).layout.margin!.t!;
    const threeRows = figure({ data: named(3, 'the name of a method that fills a row alone'), alt }).layout
      .margin!.t!;
    expect(threeRows - oneRow).toBe(2 * 22);
    expect(figure({ data: named(10, 'digit'), alt }).layout.legend).toMatchObject({
      orientation: 'v',
      x: 1.02,
    });
  });

  it('marks reference lines with their labels', () => {
    const { layout } = figure({
      data,
      alt,
      references: [
        { y: 0.5, label: 'chance' },
        { x: 2, label: 'here' },
      ],
    });
    expect(layout.shapes).toMatchObject([
      { y0: 0.5, y1: 0.5, xref: 'paper', label: { text: 'chance' } },
      { x0: 2, x1: 2, yref: 'paper', label: { text: 'here' } },
    ]);
    expect(() => figure({ data, alt, references: [{ y: NaN, label: 'chance' }] })).toThrow(
      'The reference line "chance" must be at a finite x or y, got NaN.',
    );
  });

  it('writes the label of a vertical line on the side with more room', () => {
    const side = (x: number): unknown =>
      lineChart({
        series: [{ name: 'a', x: [1, 10, 1000], y: [1, 2, 3] }],
        x: { title: 'step', log: true },
        y: 'y',
        alt,
        references: [{ x, label: 'here' }],
      }).layout.shapes?.[0]?.label?.xanchor;
    expect([side(10), side(100)]).toEqual(['left', 'right']);
  });
});

describe('the look of a series', () => {
  it('is distinct for 24 series, in colour with dash and in colour with marker', () => {
    const looks = Array.from({ length: 24 }, (_, i) => seriesLook(i));
    expect(new Set(looks.map(({ color, dash }) => color + dash)).size).toBe(24);
    expect(new Set(looks.map(({ color, symbol }) => color + symbol)).size).toBe(24);
    expect(new Set(looks.map(({ color, pattern }) => color + pattern)).size).toBe(24);
  });

  it('does not tell neighbours apart by colour alone', () => {
    for (let i = 1; i < 24; i++) {
      const [a, b] = [seriesLook(i - 1), seriesLook(i)];
      expect([a.dash, a.symbol, a.pattern]).not.toEqual([b.dash, b.symbol, b.pattern]);
      expect(a.dash).not.toBe(b.dash);
      expect(a.symbol).not.toBe(b.symbol);
      expect(a.pattern).not.toBe(b.pattern);
    }
  });

  it('refuses an index that is none', () => {
    expect(() => seriesLook(-1)).toThrow(/at least 0, got -1/);
  });
});

it('slug makes names for files from any title', () => {
  expect(slug('Lion: loss < 0.5 (β₁ = 0.9)!')).toBe('lion-loss-0-5-β1-0-9');
  expect(slug('???')).toBe('figure');
  expect(slug('x'.repeat(100))).toHaveLength(48);
});
