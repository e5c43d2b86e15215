import type { LayoutAxis } from 'plotly.js';
import { axisOptions, axisTitle, plotlyAxis, type AxisOptions } from './axis';
import { caption, figure, type Figure, type FigureOptions, type Trace } from './figure';
import { formatColumn } from './format';
import { divergingScale, sequentialScale } from './look';
import { compact, extent, requireDrawable, requireSameLength, requireSome, type Numbers } from './numbers';

/** A matrix as rows, or flat in row-major order with its shape (what `tensor.dataSync()` and `tensor.shape` give). */
export type Matrix = readonly Numbers[] | { data: Numbers; shape: readonly number[] };

export interface HeatMapPanel {
  /** Heading of the panel; needed where there are several. */
  title?: string;
  values: Matrix;
}

export interface HeatMapOptions extends FigureOptions {
  /** One matrix, or several side by side on the same colour scale; all of the same shape. */
  panels: readonly HeatMapPanel[];
  /** The columns. */
  x: AxisOptions | string;
  /** The rows. */
  y: AxisOptions | string;
  /** The quantity that the colour shows; its `range` fixes the scale, `log` colours by the logarithm. */
  color: AxisOptions | string;
  /**
   * `'sequential'` from smallest to largest, or `'diverging'` symmetrically around `center`;
   * default: diverging where there are values on both sides of the centre.
   */
  scale?: 'sequential' | 'diverging';
  /** White point of a diverging scale; default 0. */
  center?: number;
  /** Values written into the cells, with so many significant digits; default none. */
  digits?: number;
  /** Labels of the columns, or their coordinates; default 0, 1, 2, … */
  columns?: readonly string[] | Numbers;
  /**
   * Labels of the rows, or their coordinates; default 0, 1, 2, … Row 0 stands on top, as in a matrix,
   * unless the rows have coordinates, which grow upwards.
   */
  rows?: readonly string[] | Numbers;
  /** Panels beside each other before a new line starts; default 3. */
  panelsPerRow?: number;
}

/**
 * Matrices as colours, several of them on one scale so that they can be compared.
 *
 * @throws RangeError for no panel, ragged or differently shaped matrices, a panel without a finite value, labels that do
 *   not match the shape, or (with `color.log`) a panel without a positive value.
 *
 * @example
 * heatMap({ panels: [{ title: 'C', values: c }, { title: 'a bᵀ', values: product }], x: 'column', y: 'row',
 *           color: 'second moment', alt: 'The matrix C and its rank-one approximation, which has the same margins.' })
 */
export function heatMap(options: HeatMapOptions): Figure {
  const { panels, panelsPerRow = 3, digits } = options;
  requireSome('heatMap: panels', panels);
  const x = axisOptions('heatMap: x', options.x);
  const y = axisOptions('heatMap: y', options.y);
  const color = axisOptions('heatMap: color', options.color);
  const matrices = panels.map((panel, i) => rowsOf(panel, i, color.log));
  requireEqualShapes(matrices, options);

  const scale = colorScale(options, color, matrices);
  // With a logarithmic scale z holds exponents, so that only the text can tell the value.
  const texts = digits !== undefined || color.log ? cellTexts(matrices, digits) : undefined;
  const across = Math.min(panelsPerRow, panels.length);
  const down = Math.ceil(panels.length / across);
  const layouts = panels.map((panel, i) => panelLayout(panel, i, { across, down, x, y, options }));
  return figure({
    height: 340 * down + 60,
    ...options,
    data: matrices.map((matrix, i): Trace => ({
      type: 'heatmap',
      ...axisNames(i),
      z: matrix.map((row) => compact(color.log ? row.map((v) => (v > 0 ? Math.log10(v) : NaN)) : row)),
      ...(options.columns && { x: labels(options.columns) }),
      ...(options.rows && { y: labels(options.rows) }),
      ...scale,
      showscale: i === 0,
      hoverongaps: false,
      ...(texts && { text: texts[i] as never }),
      hovertemplate:
        `${axisTitle(y)} %{y}<br>${axisTitle(x)} %{x}<br>` +
        `${axisTitle(color)} ${texts ? '%{text}' : '%{z:.4~g}'}<extra>${panels[i]!.title ?? ''}</extra>`,
      ...(digits !== undefined && { texttemplate: '%{text}', textfont: { size: 12 } }),
    })),
    layout: {
      ...Object.fromEntries(layouts.flatMap(({ axes }) => axes)),
      annotations: layouts.flatMap(({ heading }) => heading ?? []),
      margin: {
        // Without a title there is still the tool bar.
        t: (options.title ? 40 : 28) + (panels.some(({ title }) => title) ? 36 : 16),
        r: 24,
        b: 56,
        l: 64,
      },
      showlegend: false,
    },
  });
}

/** The values as text, written alike in all panels. */
function cellTexts(matrices: readonly number[][][], digits?: number): string[][][] {
  const texts = formatColumn(matrices.flat(2), digits);
  let next = 0;
  return matrices.map((matrix) => matrix.map((row) => row.map(() => texts[next++]!)));
}

function rowsOf({ title, values }: HeatMapPanel, index: number, log?: boolean): number[][] {
  const what = `heatMap: panel ${title ? `"${title}"` : index}`;
  const rows =
    'data' in values
      ? reshaped(what, values.data, values.shape)
      : Array.from(values, (row) => Array.from(row));
  requireSome(what, rows);
  rows.forEach((row, i) => requireSameLength(what, ['row 0', rows[0]!], [`row ${i}`, row]));
  requireDrawable(what, rows.flat(), { positive: log });
  return rows;
}

