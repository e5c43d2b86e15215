import { axisOptions, axisTitle, plotlyAxis, type AxisOptions } from './axis';
import {
  figure,
  titleWithSeeds,
  type Figure,
  type FigureOptions,
  type Reference,
  type Trace,
} from './figure';
import { seriesLook, translucent } from './look';
import { compact, extent, requireDrawable, requireSameLength, requireSome, type Numbers } from './numbers';
import { groupMeans, seedBand, type Band } from './statistics';

/** One curve: measured once (`y`), or with several seeds (`seeds`, drawn as a line with a shaded band). */
export type LineSeries = {
  name: string;
  /** Abscissae, as many as values; default 1, 2, 3, … */
  x?: Numbers;
  /** `'lines'`, `'markers'` or `'lines+markers'`; default: markers too where there are at most 30 points. */
  mode?: 'lines' | 'markers' | 'lines+markers';
  /** Index of colour, dash and marker; default: the position in `series`. Fix it to keep a method's look across figures. */
  look?: number;
} & ({ y: Numbers; seeds?: undefined } | { seeds: readonly Numbers[]; y?: undefined });

export interface LineChartOptions extends FigureOptions {
  series: readonly LineSeries[];
  x: AxisOptions | string;
  y: AxisOptions | string;
  /** Meaning of the shading of series with `seeds`; default `'range'`. */
  band?: Band;
  /** Labelled lines across the plot, e.g. a predicted value. */
  references?: readonly Reference[];
}

/**
 * Curves of one quantity against another, on linear or logarithmic axes, with shading over seeds.
 * Values that are not finite, or not positive on a logarithmic axis, become gaps.
 *
 * @throws RangeError for no series, an empty series, one without a drawable value, or lengths that differ.
 *
 * @example
 * lineChart({
 *   series: [{ name: 'Lion', seeds: [lossOfSeed0, lossOfSeed1] }, { name: 'AdamW', seeds: adamLosses }],
 *   x: 'training step', y: { title: 'training loss', unit: 'nats', log: true },
 *   alt: 'Training loss over 1250 steps: Lion falls to 0.02, AdamW to 0.03.',
 * })
 */
export function lineChart(options: LineChartOptions): Figure {
  requireSome('lineChart: series', options.series);
  const x = axisOptions('lineChart: x', options.x);
  const y = axisOptions('lineChart: y', options.y);
  const band = options.band ?? 'range';
  const curves = options.series.map((series, i) => curveOf(series, i, { band, x, y }));
  const seeds = Math.max(0, ...options.series.map((series) => series.seeds?.length ?? 0));
  return figure({
    ...options,
    // Bands first, so that no shading lies over a line.
    data: [...curves.flatMap((curve) => curve.band ?? []), ...curves.map((curve) => curve.line)],
    layout: {
      hovermode: 'x unified',
      xaxis: {
        ...plotlyAxis(x, ...curves.map((curve) => curve.x)),
        ...(seeds > 1 && { title: { text: titleWithSeeds(axisTitle(x), band, seeds) } }),
      },
      yaxis: plotlyAxis(y, ...curves.map((curve) => curve.y)),
    },
  });
}

interface Axes {
  band: Band;
  x: AxisOptions;
  y: AxisOptions;
}

function curveOf(
  series: LineSeries,
  index: number,
  axes: Axes,
): { x: Numbers; y: Numbers; line: Trace; band?: Trace } {
  const what = `lineChart: series "${series.name}"`;
  const all = series.seeds ?? [series.y];
  requireSome(`${what}: seeds`, all);
  all.forEach((values, i) => {
    const which = series.seeds ? `${what}, seed ${i}` : what;
    requireDrawable(which, values, { positive: axes.y.log });
    requireSameLength(what, ['seed 0', all[0]!], [`seed ${i}`, values]);
  });
  const length = all[0]!.length;
  const x = series.x ?? Float64Array.from({ length }, (_, i) => i + 1);
  requireDrawable(`${what}: x`, x, { positive: axes.x.log });
  requireSameLength(what, ['x', x], ['y', all[0]!]);

  const { color, dash, symbol } = seriesLook(series.look ?? index);
  const mode = series.mode ?? (length <= 30 ? 'lines+markers' : 'lines');
  const summary = seedBand(all, axes.band);
  const line: Trace = {
    type: 'scatter',
    mode,
    name: series.name,
    legendgroup: series.name,
    x: compact(x),
    y: drawable(summary.center, axes.y.log),
    ...(mode !== 'markers' && { line: { color, dash, width: 2.25 } }),
    ...(mode !== 'lines' && { marker: { color, symbol, size: 8 }, cliponaxis: false }),
    connectgaps: false,
  };
  if (all.length === 1) return { x, y: summary.center, line };
  if (axes.y.log) liftToPositive(summary.low, all);
  return {
    x,
    y: Float64Array.from([...summary.low, ...summary.high]),
    line,
    band: {
      type: 'scatter',
      mode: 'lines',
      name: `${series.name}: ${axes.band}`,
      legendgroup: series.name,
      showlegend: false,
      hoverinfo: 'skip',
      ...outline(compact(x), drawable(summary.low, axes.y.log), drawable(summary.high, axes.y.log)),
      line: { width: 0 },
      fill: 'toself',
      fillcolor: translucent(color, 0.18),
    },
  };
}

