import { checkedAlt, slug, type Figure } from '../plots/figure';
import { display, type DisplayOptions, type MimeBundle } from './kernel';

export interface ShowOptions {
  /** Identifier of the figure in reports; default: from its title or, without one, its text alternative. */
  id?: string;
}

/**
 * Shows a figure in the notebook; outside a notebook its text alternative is printed.
 *
 * @throws TypeError or RangeError if the figure holds no data or lacks a text alternative.
 *
 * @example
 * show(lineChart({ … }));
 */
export function show(figure: Figure, { id }: ShowOptions = {}): void {
  const { data, metadata } = figureOutput(figure, id);
  display(data, { metadata });
}

/** The output that shows a figure. */
export function figureOutput(
  figure: Figure,
  id?: string,
): { data: MimeBundle; metadata: DisplayOptions['metadata'] } {
  if (!Array.isArray(figure?.data) || figure.data.length === 0) {
    throw new TypeError(
      'show expects a figure with at least one trace in data, as lineChart, bars, … and figure() make it.',
    );
  }
  const { data, layout = {}, config = { responsive: true } } = figure;
  const alt = checkedAlt(figure.alt);
  return {
    data: { 'application/vnd.plotly.v1+json': { data, layout, config }, 'text/plain': alt },
    metadata: { liandan: { figure: id ?? uniqueId(layout.title?.text ?? alt, alt), alt } },
  };
}

const altOfId = new Map<string, string>();

/** The same figure keeps its identifier when its cell runs again; another figure of that name gets a number. */
function uniqueId(name: string, alt: string): string {
  const base = `figure-${slug(name)}`;
  for (let n = 1; ; n++) {
    const id = n === 1 ? base : `${base}-${n}`;
    const known = altOfId.get(id);
    if (known === undefined || known === alt) {
      altOfId.set(id, alt);
      return id;
    }
  }
}
