import { expect } from 'vitest';
import type { Figure } from '../../src/plots';

/** A trace with the attributes that the tests look at. */
export interface DrawnTrace {
  type: string;
  name: string;
  mode: string;
  x: (number | string | null)[];
  y: (number | string | null)[];
  z: (number | null)[][];
  text: unknown;
  source: string;
  customdata: (number | null)[];
  visible: boolean;
  showlegend: boolean;
  showscale: boolean;
  zmin: number;
  zmax: number;
  colorscale: [number, string][];
  contours: { start: number; end: number; size: number };
  line: { color: string; dash: string };
  marker: { color: string; symbol: string; pattern: { shape: string } };
  fill: string;
  error_y: { array: number[]; arrayminus: number[] };
}

export const traces = (figure: Figure): DrawnTrace[] => figure.data as unknown as DrawnTrace[];

export function trace(figure: Figure, name: string): DrawnTrace {
  const found = traces(figure).find((one) => one.name === name);
  expect(found, `trace "${name}"`).toBeDefined();
  return found!;
}

/** What must hold of every figure: JSON round trip without loss, an alternative text, axis titles. */
export function expectSoundFigure(figure: Figure): void {
  expect(JSON.parse(JSON.stringify(figure))).toEqual(withoutUndefined(figure));
  expect(figure.alt.length).toBeGreaterThanOrEqual(20);
  expect(figure.config).toMatchObject({ responsive: true, displaylogo: false });
  expect(figure.config?.toImageButtonOptions?.filename).toMatch(/^[\p{L}\p{N}-]+$/u);
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  // A typed array would survive JSON only as an object with numbered keys.
  expect(ArrayBuffer.isView(value), 'typed array in a figure').toBe(false);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(kept.map(([key, entry]) => [key, withoutUndefined(entry)]));
}
