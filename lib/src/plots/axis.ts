import type { LayoutAxis } from 'plotly.js';
import { describe, extent, type Numbers } from './numbers';

/**
 * An axis. A string is short for `{ title }`.
 *
 * @example
 * { title: 'time', unit: 's' }            // "time (s)"
 * { title: 'training loss', unit: 'nats', log: true }
 */
export interface AxisOptions {
  /** The quantity, e.g. `learning rate`. */
  title: string;
  /** Its unit, written in parentheses after the title; leave it out for counts and ratios. */
  unit?: string;
  /** Logarithmic; default false. */
  log?: boolean;
  /** First and last value shown; default: what the data needs. */
  range?: readonly [number, number];
}

/** The title of an axis as the reader sees it. */
export function axisTitle(axis: AxisOptions | string): string {
  const { title, unit } = axisOptions('axis', axis);
  return unit ? `${title} (${unit})` : title;
}

/** Checks an axis that was given and fills in the short form. */
export function axisOptions(what: string, axis: AxisOptions | string): AxisOptions {
  const options = typeof axis === 'string' ? { title: axis } : axis;
  if (typeof options?.title !== 'string' || options.title.trim() === '') {
    throw new TypeError(
      `${what} needs a title that names the quantity and its unit, e.g. { title: 'time', unit: 's' }, got ${describe(axis)}.`,
    );
  }
  if (options.range) {
    const [low, high] = options.range;
    if (
      !(Number.isFinite(low) && Number.isFinite(high) && low !== high) ||
      (options.log && !(low > 0 && high > 0))
    ) {
      throw new RangeError(
        `${what}: the range must be two different finite numbers${options.log ? ', positive on a logarithmic axis' : ''}, got [${low}, ${high}].`,
      );
    }
  }
  return options;
}

/** A plotly axis for the given data. */
export function plotlyAxis(axis: AxisOptions, ...data: readonly Numbers[]): Partial<LayoutAxis> {
  const layout: Partial<LayoutAxis> = { title: { text: axisTitle(axis) } };
  if (axis.log) Object.assign(layout, logTicks(decades(axis, data)));
  if (axis.range) layout.range = axis.log ? axis.range.map(Math.log10) : [...axis.range];
  return layout;
}

/** Type and ticks of a logarithmic axis over so many decades. */
export function logTicks(decades: number): Partial<LayoutAxis> {
  // Left alone, plotly writes the 2 and the 5 of each decade as small bare digits, which read like exponents.
  if (decades >= 2)
    return { type: 'log', dtick: Math.ceil(decades / 8), minor: { ticks: 'outside', ticklen: 3 } };
  return { type: 'log' };
}

function decades({ range }: AxisOptions, data: readonly Numbers[]): number {
  const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0;
  const extents = range ? [range] : data.map((values) => extent(values, isPositive));
  const low = Math.min(...extents.map(([least]) => least));
  const high = Math.max(...extents.map(([, most]) => most));
  return Math.abs(Math.log10(high / low));
}
