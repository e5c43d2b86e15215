import { describe, expect, it } from 'vitest';
import { heatMap, type HeatMapOptions } from '../../src/plots';
import { expectSoundFigure, traces } from './traces';

const base = { x: 'column', y: 'row', color: 'value', alt: 'Matrix and its rank-one approximation.' };
const map = (options: Partial<HeatMapOptions> & Pick<HeatMapOptions, 'panels'>) =>
  heatMap({ ...base, ...options });

describe('heatMap', () => {
  it('puts all panels on one scale and shows one colour bar', () => {
    const figure = map({
      panels: [
        {
          title: 'C',
          values: [
            [1, 2, 3],
            [4, 5, NaN],
          ],
        },
        { title: 'a bᵀ', values: [Float32Array.of(7, 8, 9), Float32Array.of(0.1, 1, 1)] },
      ],
    });
    expectSoundFigure(figure);
    const [left, right] = traces(figure);
    expect(left!.z).toEqual([
      [1, 2, 3],
      [4, 5, null],
    ]);
    expect(right!.z[1]).toEqual([0.1, 1, 1]);
    expect([left!.zmin, left!.zmax, right!.zmin, right!.zmax].map((v) => Number(v.toFixed(6)))).toEqual([
      0.1, 9, 0.1, 9,
    ]);
    expect([left!.showscale, right!.showscale]).toEqual([true, false]);
    expect(left!.colorscale).toEqual(right!.colorscale);
    expect(figure.layout.annotations?.map(({ text }) => text)).toEqual(['C', 'a bᵀ']);
  });

  it('centres a diverging scale where values lie on both sides of it', () => {
    const [errors] = traces(map({ panels: [{ values: [[-1, 3]] }] }));
    expect([errors!.zmin, errors!.zmax]).toEqual([-3, 3]);
    const [ratios] = traces(map({ panels: [{ values: [[0.5, 1.25]] }], scale: 'diverging', center: 1 }));
    expect([ratios!.zmin, ratios!.zmax]).toEqual([0.5, 1.5]);
    const [plain] = traces(map({ panels: [{ values: [[-1, 3]] }], scale: 'sequential' }));
    expect([plain!.zmin, plain!.zmax]).toEqual([-1, 3]);
    expect(plain!.colorscale).not.toEqual(errors!.colorscale);
  });

  it('takes a flat tensor with its shape', () => {
    const [panel] = traces(
      map({ panels: [{ values: { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] } }] }),
    );
    expect(panel!.z).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it('colours by the logarithm and keeps the value as text', () => {
    const [panel] = traces(map({ panels: [{ values: [[0.01, 0, 100]] }], color: { title: 'v', log: true } }));
    expect(panel!.z).toEqual([[-2, null, 2]]);
    expect([panel!.zmin, panel!.zmax]).toEqual([-2, 2]);
    expect(panel!.text).toEqual([['0.01', '0', '100']]);
  });

  it('writes values into the cells alike in all panels', () => {
    const figure = map({ panels: [{ values: [[0.5, 0.25]] }, { values: [[0.125, 1]] }], digits: 2 });
    expect(traces(figure).map(({ text }) => text)).toEqual([[['0.50', '0.25']], [['0.13', '1.00']]]);
  });

  it('has row 0 on top unless the rows have coordinates', () => {
    const values = [
      [1, 2],
      [3, 4],
    ];
    expect(map({ panels: [{ values }] }).layout.yaxis?.autorange).toBe('reversed');
    expect(map({ panels: [{ values }], rows: ['0', '1'] }).layout.yaxis).toMatchObject({
      autorange: 'reversed',
      type: 'category',
    });
    const surface = map({ panels: [{ values }], rows: [0, 1], columns: [-1, 1] });
    expect(surface.layout.yaxis?.autorange).toBeUndefined();
    expect(traces(surface)[0]!.x).toEqual([-1, 1]);
  });

  it('starts a new line of panels after panelsPerRow', () => {
    const panels = [0, 1, 2].map((k) => ({ title: String(k), values: [[k]] }));
    const { layout } = map({ panels, panelsPerRow: 2 });
    const top = layout.yaxis!.domain![0]!;
    expect(layout.yaxis2!.domain![0]).toBe(top);
    expect(layout.yaxis3!.domain![1]).toBeLessThan(top);
    expect(layout.xaxis3!.domain).toEqual(layout.xaxis!.domain);
  });

  it.each([
    ['no panels', { panels: [] }, /panels is empty/],
    [
      'ragged rows',
      { panels: [{ title: 'C', values: [[1, 2], [3]] }] },
      /panel "C": row 0 has 2 elements and row 1 has 1/,
    ],
    [
      'panels of different shapes',
      { panels: [{ values: [[1]] }, { values: [[1, 2]] }] },
      /panel 0 has 1 elements and panel 1 has 2/,
    ],
    [
      'a flat array without its shape',
      { panels: [{ values: { data: [1, 2, 3], shape: [2, 2] } }] },
      /3 values do not have the shape \[2, 2\]/,
    ],
    [
      'labels that do not match',
      { panels: [{ values: [[1, 2]] }], columns: ['a'] },
      /columns has 1 elements and each row has 2/,
    ],
    ['nothing finite', { panels: [{ values: [[NaN]] }] }, /panel 0 has no finite value/],
    [
      'nothing positive for a logarithm',
      { panels: [{ values: [[0]] }], color: { title: 'v', log: true } },
      /no positive value/,
    ],
  ] as [string, Partial<HeatMapOptions> & Pick<HeatMapOptions, 'panels'>, RegExp][])(
    'refuses %s',
    (_, options, message) => {
      expect(() => map(options)).toThrow(message);
    },
  );
});