function drawable(values: Numbers, log = false): (number | null)[] {
  return compact(values).map((value) => (value !== null && log && value <= 0 ? null : value));
}

/** A mean minus a deviation can be negative; on a logarithmic axis the band then ends at the smallest seed value. */
function liftToPositive(low: Float64Array, seeds: readonly Numbers[]): void {
  low.forEach((value, i) => {
    if (value <= 0)
      low[i] = extent(
        seeds.map((seed) => seed[i]!),
        (v) => v > 0,
      )[0];
  });
}

/** Closed outline of the area between two curves; one polygon for each stretch without a gap. */
function outline(
  x: readonly (number | null)[],
  low: readonly (number | null)[],
  high: readonly (number | null)[],
): Trace {
  const outlineX: (number | null)[] = [];
  const outlineY: (number | null)[] = [];
  let start = 0;
  const close = (end: number): void => {
    if (end > start) {
      if (outlineX.length > 0) {
        outlineX.push(null);
        outlineY.push(null);
      }
      outlineX.push(...x.slice(start, end), ...x.slice(start, end).reverse());
      outlineY.push(...high.slice(start, end), ...low.slice(start, end).reverse());
    }
    start = end + 1;
  };
  for (let i = 0; i < x.length; i++) {
    if (x[i] === null || low[i] === null || high[i] === null) close(i);
  }
  close(x.length);
  return { x: outlineX, y: outlineY };
}

export interface LossCurvesOptions extends FigureOptions {
  /** Name of a run → its loss at each step, one array per seed (or a single array). */
  runs: Readonly<Record<string, readonly Numbers[] | Numbers>>;
  /** Consecutive steps averaged into one point; default: as many as leave at most 250 points. The axis title says it. */
  window?: number;
  /** Default `training loss` in nats, on a logarithmic axis. */
  y?: AxisOptions;
  /** Default `training step`. */
  x?: string;
  band?: Band;
  references?: readonly Reference[];
}

/**
 * Loss against training step, for several runs and seeds. Losses of single batches are noisy and many, so consecutive
 * ones are averaged; a point stands at the last step of its group.
 *
 * @throws RangeError as {@link lineChart}, or if the runs of one name have different lengths.
 *
 * @example
 * lossCurves({ runs: { Lion: [seed0.loss, seed1.loss], AdamW: [adam0.loss, adam1.loss] },
 *              alt: 'Training loss of Lion and AdamW on MNIST: both fall from 2.3 to below 0.05 nats.' })
 */
export function lossCurves(options: LossCurvesOptions): Figure {
  const runs = Object.entries(options.runs).map(([name, losses]) => ({ name, seeds: asSeeds(losses) }));
  requireSome('lossCurves: runs', runs);
  const longest = Math.max(...runs.flatMap(({ seeds }) => seeds.map((seed) => seed.length)));
  const window = options.window ?? Math.max(1, Math.ceil(longest / 250));
  const y = options.y ?? { title: 'training loss', unit: 'nats', log: true };
  return lineChart({
    ...options,
    series: runs.map(({ name, seeds }) => ({
      name,
      x: lastSteps(seeds[0]?.length ?? 0, window),
      seeds: seeds.map((seed) => groupMeans(seed, window)),
    })),
    x: options.x ?? 'training step',
    y: window > 1 ? { ...y, title: `${y.title}, mean of ${window} steps` } : y,
  });
}

function asSeeds(losses: readonly Numbers[] | Numbers): readonly Numbers[] {
  const isOneRun = losses.length === 0 || typeof losses[0] === 'number';
  return (isOneRun ? [losses] : losses) as readonly Numbers[];
}

function lastSteps(steps: number, window: number): Float64Array {
  return Float64Array.from({ length: Math.ceil(steps / window) }, (_, group) =>
    Math.min((group + 1) * window, steps),
  );
}
