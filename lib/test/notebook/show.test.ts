import { describe, expect, it, vi } from 'vitest';
import { show } from '../../src/notebook';
import { lineChart, type Figure } from '../../src/plots';
import { useFakeKernel } from './fakeKernel';

const chart = (title: string, alt = `Line chart: ${title}, one line.`): Figure =>
  lineChart({ series: [{ name: 'a', y: Float32Array.of(0.1, 0.2) }], x: 'x', y: 'y', title, alt });

describe('show', () => {
  const kernel = useFakeKernel();

  it('sends the figure for plotly, the alternative as text, and both names as metadata', () => {
    const figure = chart('Loss of Lion');
    show(figure);
    const { data, options } = kernel().shown[0]!;
    expect(Object.keys(data)).toEqual(['application/vnd.plotly.v1+json', 'text/plain']);
    expect(data['application/vnd.plotly.v1+json']).toMatchObject({
      data: [{ y: [0.1, 0.2] }],
      layout: { title: { text: 'Loss of Lion' } },
      config: { displaylogo: false },
    });
    expect(data['text/plain']).toBe(figure.alt);
    expect(options?.metadata).toEqual({ liandan: { figure: 'figure-loss-of-lion', alt: figure.alt } });
  });

  it('keeps the identifier when a cell runs again, and numbers another figure of that name', () => {
    const ids = [chart('Twin'), chart('Twin'), chart('Twin', 'Another figure with the same title.')].map(
      (figure) => {
        show(figure);
        return (kernel().shown.at(-1)!.options!.metadata as { liandan: { figure: string } }).liandan.figure;
      },
    );
    expect(ids).toEqual(['figure-twin', 'figure-twin', 'figure-twin-2']);
  });

  it('takes an identifier', () => {
    show(chart('Named'), { id: 'batch-size' });
    expect(kernel().shown[0]!.options!.metadata).toMatchObject({ liandan: { figure: 'batch-size' } });
  });

  it('refuses what is no figure, and a figure made by hand without an alternative', () => {
    expect(() => show(undefined as unknown as Figure)).toThrow(/expects a figure with at least one trace/);
    expect(() => show({ ...chart('Empty'), data: [] })).toThrow(/at least one trace/);
    expect(() => show({ data: [{ y: [1] }], layout: {} } as unknown as Figure)).toThrow(/text alternative/);
    expect(kernel().shown).toEqual([]);
  });
});

it('show prints the alternative outside a notebook', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  show(chart('Printed'));
  expect(log.mock.calls).toEqual([['Line chart: Printed, one line.']]);
  log.mockRestore();
});
