import type { Annotations, Config, Data, Layout, LayoutAxis, Legend, PlotData, Shape } from 'plotly.js';
import { faint, font, grey, ink } from './look';
import { describe, extent } from './numbers';
import type { Band } from './statistics';

/** A figure as data: what plotly.js draws, and what it says in words. JSON-serialisable. */
export interface Figure {
  data: Data[];
  layout: Partial<Layout>;
  /** What the figure shows, for readers who cannot see it; at least 20 characters. */
  alt: string;
  config?: Partial<Config>;
}

/** What every kind of figure takes. */
export interface FigureOptions {
  /** What the figure shows, with its result, for readers who cannot see it; at least 20 characters. */
  alt: string;
  /** Heading inside the figure; default none. */
  title?: string;
  /** Height in pixels; default 420. The width follows the page. */
  height?: number;
}

/** A trace of one of the kinds that this library draws. */
export interface Trace extends Partial<PlotData> {
  // Attributes that the type declarations lack.
  offsetgroup?: string;
  source?: string;
}

/** A labelled line across the plot: horizontal at `y`, or vertical at `x`. */
export type Reference = { label: string } & ({ y: number; x?: undefined } | { x: number; y?: undefined });

/** Fewest characters of a text alternative that can say anything. */
export const shortestAlt = 20;

/**
 * Any plotly.js figure in the shared look. The chart functions call it; call it for a kind of plot that has no function here.
 *
 * @throws TypeError without a text alternative; RangeError where it is too short.
 *
 * @example
 * figure({ data: [{ type: 'box', y: losses, name: 'Lion' }], layout: { yaxis: { title: { text: 'loss (nats)' } } },
 *          alt: 'Box plot of the final training loss of Lion over ten seeds.' })
 */
export function figure(
  options: FigureOptions & { data: Data[]; layout?: Partial<Layout>; references?: readonly Reference[] },
): Figure {
  const { data, title, height = 420, references = [] } = options;
  const alt = checkedAlt(options.alt);
  const given = options.layout ?? {};
  const layout: Partial<Layout> = {
    autosize: true,
    height,
    font,
    paper_bgcolor: 'white',
    plot_bgcolor: 'white',
    hovermode: 'closest',
    hoverlabel: { font: { family: font.family, size: 13 }, namelength: -1 },
    ...given,
    ...headroom(data, title, given),
    ...axes(given),
  };
  // Without a legend its settings are left out: they would be unknown to plotly's validation.
  if (!layout.showlegend) delete layout.legend;
  if (references.length > 0) Object.assign(layout, marked(data, layout, references));
  return { data, layout, alt, config: sharedConfig(title ?? alt) };
}

/** The text alternative without surrounding blanks; throws where it is missing or says nothing. */
export function checkedAlt(alt: unknown): string {
  if (typeof alt !== 'string') {
    throw new TypeError(
      `A figure needs a text alternative: give alt, a sentence that says what the figure shows, got ${describe(alt)}.`,
    );
  }
  const text = alt.trim();
  if (text.length < shortestAlt) {
    throw new RangeError(
      `The text alternative must say what the figure shows in at least ${shortestAlt} characters, got ${JSON.stringify(alt)}.`,
    );
  }
  return text;
}

/** Lower-case words joined by hyphens, at most 48 characters: for file names and identifiers. */
export function slug(text: string): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]+/gu, '-');
  return words.slice(0, 48).replace(/^-+|-+$/g, '') || 'figure';
}

/** Names of the traces in the legend. */
function legendNames(data: readonly Data[]): string[] {
  return data.flatMap((trace) => {
    const { name, showlegend } = trace as Trace;
    return name === undefined || showlegend === false ? [] : [name];
  });
}

const titleHeight = 36;
/** Without a title the tool bar gets a row of its own, so that it covers neither legend nor plot. */
const toolsHeight = 28;
const legendRowHeight = 22;

/**
 * Title, legend and the space above the plot that they need. A short legend is a row between title and plot, where it
 * covers no data; a long one is a column on the right.
 */
function headroom(data: readonly Data[], title: string | undefined, given: Partial<Layout>): Partial<Layout> {
  const names = legendNames(data);
  const showlegend = given.showlegend ?? names.length > 1;
  const beside = names.length > 6;
  const rows = showlegend && !beside ? legendRows(names) : 0;
  const top = (title ? titleHeight : toolsHeight) + rows * legendRowHeight + 16;
  return {
    showlegend,
    margin: { t: top, r: 24, b: 56, l: 64, ...given.margin },
    ...(title && {
      title: {
        text: title,
        font: { size: 16, color: ink },
        x: 0,
        xanchor: 'left' as const,
        y: 1,
        yanchor: 'top' as const,
        yref: 'container' as const,
        pad: { t: 12, l: 12 },
      },
    }),
    ...(showlegend && {
      legend: {
        ...(beside ? besidePlot : abovePlot),
        font: { size: 13 },
        ...given.legend,
      },
    }),
  };
}

