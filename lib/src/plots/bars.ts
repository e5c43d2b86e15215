import type { LayoutAxis } from 'plotly.js';
import { axisOptions, axisTitle, plotlyAxis, type AxisOptions } from './axis';
import {
  figure,
  titleWithSeeds,
  type Figure,
  type FigureOptions,
  type Reference,
  type Trace,
} from './figure';
import { formatColumn } from './format';
import { ink, seriesLook } from './look';
import {
  compact,
  requireDrawable,
  requireSameLength,
  requireSome,
  type Compact,
  type Numbers,
} from './numbers';
import { seedBand, type Band, type SeedBand } from './statistics';

/** One bar per category: measured once (`values`), or with several seeds (the bar is their mean, the whisker the band). */
export type BarSeries = {
  name: string;
  /** Index of colour and pattern; default: the position in `series`. */
  look?: number;
} & ({ values: Numbers; seeds?: undefined } | { seeds: readonly Numbers[]; values?: undefined });

const gap = 0.25;

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
  /** Values written at the bars (of stacked bars their sum), with so many significant digits; default none. */
  digits?: number;
  /** Meaning of the whiskers of series with `seeds`; default `'range'`. */
  band?: Band;
  references?: readonly Reference[];
}

/**
 * Bars, grouped or stacked, with an optional value at each. The length starts at zero, unless the axis
 * is logarithmic or has a range of its own.
 *
 * @throws RangeError for no category, no series, a series without a finite value, or one that does not have a value per
 *   category; TypeError for stacked bars on a logarithmic axis, whose lengths would mislead.
 *
 * @example
 * bars({ categories: ['AdamW', 'Lion'], series: [{ name: 'state', values: [8, 4] }], digits: 2,
 *        y: { title: 'memory per parameter', unit: 'bytes' }, alt: 'AdamW keeps 8 bytes per parameter, Lion 4.' })
 */
export function bars(options: BarsOptions): Figure {
  const { categories, series, arrangement = 'grouped', horizontal = false, digits, band = 'range' } = options;
  requireSome('bars: categories', categories);
  requireSome('bars: series', series);
  const y = axisOptions('bars: y', options.y);
  const stacked = arrangement === 'stacked';
  if (stacked && y.log) {
    throw new TypeError(
      'bars: stacked bars add lengths, which a logarithmic axis does not; use a linear axis or grouped bars.',
    );
  }
  const heights = series.map((one) => heightsOf(one, categories, y, band));
  const drawn = series.map((one, i) => barTrace(one, i, heights[i]!, options));
  const length = plotlyAxis(y, ...heights.flatMap(({ center, low, high }) => [center, low, high]));
  const names: Partial<LayoutAxis> = {
    type: 'category',
    ...(options.x && { title: { text: options.x } }),
    ticks: '',
    showgrid: false,
  };
  const seeds = stacked ? 1 : Math.max(...series.map((one) => one.seeds?.length ?? 1));
  const below = horizontal ? length : names;
  if (seeds > 1) below.title = { text: titleWithSeeds(below.title?.text ?? '', band, seeds) };
  return figure({
    ...options,
    data: digits === undefined ? drawn : [...drawn, ...valueTexts(heights, options, digits)],
    layout: {
      barmode: stacked ? 'stack' : 'group',
      bargap: gap,
      // Text keeps to the places of its bars.
      ...(digits !== undefined && !stacked && { scattermode: 'group', scattergap: gap }),
      bargroupgap: 0.06,
      // Room for the values that stand beyond the ends of horizontal bars.
      ...(horizontal && digits !== undefined && { margin: { r: 64 } }),
      legend: { traceorder: 'normal' },
      ...(horizontal
        ? { xaxis: below, yaxis: { ...names, autorange: 'reversed' as const } }
        : { xaxis: below, yaxis: length }),
    },
  });
}

function barTrace(
  series: BarSeries,
  index: number,
  { center, low, high }: SeedBand,
  options: BarsOptions,
): Trace {
  const { categories, horizontal = false, arrangement = 'grouped' } = options;
  const { color, pattern } = seriesLook(series.look ?? index);
  const whiskers = arrangement === 'grouped' && (series.seeds?.length ?? 0) > 1;
  return {
    type: 'bar',
    name: series.name,
    ...(arrangement === 'grouped' && { offsetgroup: series.name }),
    legendgroup: series.name,
    ...alongAxes(horizontal, categories, compact(center)),
    marker: {
      color,
      line: { color: ink, width: 0.75 },
      pattern: {
        shape: pattern,
        fillmode: 'overlay',
        fgcolor: '#FFFFFF',
        fgopacity: 0.6,
        size: 8,
        solidity: 0.2,
      },
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
    hovertemplate: `%{label}<br>${axisTitle(options.y)} %{value:,.4~g}<extra>${series.name}</extra>`,
  };
}

/** Values as text beyond the ends of bars and whiskers; of stacked bars their sum. */
function valueTexts(heights: readonly SeedBand[], options: BarsOptions, digits: number): Trace[] {
  const { categories, series, horizontal = false, arrangement = 'grouped' } = options;
  const text = (values: readonly string[], ends: Numbers): Trace => ({
    type: 'scatter',
    mode: 'text',
    showlegend: false,
    hoverinfo: 'skip',
    ...alongAxes(horizontal, categories, compact(ends)),
    // A blank keeps the text off the end of its bar.
    text: values.map((value) => (horizontal ? `\u2002${value}` : value)),
    textposition: horizontal ? 'middle right' : 'top center',
    textfont: { size: 12 },
    cliponaxis: false,
  });
  if (arrangement === 'grouped') {
    const words = formatColumn(
      heights.flatMap(({ center }) => Array.from(center)),
      digits,
    );
    return heights.map(({ high }, i) => {
      const { name } = series[i]!;
      const own = words.slice(i * categories.length, (i + 1) * categories.length);
      return { ...text(own, high), name, legendgroup: name, offsetgroup: name };
    });
  }
  const sums = categories.map((_, k) => heights.reduce((sum, { center }) => sum + (center[k] || 0), 0));
  return [text(formatColumn(sums, digits), sums)];
}

function alongAxes(horizontal: boolean, categories: readonly string[], lengths: Compact): Trace {
  const names = [...categories];
  return horizontal ? { orientation: 'h', x: lengths, y: names } : { orientation: 'v', x: names, y: lengths };
}

function heightsOf(series: BarSeries, categories: readonly string[], y: AxisOptions, band: Band): SeedBand {
  const what = `bars: series "${series.name}"`;
  const all = series.seeds ?? [series.values];
  requireSome(`${what}: seeds`, all);
  for (const values of all) {
    requireDrawable(what, values, { positive: y.log });
    requireSameLength(what, ['categories', categories], ['values', values]);
  }
  return seedBand(all, band);
}
