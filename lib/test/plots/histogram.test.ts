import { describe, expect, it } from 'vitest';
import { histogram } from '../../src/plots';
import { expectSoundFigure, trace } from './traces';

const alt = 'Distribution of the updates of two optimizers.';
const samples = [{ name: 'AdamW', values: Float32Array.of(0, 0.5, 1, 1.5, 2, NaN) }];

describe('histogram', () => {
  it('counts values in bins that all samples share', () => {
    const figure = histogram({
      samples: [...samples, { name: 'Lion', values: [4] }],
      x: 'update',
      bins: 4,
      alt,
    });
    expectSoundFigure(figure);
    // The last height is repeated: a step starts at its edge.
    expect(trace(figure, 'AdamW')).toMatchObject({ x: [0, 1, 2, 3, 4], y: [2, 2, 1, 0, 0] });
    expect(trace(figure, 'Lion').y).toEqual([0, 0, 0, 1, 1]);
    expect(trace(figure, 'Lion').line.dash).not.toBe(trace(figure, 'AdamW').line.dash);
  });

  it('has area one as a density, and sum one as fractions', () => {
    const values = Float64Array.from({ length: 500 }, (_, i) => Math.sin(i) ** 3);
    const heights = (measure: 'density' | 'fraction'): number[] =>
      trace(histogram({ samples: [{ name: 'a', values }], x: 'u', bins: 10, measure, alt }), 'a').y.slice(
        0,
        -1,
      ) as number[];
    const sum = (list: number[]): number => list.reduce((total, one) => total + one, 0);
    expect(sum(heights('fraction'))).toBeCloseTo(1, 5);
    // Ten bins over [-1, 1] are 0.2 wide.
    expect(sum(heights('density')) * 0.2).toBeCloseTo(1, 3);
  });

  it('counts values outside the range in the size of the sample', () => {
    const figure = histogram({
      samples: [{ name: 'a', values: [0.5, 0.5, 7, 9] }],
      x: { title: 'u', range: [0, 1] },
      bins: 1,
      measure: 'fraction',
      alt,
    });
    expect(trace(figure, 'a').y).toEqual([0.5, 0.5]);
  });

  it('has bins of equal factors on a logarithmic axis', () => {
    const figure = histogram({
      samples: [{ name: 'a', values: [0.01, 1, 100, -3] }],
      x: { title: 'u', log: true },
      bins: 2,
      alt,
    });
    expect(trace(figure, 'a')).toMatchObject({ x: [0.01, 1, 100], y: [1, 2, 2] });
  });

  it('surrounds a sample of one value', () => {
    const figure = histogram({ samples: [{ name: 'a', values: [2, 2] }], x: 'u', bins: 2, alt });
    expect(trace(figure, 'a')).toMatchObject({ x: [1, 2, 3], y: [0, 2, 2] });
  });

  it('compares with a density function', () => {
    const densities = [{ name: 'uniform', f: () => 0.5 }];
    const figure = histogram({
      samples,
      x: { title: 'update', unit: 'η' },
      measure: 'density',
      densities,
      alt,
    });
    expect(new Set(trace(figure, 'uniform').y)).toEqual(new Set([0.5]));
    expect(figure.layout.yaxis?.title?.text).toBe('probability density (1/η)');
    expect(() => histogram({ samples, x: 'u', densities, alt })).toThrow(
      /only with measure 'density', not 'count'/,
    );
  });

  it('refuses no samples and samples without a value', () => {
    expect(() => histogram({ samples: [], x: 'u', alt })).toThrow(/samples is empty/);
    expect(() => histogram({ samples: [{ name: 'a', values: [] }], x: 'u', alt })).toThrow(
      /sample "a" is empty/,
    );
    expect(() =>
      histogram({ samples: [{ name: 'a', values: [-1] }], x: { title: 'u', log: true }, alt }),
    ).toThrow(/sample "a" has no positive value/);
  });
});