function reshaped(what: string, data: Numbers, shape: readonly number[]): number[][] {
  const [rows, columns] = shape;
  if (shape.length !== 2 || rows! * columns! !== data.length) {
    throw new RangeError(
      `${what}: ${data.length} values do not have the shape [${shape.join(', ')}]; give [rows, columns].`,
    );
  }
  const flat = Array.from(data);
  return Array.from({ length: rows! }, (_, i) => flat.slice(i * columns!, (i + 1) * columns!));
}

function requireEqualShapes(matrices: readonly number[][][], { rows, columns }: HeatMapOptions): void {
  const [first] = matrices;
  matrices.forEach((matrix, i) => {
    requireSameLength('heatMap: rows', ['panel 0', first!], [`panel ${i}`, matrix]);
    requireSameLength('heatMap: columns', ['panel 0', first![0]!], [`panel ${i}`, matrix[0]!]);
  });
  if (rows) requireSameLength('heatMap', ['rows', rows], ['each matrix', first!]);
  if (columns) requireSameLength('heatMap', ['columns', columns], ['each row', first![0]!]);
}

function colorScale(options: HeatMapOptions, color: AxisOptions, matrices: readonly number[][][]): Trace {
  const center = options.center ?? 0;
  const accept = (value: number): boolean => Number.isFinite(value) && (!color.log || value > 0);
  let [low, high] = color.range ?? extent(matrices.flat(2), accept);
  const diverging =
    (options.scale ?? (!color.log && low < center && high > center ? 'diverging' : 'sequential')) ===
    'diverging';
  if (color.log) [low, high] = [Math.log10(low), Math.log10(high)];
  if (diverging && !color.range) {
    const reach = Math.max(Math.abs(low - center), Math.abs(high - center)) || 1;
    [low, high] = [center - reach, center + reach];
  }
  const decades = color.log ? wholeNumbers(low, high) : [];
  return {
    zmin: low,
    zmax: high,
    colorscale: diverging ? divergingScale : sequentialScale,
    colorbar: {
      title: { text: axisTitle(color), side: 'right', font: { size: 14 } },
      thickness: 14,
      outlinewidth: 0,
      exponentformat: 'power',
      ...(decades.length > 0 && { tickvals: decades, ticktext: decades.map((k) => `10<sup>${k}</sup>`) }),
    },
  };
}

function wholeNumbers(low: number, high: number): number[] {
  const first = Math.ceil(low);
  return Array.from({ length: Math.max(0, Math.floor(high) - first + 1) }, (_, i) => first + i);
}

function labels(given: readonly string[] | Numbers): (string | number | null)[] {
  return typeof given[0] === 'string' ? Array.from(given as readonly string[]) : compact(given as Numbers);
}

function axisNames(index: number): { xaxis: string; yaxis: string } {
  const number = index === 0 ? '' : String(index + 1);
  return { xaxis: `x${number}`, yaxis: `y${number}` };
}

interface Placement {
  across: number;
  down: number;
  x: AxisOptions;
  y: AxisOptions;
  options: HeatMapOptions;
}

function panelLayout({ title }: HeatMapPanel, index: number, { across, down, x, y, options }: Placement) {
  const column = index % across;
  const row = Math.floor(index / across);
  const names = axisNames(index);
  const isLeft = column === 0;
  const isLowest = index + across >= options.panels.length;
  const isMatrix = !options.rows || typeof options.rows[0] === 'string';
  const shared: Partial<LayoutAxis> = {
    showgrid: false,
    showline: false,
    tickcolor: 'white',
    constrain: 'domain',
  };
  const domains = { x: slot(column, across, 0.06), y: slot(down - 1 - row, down, 0.14) };
  return {
    axes: [
      [
        names.xaxis.replace('x', 'xaxis'),
        {
          ...(isLowest ? plotlyAxis(x) : { showticklabels: false }),
          ...shared,
          ...named(options.columns),
          domain: domains.x,
          anchor: names.yaxis,
          ...(index > 0 && { matches: 'x' }),
        },
      ],
      [
        names.yaxis.replace('y', 'yaxis'),
        {
          ...(isLeft ? plotlyAxis(y) : { showticklabels: false }),
          ...shared,
          ...named(options.rows),
          domain: domains.y,
          anchor: names.xaxis,
          ...(isMatrix && { autorange: 'reversed' }),
          ...(index > 0 && { matches: 'y' }),
        },
      ],
    ] as [string, Partial<LayoutAxis>][],
    heading: title
      ? caption(title, {
          x: (domains.x[0]! + domains.x[1]!) / 2,
          y: domains.y[1]!,
          xref: 'paper',
          yref: 'paper',
          xanchor: 'center',
        })
      : undefined,
  };
}

/** Text labels are categories, also where they look like numbers; all of them are written while there is room. */
function named(labels: readonly string[] | Numbers | undefined): Partial<LayoutAxis> {
  return typeof labels?.[0] === 'string'
    ? { type: 'category', ...(labels.length <= 40 && { dtick: 1 }) }
    : {};
}

/** Where the `index`-th of `count` panels lies between 0 and 1, with a gap between neighbours. */
function slot(index: number, count: number, gap: number): number[] {
  const width = (1 - gap * (count - 1)) / count;
  return [index * (width + gap), index * (width + gap) + width];
}
