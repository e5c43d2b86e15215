import type { Layout, LayoutAxis } from 'plotly.js';
import { checkedAlt, type Figure } from './figure';
import { logTicks } from './axis';
import { extent, requireSome } from './numbers';

export interface SliderOptions<T> {
  /** The parameter as the reader sees it, e.g. `β₁`. */
  parameter: string;
  values: readonly T[];
  /** The figure for one value; the figures may differ in everything but their axes. */
  figure: (value: T, index: number) => Figure;
  /** How a value is written; default `String`. */
  format?: (value: T) => string;
  /** Index of the value shown first; default 0. */
  initial?: number;
  /** What the figures show together, with its result; at least 20 characters. */
  alt: string;
}

/**
 * One figure with a slider over a parameter. All positions are part of the figure, so it works without a kernel, in a
 * report too. The axes keep one range over all positions, so that positions can be compared.
 *
 * @throws RangeError for no value, or an initial position that does not exist; TypeError if the figures do not share
 *   their kinds of axes.
 *
 * @example
 * withSlider({ parameter: 'β₁', values: [0, 0.5, 0.9], alt: 'The larger β₁, the closer the updates of AdamW are to 0.',
 *   figure: (beta1) => histogram({ samples: [{ name: 'AdamW', values: updates(beta1) }], x: 'update',
 *                                  alt: `Updates of AdamW with β₁ = ${beta1}` }) })
 */
export function withSlider<T>(options: SliderOptions<T>): Figure {
  const { values, parameter, format = String, initial = 0 } = options;
  requireSome('withSlider: values', values);
  if (!Number.isInteger(initial) || initial < 0 || initial >= values.length) {
    throw new RangeError(
      `withSlider: initial must be an index between 0 and ${values.length - 1}, got ${initial}.`,
    );
  }
  const figures = values.map((value, i) => options.figure(value, i));
  const ranges = sharedRanges(figures);
  const layouts = figures.map(({ layout }) => withRanges(layout, ranges));
  const { height = 420, margin } = layouts[initial]!;
  const room = sliderHeight + (linesBelow(layouts[initial]!) - 1) * lineHeight;
  return {
    ...figures[initial]!,
    alt: checkedAlt(options.alt),
    data: figures.flatMap(({ data }, i) => data.map((trace) => ({ ...trace, visible: i === initial }))),
    layout: {
      ...layouts[initial]!,
      height: height + room,
      margin: { ...margin, b: (margin?.b ?? 56) + room },
      sliders: [
        {
          active: initial,
          currentvalue: { prefix: `${parameter} = `, xanchor: 'left', font: { size: 14 } },
          pad: { t: 56 + room - sliderHeight, b: 8 },
          ticklen: 5,
          steps: values.map((value, step) => ({
            label: format(value),
            method: 'update',
            args: [
              { visible: figures.flatMap(({ data }, i) => data.map(() => i === step)) },
              changing(layouts[step]!),
            ],
          })),
        },
      ],
    },
  };
}

const sliderHeight = 84;
const lineHeight = 18;

/** Lines of the title below the plot; the slider stands under them. */
function linesBelow({ xaxis }: Partial<Layout>): number {
  return (xaxis?.title?.text ?? '').split('<br>').length;
}

/** What a position changes in the layout besides the traces. */
function changing({ title, annotations = [], shapes = [] }: Partial<Layout>): Partial<Layout> {
  return { ...(title && { title }), annotations, shapes };
}

/** Axis → first and last position, and whether markers stand there. */
type Ranges = Map<string, { low: number; high: number; hasMarkers: boolean }>;

interface CartesianTrace {
  type?: string;
  mode?: string;
  fill?: string;
  x?: unknown;
  y?: unknown;
  xaxis?: string;
  yaxis?: string;
}

/** For each numeric axis without a range of its own: what its data need in any of the figures. */
function sharedRanges(figures: readonly Figure[]): Ranges {
  const ranges: Ranges = new Map();
  for (const { data, layout } of figures) {
    for (const trace of data as CartesianTrace[]) {
      for (const letter of ['x', 'y'] as const) {
        const name = (letter === 'x' ? trace.xaxis : trace.yaxis) ?? letter;
        const axis = name.replace(letter, `${letter}axis`);
        const { range, autorange, type } = axisOf(layout, axis);
        const values = trace[letter];
        if (range || autorange || type === 'category' || !isNumeric(values)) continue;
        const reachesZero =
          letter === 'y' && type !== 'log' && (trace.fill === 'tozeroy' || trace.type === 'bar');
        const [low, high] = extent(positions(reachesZero ? [...values, 0] : values, type));
        const known = ranges.get(axis) ?? { low: Infinity, high: -Infinity, hasMarkers: false };
        ranges.set(axis, {
          low: Math.min(low, known.low),
          high: Math.max(high, known.high),
          hasMarkers: known.hasMarkers || (trace.mode ?? '').includes('markers'),
        });
      }
    }
  }
  return ranges;
}

function axisOf(layout: Partial<Layout>, name: string): Partial<LayoutAxis> {
  return layout[name as 'xaxis'] ?? {};
}

function isNumeric(values: unknown): values is (number | null)[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'number' || value === null);
}

/** Values as plotly counts them on an axis: logarithms on a logarithmic one. */
function positions(values: readonly (number | null)[], type: LayoutAxis['type'] | undefined): number[] {
  const numbers = values.filter((value): value is number => value !== null);
  return type === 'log' ? numbers.filter((value) => value > 0).map((value) => Math.log10(value)) : numbers;
}

function withRanges(layout: Partial<Layout>, ranges: Ranges): Partial<Layout> {
  const fixed = Array.from(ranges, ([name, { low, high, hasMarkers }]): [string, Partial<LayoutAxis>] => {
    const axis = axisOf(layout, name);
    const margin = name.startsWith('y') || hasMarkers ? 0.05 * (high - low || 1) : 0;
    const isLog = axis.type === 'log';
    const start = low === 0 && !isLog ? 0 : low - margin;
    return [name, { ...axis, ...(isLog && logTicks(high - low)), range: [start, high + margin] }];
  });
  return { ...layout, ...Object.fromEntries(fixed) };
}
