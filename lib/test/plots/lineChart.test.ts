import { describe, expect, it } from 'vitest';
import { lineChart, lossCurves, type LineChartOptions, type LineSeries } from '../../src/plots';
import { expectSoundFigure, trace, traces } from './traces';

const alt = 'Loss of Lion and AdamW against the training step.';
const chart = (series: LineSeries[], more: Partial<LineChartOptions> = {}) =>
  lineChart({ series, x: 'step', y: { title: 'loss', unit: 'nats' }, alt, ...more });

describe('lineChart', () => {
  it('draws each series with its own colour, dash and marker, counting x from 1', () => {
    const figure = chart([
      { name: 'Lion', y: Float32Array.of(0.5, 0.25) },
      { name: 'AdamW', x: [10, 20], y: [3, 4] },
    ]);
    expectSoundFigure(figure);
    const [lion, adam] = [trace(figure, 'Lion'), trace(figure, 'AdamW')];
    expect(lion).toMatchObject({ x: [1, 2], y: [0.5, 0.25], mode: 'lines+markers' });
    expect(adam).toMatchObject({ x: [10, 20], y: [3, 4] });
    expect(adam.line.dash).not.toBe(lion.line.dash);
    expect(adam.line.color).not.toBe(lion.line.color);
    expect(adam.marker.symbol).not.toBe(lion.marker.symbol);
    expect(figure.layout.yaxis?.title).toMatchObject({ text: 'loss (nats)' });
  });

  it('leaves markers out where there are many points', () => {
    expect(trace(chart([{ name: 'Lion', y: new Float32Array(31).fill(1) }]), 'Lion').mode).toBe('lines');
  });

  it('keeps the look of a method that has a fixed index', () => {
    const alone = trace(chart([{ name: 'AdamW', y: [1, 2], look: 1 }]), 'AdamW');
    const second = trace(
      chart([
        { name: 'Lion', y: [1] },
        { name: 'AdamW', y: [1, 2] },
      ]),
      'AdamW',
    );
    expect(alone.line).toEqual(second.line);
  });

  it('shades the range of the seeds around their mean', () => {
    const figure = chart([
      {
        name: 'Lion',
        seeds: [
          [1, 4],
          [3, 8],
        ],
      },
    ]);
    expectSoundFigure(figure);
    expect(trace(figure, 'Lion').y).toEqual([2, 6]);
    // The outline runs along the upper end and back along the lower one.
    expect(trace(figure, 'Lion: range')).toMatchObject({
      x: [1, 2, 2, 1],
      y: [3, 8, 4, 1],
      fill: 'toself',
      showlegend: false,
    });
    expect(figure.layout.xaxis?.title?.text).toContain('mean and range of 2 seeds');
  });

  it('shades one standard deviation, or the quartiles', () => {
    const seeds = [[1], [2], [6]];
    expect(trace(chart([{ name: 'a', seeds }], { band: 'deviation' }), 'a: deviation').y).toEqual([
      5.64575, 0.354249,
    ]);
    expect(trace(chart([{ name: 'a', seeds }], { band: 'quartiles' }), 'a: quartiles').y).toEqual([4, 1.5]);
    expect(trace(chart([{ name: 'a', seeds }], { band: 'quartiles' }), 'a').y).toEqual([2]);
  });

  it('leaves gaps, also in the shading', () => {
    const figure = chart([
      {
        name: 'Lion',
        seeds: [
          [1, NaN, 3, 4],
          [3, 2, 5, Infinity],
        ],
      },
    ]);
    expect(trace(figure, 'Lion').y).toEqual([2, null, 4, null]);
    expect(trace(figure, 'Lion: range')).toMatchObject({ x: [1, 1, null, 3, 3], y: [3, 1, null, 5, 3] });
  });

  it('leaves gaps for what a logarithmic axis cannot show', () => {
    const figure = chart([{ name: 'Lion', y: [10, 0, -1, 0.1] }], { y: { title: 'loss', log: true } });
    expect(trace(figure, 'Lion').y).toEqual([10, null, null, 0.1]);
    expect(figure.layout.yaxis).toMatchObject({ type: 'log', dtick: 1 });
  });

  it('ends the shading at the smallest seed where a deviation would cross zero on a logarithmic axis', () => {
    const figure = chart([{ name: 'a', seeds: [[1], [1], [10]] }], {
      band: 'deviation',
      y: { title: 'loss', log: true },
    });
    expect(trace(figure, 'a').y).toEqual([4]);
    expect(trace(figure, 'a: deviation').y).toEqual([9.19615, 1]);
  });

  it('gives plotly the exponents of a logarithmic range', () => {
    const figure = chart([{ name: 'a', y: [1, 2] }], { y: { title: 'loss', log: true, range: [0.01, 100] } });
    expect(figure.layout.yaxis?.range).toEqual([-2, 2]);
  });

  it.each([
    ['no series', [], /lineChart: series is empty/],
    ['an empty series', [{ name: 'Lion', y: [] }], /series "Lion" is empty/],
    ['a diverged series', [{ name: 'Lion', y: [NaN, NaN] }], /series "Lion" has no finite value/],
    ['a diverged seed', [{ name: 'Lion', seeds: [[1], [NaN]] }], /series "Lion", seed 1 has no finite value/],
    ['no seeds', [{ name: 'Lion', seeds: [] }], /series "Lion": seeds is empty/],
    ['x of another length', [{ name: 'Lion', x: [1], y: [1, 2] }], /x has 1 elements and y has 2/],
    [
      'seeds of different lengths',
      [{ name: 'Lion', seeds: [[1, 2], [1]] }],
      /seed 0 has 2 elements and seed 1 has 1/,
    ],
  ] as [string, LineSeries[], RegExp][])('refuses %s', (_, series, message) => {
    expect(() => chart(series)).toThrow(message);
  });

  it('refuses an axis without a title, and a range that is none', () => {
    const series = [{ name: 'a', y: [1] }];
    expect(() => chart(series, { x: '' })).toThrow(/lineChart: x needs a title/);
    expect(() => chart(series, { y: undefined as unknown as string })).toThrow(/lineChart: y needs a title/);
    expect(() => chart(series, { y: { title: 'loss', range: [1, 1] } })).toThrow(
      /two different finite numbers/,
    );
    expect(() => chart(series, { y: { title: 'loss', log: true, range: [0, 1] } })).toThrow(
      /positive on a logarithmic axis/,
    );
  });
});

