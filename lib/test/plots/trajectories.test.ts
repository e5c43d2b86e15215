import { describe, expect, it } from 'vitest';
import { trajectories, type TrajectoriesOptions } from '../../src/plots';
import { expectSoundFigure, traces } from './traces';

const options: TrajectoriesOptions = {
  f: (x, y) => x ** 2 + 10 * y ** 2,
  x: { title: 'θ₁', range: [-2, 2] },
  y: { title: 'θ₂', range: [-1, 1] },
  minimum: [0, 0],
  paths: [
    {
      name: 'Lion',
      points: [
        [-1, 0.5],
        [-0.5, 0.25],
        [0.125, 0],
      ],
    },
    { name: 'AdamW', points: [Float32Array.of(-1, 0.5), [0.5, NaN], [Infinity, 0]] },
  ],
  alt: 'Paths of Lion and AdamW over the contours of a quadratic.',
};
const [landscape, minimum, lion, adam, lionEnds, adamEnds] = traces(trajectories(options));

describe('trajectories', () => {
  it('is a sound figure', () => expectSoundFigure(trajectories(options)));

  it('draws the logarithm of the function over the range', () => {
    expect(landscape!.x.at(0)).toBe(-2);
    expect(landscape!.x.at(-1)).toBe(2);
    expect(landscape!.y.at(-1)).toBe(1);
    expect(landscape!.z.at(-1)!.at(-1)).toBeCloseTo(Math.log10(14), 3);
    expect(landscape!.z[0]!.flat().every(Number.isFinite)).toBe(true);
  });

  it('spaces the levels evenly in the logarithm, up to the largest value', () => {
    const { start, end, size } = landscape!.contours;
    expect(end).toBeCloseTo(Math.log10(14), 10);
    expect((end - start) / size).toBeCloseTo(11, 10);
    expect(start).toBeLessThan(-1);
  });

  it('draws a finite landscape where a grid point is the minimum itself', () => {
    // 0 is a grid point of both axes; its logarithm is not finite.
    expect(landscape!.z.flat()).not.toContain(null);
  });

  it('draws the iterates in order, with the value of f at each', () => {
    expect(lion).toMatchObject({
      x: [-1, -0.5, 0.125],
      y: [0.5, 0.25, 0],
      customdata: [3.5, 0.875, 0.01563],
    });
  });

  it('marks the start by a circle and the last finite iterate by the marker of the series', () => {
    expect(lionEnds).toMatchObject({ x: [0.125, null, -1], y: [0, null, 0.5] });
    expect(adamEnds).toMatchObject({ x: [-1, null, -1] });
    expect(lionEnds!.marker.symbol.at(-1)).toBe('circle');
  });

  it('tells the paths apart by dash too, and has one legend entry each', () => {
    expect(lion!.line.dash).not.toBe(adam!.line.dash);
    expect([lion!.showlegend, adam!.showlegend]).toEqual([false, false]);
    expect(minimum).toMatchObject({ name: 'minimum', x: [0], y: [0] });
  });

  it('counts levels from the infimum of a function that is not positive', () => {
    const [shifted] = traces(trajectories({ ...options, f: (x, y) => options.f(x, y) - 5, infimum: -5 }));
    expect(shifted!.z).toEqual(landscape!.z);
  });

  it.each([
    ['no path', { paths: [] }, /paths is empty/],
    ['an empty path', { paths: [{ name: 'Lion', points: [] }] }, /path "Lion" is empty/],
    [
      'points that are no pairs',
      { paths: [{ name: 'Lion', points: [[1]] }] },
      /point 0 must be a pair of numbers/,
    ],
    [
      'a path that starts nowhere',
      { paths: [{ name: 'Lion', points: [[NaN, 1]] }] },
      /must start at a finite point/,
    ],
    ['a function without a positive value', { f: () => -1 }, /no positive value|is empty/],
  ] as [string, Partial<TrajectoriesOptions>, RegExp][])('refuses %s', (_, change, message) => {
    expect(() => trajectories({ ...options, ...change })).toThrow(message);
  });
});
