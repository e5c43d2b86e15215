import { describe, expect, it } from 'vitest';
import { scatter, type ScatterSeries } from '../../src/plots';
import { expectSoundFigure, trace } from './traces';

const alt = 'Largest component of each row against the count of its token.';
const draw = (series: ScatterSeries[]) =>
  scatter({ series, x: { title: 'count', log: true }, y: { title: 'largest component', log: true }, alt });

describe('scatter', () => {
  it('draws the points with a marker per series', () => {
    const figure = draw([
      { name: 'Tiger', x: Int32Array.of(1, 100), y: [99.99, 0.5], labels: ['rare', 'frequent'] },
      { name: 'lazy', x: [1], y: [0.05] },
    ]);
    expectSoundFigure(figure);
    expect(trace(figure, 'Tiger')).toMatchObject({
      x: [1, 100],
      y: [99.99, 0.5],
      hovertext: ['rare', 'frequent'],
    });
    expect(trace(figure, 'lazy').marker.symbol).not.toBe(trace(figure, 'Tiger').marker.symbol);
  });

  it('can keep one unit as long on both axes', () => {
    const figure = scatter({
      series: [{ name: 'z', x: [1], y: [1] }],
      x: 'z₁',
      y: 'z₂',
      equalScale: true,
      alt,
    });
    expect(figure.layout.yaxis).toMatchObject({ scaleanchor: 'x', scaleratio: 1 });
  });

  it.each([
    ['no series', [], /series is empty/],
    ['an empty series', [{ name: 'a', x: [], y: [] }], /series "a": x is empty/],
    ['different lengths', [{ name: 'a', x: [1, 2], y: [1] }], /x has 2 elements and y has 1/],
    ['labels that do not match', [{ name: 'a', x: [1], y: [1], labels: [] }], /labels has 0 elements/],
    ['nothing for a logarithmic axis', [{ name: 'a', x: [1], y: [0] }], /"a": y has no positive value/],
  ] as [string, ScatterSeries[], RegExp][])('refuses %s', (_, series, message) => {
    expect(() => draw(series)).toThrow(message);
  });
});
