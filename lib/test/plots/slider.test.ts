import { describe, expect, it } from 'vitest';
import { histogram, lineChart, withSlider, type SliderOptions } from '../../src/plots';
import { expectSoundFigure, traces } from './traces';

const alt = 'The curve rises with the exponent.';
const options: SliderOptions<number> = {
  parameter: 'p',
  values: [0, 1, 3],
  initial: 1,
  alt,
  figure: (p) =>
    lineChart({
      series: [
        { name: 'power', x: [1, 10], y: [1, 10 ** p] },
        { name: 'one', x: [1, 10], y: [1, 1] },
      ],
      x: 'x',
      y: { title: 'y', log: true },
      title: `p = ${p}`,
      alt: `The curve of x to the power of ${p}.`,
    }),
};

describe('withSlider', () => {
  const figure = withSlider(options);

  it('holds the traces of all positions and shows the first one', () => {
    expectSoundFigure(figure);
    expect(figure.alt).toBe(alt);
    expect(traces(figure).map(({ visible }) => visible)).toEqual([false, false, true, true, false, false]);
    expect(figure.layout.sliders?.[0]).toMatchObject({ active: 1, currentvalue: { prefix: 'p = ' } });
    expect(figure.layout.title?.text).toBe('p = 1');
  });

  it('shows the traces and the title of a position, without frames', () => {
    const steps = figure.layout.sliders![0]!.steps!;
    expect(steps.map(({ label }) => label)).toEqual(['0', '1', '3']);
    expect(steps[2]).toMatchObject({
      method: 'update',
      args: [{ visible: [false, false, false, false, true, true] }, { title: { text: 'p = 3' } }],
    });
  });

  it('stands below an axis title of two lines', () => {
    const seeds = (p: number) =>
      lineChart({
        series: [
          {
            name: 'a',
            seeds: [
              [1, p],
              [2, p],
            ],
          },
        ],
        x: 'x',
        y: 'y',
        alt,
      });
    const [one, two] = [figure, withSlider({ ...options, figure: seeds })].map(({ layout }) => ({
      pad: layout.sliders![0]!.pad!.t!,
      bottom: layout.margin!.b!,
    }));
    expect(two!.pad - one!.pad).toBe(18);
    expect(two!.bottom - one!.bottom).toBe(18);
  });

  it('keeps one range over all positions, in exponents on a logarithmic axis', () => {
    const [low, high] = figure.layout.yaxis!.range as [number, number];
    expect(low).toBeCloseTo(-0.15, 10);
    expect(high).toBeCloseTo(3.15, 10);
    expect(figure.layout.xaxis!.range).toEqual([0.55, 10.45]);
  });

  it('keeps zero at the foot of a histogram', () => {
    const moving = withSlider({
      ...options,
      figure: (p) => histogram({ samples: [{ name: 'a', values: [p, p + 1] }], x: 'u', bins: 2, alt }),
    });
    expect(moving.layout.yaxis!.range).toEqual([0, 1.05]);
    expect(moving.layout.xaxis!.range).toEqual([0, 4]);
  });

  it('leaves a range that was given', () => {
    const fixed = withSlider({
      ...options,
      figure: () =>
        lineChart({ series: [{ name: 'a', y: [1, 2] }], x: 'x', y: { title: 'y', range: [0, 9] }, alt }),
    });
    expect(fixed.layout.yaxis!.range).toEqual([0, 9]);
  });

  it('refuses no values, a position that does not exist and a missing alternative', () => {
    expect(() => withSlider({ ...options, values: [] })).toThrow(/values is empty/);
    expect(() => withSlider({ ...options, initial: 3 })).toThrow(/between 0 and 2, got 3/);
    expect(() => withSlider({ ...options, alt: '' })).toThrow(/at least 20 characters/);
  });
});