/** The title of an axis with a second line that says what the shading or the whiskers mean. */
export function titleWithSeeds(title: string, band: Band, seeds: number): string {
  const note = `<span style="font-size:12px;color:${grey}">${bandWords[band]} of ${seeds} seeds</span>`;
  return title ? `${title}<br>${note}` : note;
}

const bandWords: Readonly<Record<Band, string>> = {
  range: 'mean and range',
  deviation: 'mean ± standard deviation',
  quartiles: 'median and quartiles',
};

const abovePlot: Partial<Legend> = { orientation: 'h', x: 0, xanchor: 'left', y: 1.01, yanchor: 'bottom' };
const besidePlot: Partial<Legend> = { orientation: 'v', x: 1.02, xanchor: 'left', y: 1, yanchor: 'top' };

/**
 * Rows of a horizontal legend in a figure of 600 pixels (on a wider page one row may stay empty): entries that do not fit in one row are set in columns as wide as
 * the widest of them.
 */
function legendRows(names: readonly string[]): number {
  const available = 510;
  const widths = names.map((name) => 46 + 6.7 * name.replace(/<[^>]*>/g, '').length);
  const isOneRow = widths.reduce((sum, width) => sum + width, 0) <= available;
  const perRow = isOneRow ? names.length : Math.max(1, Math.floor(available / Math.max(...widths)));
  return Math.ceil(names.length / perRow);
}

const axisLook: Partial<LayoutAxis> = {
  automargin: true,
  tickfont: { size: 13 },
  showline: true,
  linecolor: ink,
  ticks: 'outside',
  tickcolor: ink,
  ticklen: 5,
  gridcolor: faint,
  zeroline: false,
  exponentformat: 'power',
  hoverformat: '.4~g',
};

function axes(given: Partial<Layout>): Partial<Layout> {
  const named = Object.entries({ xaxis: {}, yaxis: {}, ...given }).filter(([name]) =>
    /^[xy]axis\d*$/.test(name),
  );
  return Object.fromEntries(
    named.map(([name, axis]) => {
      const own = axis as Partial<LayoutAxis>;
      const { gridcolor, ...look } = axisLook;
      return [
        name,
        {
          ...look,
          ...(own.showgrid !== false && { gridcolor }),
          ...own,
          ...(own.title && { title: { standoff: 10, font: { size: 14 }, ...own.title } }),
        },
      ];
    }),
  );
}

function marked(
  data: readonly Data[],
  layout: Partial<Layout>,
  references: readonly Reference[],
): Partial<Layout> {
  const shapes = references.map(({ x, y, label }): Partial<Shape> => {
    const at = y ?? x;
    if (at === undefined || !Number.isFinite(at)) {
      throw new RangeError(`The reference line "${label}" must be at a finite x or y, got ${describe(at)}.`);
    }
    const line = { color: grey, width: 1.5, dash: 'dot' as const };
    const text = { text: label, font: { size: 12, color: grey }, textposition: 'end' as const };
    if (y !== undefined) {
      const across = { xref: 'paper' as const, x0: 0, x1: 1, yref: 'y' as const, y0: at, y1: at };
      return { type: 'line', layer: 'below', ...across, line, label: { ...text, yanchor: 'bottom' } };
    }
    const upright = { xref: 'x' as const, x0: at, x1: at, yref: 'paper' as const, y0: 0, y1: 1 };
    // The text stands on the side of its line where there is more room.
    const xanchor = isInRightHalf(at, data, layout.xaxis) ? 'right' : 'left';
    return {
      type: 'line',
      layer: 'below',
      ...upright,
      line,
      label: { ...text, textangle: 0, yanchor: 'top', xanchor },
    };
  });
  return { shapes: [...(layout.shapes ?? []), ...shapes] };
}

function isInRightHalf(at: number, data: readonly Data[], axis: Partial<LayoutAxis> = {}): boolean {
  const position = (value: number): number => (axis.type === 'log' ? Math.log10(value) : value);
  const isShown = (value: number): boolean => Number.isFinite(value) && Number.isFinite(position(value));
  const all = data
    .flatMap((trace) => (trace as { x?: (number | null)[] }).x ?? [])
    .map((value) => value ?? NaN);
  const [low, high] = (axis.range as [number, number] | undefined) ?? extent(all, isShown).map(position);
  return position(at) > (low! + high!) / 2;
}

function sharedConfig(name: string): Partial<Config> {
  return {
    responsive: true,
    displaylogo: false,
    showSendToCloud: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
    toImageButtonOptions: { format: 'svg', filename: slug(name), width: 900, height: 500 },
  };
}

/** A heading above a panel or a tile, in the coordinates of its axes. */
export function caption(text: string, position: Partial<Annotations>): Partial<Annotations> {
  return { text, showarrow: false, yanchor: 'bottom', font: { size: 13, color: ink }, ...position };
}
