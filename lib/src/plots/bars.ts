import { axisOptions, axisTitle, plotlyAxis, type AxisOptions } from './axis';
import { figure, type Figure, type FigureOptions, type Reference, type Trace } from './figure';
import { ink, seriesLook } from './look';
import { compact, requireDrawable, requireSameLength, requireSome, type Numbers } from './numbers';
import { seedBand, type Band } from './statistics';

/** One bar per category: measured once (`values`), or with several seeds (the bar is their mean, the whisker the band). */
export type BarSeries = {
  name: string;
  /** Index of colour and pattern; default: the position in `series`. */
  look?: number;
} & ({ values: Numbers; seeds?: undefined } | { seeds: readonly Numbers[]; values?: undefined });

export interface BarsOptions extends FigureOptions {
  /** What stands under the bars. */
  categories: readonly string[];
  series: readonly BarSeries[];
  /** The quantity that the length shows. */
  y: AxisOptions | string;
  /** Title of the axis of categories; default none, for categories that speak for themselves. */
  x?: string;
  /** `'grouped'` beside each other, or `'stacked'` on each other (parts of a whole); default `'grouped'`. */
  arrangement?: 'grouped' | 'stacked';
  /** Horizontal bars, for long category names; default false. */
  horizontal?: boolean;
  /** Values written at the bars, with so many significant digits; default none. */
  digits?: number;
  /** Meaning of the whiskers of series with `seeds`; default `'range'`. */
  band?: Band;
  references?: readonly Reference[];
}

/**
 * Bars, grouped or stacked, with an optional value at each. The length starts at zero, or at the lower end of a
 * logarithmic axis.
 *
 * @throws RangeError for no category, no series, a series without a finite value, or one that does not have a value per
 *   category; TypeError for stacked bars on a logarithmic axis, whose lengths would mislead.
 *
 * @example
 * bars({ categories: ['AdamW', 'Lion'], series: [{ name: 'state', values: [8, 4] }], digits: 2,
 *        y: { title: 'memory per parameter', unit: 'bytes' }, alt: 'AdamW keeps 8 bytes per parameter, Lion 4.' })
 */
export function bars(options: BarsOptions): Figure {
  const { categories, series, arrangement = 'grouped', horizontal = false, digits } = options;
  requireSome('bars: categories', categories);
  requireSome('bars: series', series);
  const y = axisOptions('bars: y', options.y);
  const stacked = arrangement === 'stacked';
  if (stacked && y.log) {
    throw new TypeError(
      'bars: stacked bars add lengths, which a logarithmic axis does not; use a linear axis or grouped bars.',
    );
  }
  const heights = series.map((one) => heightsOf(one, categories, y, options.band ?? 'range'));
  const data = series.map(({ name, look, seeds }, i): Trace => {
    const { color, pattern } = seriesLook(look ?? i);
    const { center, low, high } = heights[i]!;
    const along = compact(center);
    const whiskers = (seeds?.length ?? 0) > 1;
    return {
      type: 'bar',
      name,
      orientation: horizontal ? 'h' : 'v',
      ...(horizontal ? { x: along, y: [...categories] } : { x: [...categories], y: along }),
      marker: {
        color,
        line: { color: ink, width: 0.75 },
        pattern: { shape: pattern, fgcolor: '#FFFFFF', size: 7, solidity: 0.25 },
      },
      ...(whiskers && {
        [horizontal ? 'error_x' : 'error_y']: {
          type: 'data',
          symmetric: false,
          array: compact(high.map((value, k) => value - center[k]!)),
          arrayminus: compact(center.map((value, k) => value - low[k]!)),
          color: ink,
          thickness: 1.5,
        },
      }),
      ...(digits !== undefined && {
        texttemplate: `%{value:.${digits}~g}`,
        textposition: stacked ? 'inside' : whiskers ? 'inside' : 'outside',
        textangle: 0,
        cliponaxis: false,
        textfont: { size: 12 },
      }),
      hovertemplate: `%{label}<br>${axisTitle(y)} %{value:.4~g}<extra>${name}</extra>`,
    };
  });
  const length = plotlyAxis(y, ...heights.flatMap(({ center, low, high }) => [center, low, high]));
  const names = {
    type: 'category' as const,
    ...(options.x && { title: { text: options.x } }),
    ticks: '' as const,
    showgrid: false,
  };
  return figure({
    ...options,
    data,
    layout: {
      barmode: stacked ? 'stack' : 'group',
      bargap: 0.25,
      bargroupgap: 0.06,
      ...(horizontal
        ? { xaxis: length, yaxis: { ...names, autorange: 'reversed' as const } }
        : { xaxis: names, yaxis: length }),
    },
  });
}

function heightsOf(series: BarSeries, categories: readonly string[], y: AxisOptions, band: Band) {
  const what = `bars: series "${series.name}"`;
  const all = series.seeds ?? [series.values];
  requireSome(`${what}: seeds`, all);
  for (const values of all) {
    requireDrawable(what, values, { positive: y.log });
    requireSameLength(what, ['categories', categories], ['values', values]);
  }
  return seedBand(all, band);
}
