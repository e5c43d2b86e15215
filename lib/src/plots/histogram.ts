import { axisOptions, plotlyAxis, type AxisOptions } from './axis';
import { figure, type Figure, type FigureOptions, type Reference, type Trace } from './figure';
import { seriesLook, translucent } from './look';
import { compact, extent, requireDrawable, requireSome, type Numbers } from './numbers';
import { binCounts, binEdges } from './statistics';

export interface HistogramSample {
  name: string;
  values: Numbers;
  /** Index of colour and dash; default: the position in `samples`. */
  look?: number;
}

/** Height of a bin: the number of values in it, their fraction of the sample, or that fraction per unit of x. */
export type HistogramMeasure = 'count' | 'fraction' | 'density';

export interface HistogramOptions extends FigureOptions {
  samples: readonly HistogramSample[];
  /** The quantity; its `range`, if given, is what the bins cover. */
  x: AxisOptions | string;
  /** Number of bins, shared by all samples; default 40. */
  bins?: number;
  /** Default `'count'`. */
  measure?: HistogramMeasure;
  /** Logarithmic vertical axis; default false. */
  log?: boolean;
  /** Density functions to compare with; they need `measure: 'density'`. */
  densities?: readonly {
    name: string;
    /** Probability density at x. */
    f: (x: number) => number;
  }[];
  references?: readonly Reference[];
}

/**
 * Distributions of one or more samples over the same bins, as outlines that stay readable where they overlap. Counted
 * here, so that the figure holds the bins and not the values. Values outside the range are not shown, but they count in
 * the sample's size.
 *
 * @throws RangeError for no sample or one without a finite value; TypeError for `densities` with another measure.
 *
 * @example
 * histogram({ samples: [{ name: 'AdamW', values: updates }], x: 'update per learning rate', measure: 'density',
 *             alt: 'The updates of AdamW are bell-shaped around 0 with root mean square 0.23.' })
 */
export function histogram(options: HistogramOptions): Figure {
  const { samples, measure = 'count', bins = 40, densities = [], log = false } = options;
  requireSome('histogram: samples', samples);
  const x = axisOptions('histogram: x', options.x);
  for (const { name, values } of samples) {
    requireDrawable(`histogram: sample "${name}"`, values, { positive: x.log });
  }
  if (densities.length > 0 && measure !== 'density') {
    throw new TypeError(
      `histogram: density functions can be compared only with measure 'density', not '${measure}'.`,
    );
  }
  const edges = binEdges(x.range ?? commonRange(samples, x.log), bins, x.log);
  const drawn = samples.map((sample, i) => outline(sample, i, edges, measure));
  const heights = drawn.flatMap(({ y }) => y as number[]);
  return figure({
    ...options,
    data: [...drawn, ...densities.map((density, i) => densityTrace(density, samples.length + i, edges))],
    layout: {
      hovermode: 'x unified',
      xaxis: plotlyAxis(x, edges),
      yaxis: {
        ...plotlyAxis({ title: measureTitle(measure, x), log }, heights),
        ...(log ? {} : { rangemode: 'tozero' as const }),
      },
    },
  });
}

function measureTitle(measure: HistogramMeasure, x: AxisOptions): string {
  switch (measure) {
    case 'count':
      return 'values per bin';
    case 'fraction':
      return 'fraction of values per bin';
    case 'density':
      return x.unit ? `probability density (1/${x.unit})` : 'probability density';
  }
}

function commonRange(samples: readonly HistogramSample[], log = false): [number, number] {
  const accept = (value: number): boolean => Number.isFinite(value) && (!log || value > 0);
  const extents = samples.map(({ values }) => extent(values, accept));
  const low = Math.min(...extents.map(([least]) => least));
  const high = Math.max(...extents.map(([, most]) => most));
  if (low < high) return [low, high];
  const half = Math.abs(low) / 2 || 0.5;
  return [low - half, high + half];
}

function outline(
  sample: HistogramSample,
  index: number,
  edges: Float64Array,
  measure: HistogramMeasure,
): Trace {
  const { color, dash } = seriesLook(sample.look ?? index);
  const size = Array.from(sample.values).filter(Number.isFinite).length;
  const heights = Array.from(binCounts(sample.values, edges), (count, bin) => {
    if (measure === 'count') return count;
    return count / size / (measure === 'density' ? edges[bin + 1]! - edges[bin]! : 1);
  });
  return {
    type: 'scatter',
    mode: 'lines',
    name: sample.name,
    x: compact(edges),
    // A step starts at its x, so the last edge repeats the last height.
    y: compact([...heights, heights.at(-1)!]),
    line: { color, dash, width: 2, shape: 'hv' },
    fill: 'tozeroy',
    fillcolor: translucent(color, 0.15),
  };
}

function densityTrace(
  { name, f }: { name: string; f: (x: number) => number },
  index: number,
  edges: Numbers,
): Trace {
  const { color, dash } = seriesLook(index);
  const points = 201;
  const low = edges[0]!;
  const high = edges[edges.length - 1]!;
  const x = Array.from({ length: points }, (_, i) => low + ((high - low) * i) / (points - 1));
  return {
    type: 'scatter',
    mode: 'lines',
    name,
    x: compact(x),
    y: compact(x.map(f)),
    line: { color, dash, width: 2.25 },
  };
}
