import type { Annotations, Config, Data, Layout, LayoutAxis, PlotData, Shape } from 'plotly.js';
import { faint, font, grey, ink } from './look';
import { describe } from './numbers';

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
export type Trace = Partial<PlotData>;

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
    ...headroom(data, title, given),
    ...given,
    ...axes(given),
  };
  if (references.length > 0) Object.assign(layout, marked(layout, references));
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

const titleHeight = 40;
const legendRowHeight = 22;

/**
 * Title, legend and the space above the plot that they need. A short legend is a row between title and plot, where it
 * covers no data; a long one is a column on the right.
 */
function headroom(data: readonly Data[], title: string | undefined, given: Partial<Layout>): Partial<Layout> {
  const names = legendNames(data);
  const showlegend = given.showlegend ?? names.length > 1;
  const beside = names.length > 6;
  const legendTitle = given.legend?.title?.text;
  const rows = showlegend && !beside ? legendRows(names, legendTitle) : 0;
  const top = (title ? titleHeight : 0) + rows * legendRowHeight + 16;
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
    legend: {
      ...(beside
        ? { orientation: 'v' as const, x: 1.02, xanchor: 'left' as const, y: 1, yanchor: 'top' as const }
        : { orientation: 'h' as const, x: 0, xanchor: 'left' as const, y: 1.01, yanchor: 'bottom' as const }),
      font: { size: 13 },
      ...given.legend,
    },
  };
}

/** Rows of a horizontal legend in a figure of 640 pixels: plotly sets several rows in columns as wide as the widest entry. */
function legendRows(names: readonly string[], title: string | undefined): number {
  const widths = names.map((name) => 50 + 7.5 * name.replace(/<[^>]*>/g, '').length);
  const available = 540 - (title ? 10 + 7.5 * title.length : 0);
  if (widths.reduce((sum, width) => sum + width, 0) <= available) return 1;
  return Math.ceil(names.length / Math.max(1, Math.floor(available / Math.max(...widths))));
}

const axisLook: Partial<LayoutAxis> = {
  automargin: true,
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
      return [name, { ...axisLook, ...own, ...(own.title && { title: { standoff: 10, ...own.title } }) }];
    }),
  );
}

function marked(layout: Partial<Layout>, references: readonly Reference[]): Partial<Layout> {
  const shapes = references.map((reference): Partial<Shape> => {
    const across = reference.y !== undefined;
    const at = across ? reference.y : reference.x;
    if (!Number.isFinite(at))
      throw new RangeError(`The reference line "${reference.label}" must be at a finite number, got ${at}.`);
    return {
      type: 'line',
      layer: 'below',
      ...(across
        ? { xref: 'paper', x0: 0, x1: 1, yref: 'y', y0: at, y1: at }
        : { xref: 'x', x0: at, x1: at, yref: 'paper', y0: 0, y1: 1 }),
      line: { color: grey, width: 1.5, dash: 'dot' },
      label: {
        text: reference.label,
        textposition: 'end',
        font: { size: 12, color: grey },
        ...(across && { yanchor: 'bottom' }),
      },
    };
  });
  return { shapes: [...(layout.shapes ?? []), ...shapes] };
}

function sharedConfig(name: string): Partial<Config> {
  return {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
    toImageButtonOptions: { format: 'svg', filename: slug(name), width: 900, height: 500 },
  };
}

/** A heading above a panel or a tile, in the coordinates of its axes. */
export function caption(text: string, position: Partial<Annotations>): Partial<Annotations> {
  return { text, showarrow: false, yanchor: 'bottom', font: { size: 13, color: ink }, ...position };
}
