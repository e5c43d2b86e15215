import { axisOptions, axisTitle, plotlyAxis, type AxisOptions } from './axis';
import { figure, type Figure, type FigureOptions, type Reference, type Trace } from './figure';
import { seriesLook } from './look';
import { compact, requireDrawable, requireSameLength, requireSome, type Numbers } from './numbers';

export interface ScatterSeries {
  name: string;
  x: Numbers;
  y: Numbers;
  /** What the pointer shows at each point, e.g. the token; default none. */
  labels?: readonly string[];
  /** Index of colour and marker; default: the position in `series`. */
  look?: number;
}

export interface ScatterOptions extends FigureOptions {
  series: readonly ScatterSeries[];
  x: AxisOptions | string;
  y: AxisOptions | string;
  /** Diameter of a marker in pixels; default: smaller the more points there are, 9 to 5. */
  size?: number;
  /** One unit is as long on both axes; default false. */
  equalScale?: boolean;
  references?: readonly Reference[];
}

/**
 * Points of one or more groups, on linear or logarithmic axes.
 *
 * @throws RangeError for no series, an empty one, one without a drawable value, or lengths that differ.
 *
 * @example
 * scatter({ series: [{ name: 'Tiger', x: tokenCounts, y: largestOfRow }],
 *           x: { title: 'occurrences of the token', log: true }, y: { title: 'largest |component| of its row', log: true },
 *           alt: 'The rarer the token, the larger its embedding: rows of rare tokens reach 100.' })
 */
export function scatter(options: ScatterOptions): Figure {
  const { series } = options;
  requireSome('scatter: series', series);
  const x = axisOptions('scatter: x', options.x);
  const y = axisOptions('scatter: y', options.y);
  const points = series.reduce((sum, one) => sum + one.x.length, 0);
  const size = options.size ?? (points > 1000 ? 5 : points > 200 ? 7 : 9);
  const sameScale = {
    constrain: 'domain' as const,
    ...(options.equalScale && { scaleanchor: 'x' as const, scaleratio: 1 }),
  };
  return figure({
    height: options.equalScale ? 520 : 420,
    ...options,
    data: series.map((one, i) => {
      const what = `scatter: series "${one.name}"`;
      requireDrawable(`${what}: x`, one.x, { positive: x.log });
      requireDrawable(`${what}: y`, one.y, { positive: y.log });
      requireSameLength(what, ['x', one.x], ['y', one.y]);
      if (one.labels) requireSameLength(what, ['labels', one.labels], ['x', one.x]);
      const { color, symbol } = seriesLook(one.look ?? i);
      const trace: Trace = {
        type: 'scatter',
        mode: 'markers',
        name: one.name,
        x: compact(one.x),
        y: compact(one.y),
        marker: {
          color,
          symbol,
          size,
          opacity: points > 200 ? 0.7 : 1,
          line: { color: '#FFFFFF', width: size > 6 ? 0.75 : 0 },
        },
        ...(one.labels && { hovertext: [...one.labels] }),
        hovertemplate:
          (one.labels ? '%{hovertext}<br>' : '') +
          `${axisTitle(x)} %{x:.4~g}<br>${axisTitle(y)} %{y:.4~g}<extra>${one.name}</extra>`,
      };
      return trace;
    }),
    layout: {
      // The legend shows markers at one size, however small they are in the plot.
      legend: { itemsizing: 'constant' },
      xaxis: { ...plotlyAxis(x, ...series.map((one) => one.x)), constrain: 'domain' },
      yaxis: {
        ...plotlyAxis(y, ...series.map((one) => one.y)),
        ...sameScale,
      },
    },
  });
}