describe('lossCurves', () => {
  const losses = (start: number): Float32Array => Float32Array.from({ length: 600 }, (_, i) => start + i);

  it('averages consecutive steps so that at most 250 points remain, and says so', () => {
    const figure = lossCurves({ runs: { Lion: [losses(1), losses(3)], AdamW: losses(5) }, alt });
    expectSoundFigure(figure);
    const lion = trace(figure, 'Lion');
    expect(lion.x).toHaveLength(200);
    // Steps 1 to 3 have the losses 1, 2, 3 and 3, 4, 5.
    expect([lion.x[0], lion.y[0]]).toEqual([3, 3]);
    expect([lion.x[199], lion.y[199]]).toEqual([600, 600]);
    expect(trace(figure, 'AdamW').y[0]).toBe(6);
    expect(figure.layout.yaxis?.title?.text).toBe('training loss, mean of 3 steps (nats)');
    expect(figure.layout.yaxis?.type).toBe('log');
  });

  it('shows every step of a short run, or the window that is asked for', () => {
    expect(trace(lossCurves({ runs: { Lion: [3, 2, 1] }, alt }), 'Lion')).toMatchObject({
      x: [1, 2, 3],
      y: [3, 2, 1],
    });
    expect(trace(lossCurves({ runs: { Lion: [3, 2, 1] }, window: 2, alt }), 'Lion')).toMatchObject({
      x: [2, 3],
      y: [2.5, 1],
    });
  });

  it('refuses no runs, empty runs and seeds of different lengths', () => {
    expect(() => lossCurves({ runs: {}, alt })).toThrow(/runs is empty/);
    expect(() => lossCurves({ runs: { Lion: [] }, alt })).toThrow(/"Lion", seed 0 is empty/);
    expect(() => lossCurves({ runs: { Lion: [[1, 2], [1]] }, alt })).toThrow(/they must agree/);
  });

  it('has one trace per run besides the shading', () => {
    const figure = lossCurves({ runs: { a: [[1], [2]], b: [[3], [4]] }, alt });
    expect(traces(figure).map(({ name }) => name)).toEqual(['a: range', 'b: range', 'a', 'b']);
  });
});
