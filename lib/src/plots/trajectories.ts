import { axisOptions, axisTitle, plotlyAxis, type AxisOptions } from './axis';
import { figure, type Figure, type FigureOptions, type Trace } from './figure';
import { backdropScale, ink, seriesLook } from './look';
import { compact, describe, extent, requireSome, type Numbers } from './numbers';
import { logLevels, quantile } from './statistics';

/** A point of the plane: `[x, y]`. */
export type Point = ArrayLike<number>;

export interface Trajectory {
  name: string;
  /** The iterates, the starting point first. */
  points: readonly Point[];
  /** Index of colour, dash and marker; default: the position in `paths`. */
  look?: number;
}

export interface TrajectoriesOptions extends FigureOptions {
  /** The function that is minimised. */
  f: (x: number, y: number) => number;
  x: AxisOptions & { range: readonly [number, number] };
  y: AxisOptions & { range: readonly [number, number] };
  paths: readonly Trajectory[];
  /** Where the minimum is; marked by a star. */
  minimum?: readonly [number, number];
  /** Smallest value of f, from which the levels are counted; default 0. */
  infimum?: number;
  /** Number of contour levels; default 12. */
  levels?: number;
  /** One unit is as long on both axes; default false. */
  equalScale?: boolean;
}

const gridPoints = 81;

/**
 * Paths of optimizers over the contours of a function of two variables; the levels are logarithmic, so that a narrow
 * valley shows. A circle marks each start, a filled marker each end; points outside the axes are cut off.
 *
 * @throws RangeError for no path, an empty path, one that is never finite, or a function without a value above `infimum`.
 *
 * @example
 * trajectories({
 *   f: (x, y) => (x ** 2 + 25 * y ** 2) / 2, minimum: [0, 0],
 *   x: { title: 'θ₁', range: [-2, 2] }, y: { title: 'θ₂', range: [-1, 1] },
 *   paths: [{ name: 'Lion', points: [[-1.8, 0.8], [-1.7, 0.7]] }],
 *   alt: 'Lion walks diagonally to the valley floor and then along it.',
 * })
 */
export function trajectories(options: TrajectoriesOptions): Figure {
  requireSome('trajectories: paths', options.paths);
  const x = axisOptions('trajectories: x', options.x);
  const y = axisOptions('trajectories: y', options.y);
  const paths = options.paths.map((path) => coordinates(path));
  return figure({
    height: 480,
    ...options,
    data: [
      landscape(options),
      ...(options.minimum ? [star(options.minimum)] : []),
      ...options.paths.map((path, i) => pathTrace(path, i, paths[i]!, options)),
      ...options.paths.map((path, i) => ends(path, i, paths[i]!)),
    ],
    layout: {
      showlegend: true,
      xaxis: { ...plotlyAxis(x), showgrid: false, constrain: 'domain' },
      yaxis: {
        ...plotlyAxis(y),
        showgrid: false,
        constrain: 'domain',
        ...(options.equalScale && { scaleanchor: 'x', scaleratio: 1 }),
      },
    },
  });
}

function coordinates({ name, points }: Trajectory): [x: Float64Array, y: Float64Array] {
  const what = `trajectories: path "${name}"`;
  requireSome(what, points);
  const x = new Float64Array(points.length);
  const y = new Float64Array(points.length);
  points.forEach((point, i) => {
    if (point?.length !== 2 || typeof point[0] !== 'number' || typeof point[1] !== 'number') {
      throw new TypeError(`${what}: point ${i} must be a pair of numbers [x, y], got ${describe(point)}.`);
    }
    x[i] = point[0];
    y[i] = point[1];
  });
  if (!(Number.isFinite(x[0]) && Number.isFinite(y[0]))) {
    throw new RangeError(`${what} must start at a finite point, got [${x[0]}, ${y[0]}].`);
  }
  return [x, y];
}

function landscape({ f, x, y, infimum = 0, levels: count = 12 }: TrajectoriesOptions): Trace {
  const xs = gridOver(x);
  const ys = gridOver(y);
  const rows = ys.map((v) => xs.map((u) => f(u, v) - infimum));
  const values = rows.flat().filter((value) => value > 0);
  // Next to the minimum the logarithm falls without end: levels for its last few grid points would crowd out the others.
  const floor = values.length > 0 ? quantile(values, 0.005) : 0;
  const levels = logLevels(
    values.filter((value) => value >= floor),
    count,
  );
  const [low, high] = extent(levels.map(Math.log10));
  const ticks = decadesBetween(low, high);
  return {
    type: 'contour',
    x: compact(xs, 5),
    y: compact(ys, 5),
    z: rows.map((row) =>
      compact(
        row.map((value) => Math.max(Math.log10(value), low - 1)),
        4,
      ),
    ),
    autocontour: false,
    contours: { start: low, end: high, size: (high - low) / (count - 1), coloring: 'fill' },
    line: { width: 0.75, color: '#9AA8B5' },
    colorscale: backdropScale,
    zmin: low,
    zmax: high,
    hoverinfo: 'skip',
    showlegend: false,
    colorbar: {
      title: { text: infimum === 0 ? 'f' : `f − (${infimum})`, side: 'top', font: { size: 14 } },
      thickness: 12,
      tickvals: ticks,
      ticktext: ticks.map((exponent) => `10<sup>${exponent}</sup>`),
      outlinewidth: 0,
    },
  };
}

function gridOver({ range: [low, high] }: { range: readonly [number, number] }): number[] {
  return Array.from({ length: gridPoints }, (_, i) => low + ((high - low) * i) / (gridPoints - 1));
}

function decadesBetween(low: number, high: number): number[] {
  const first = Math.ceil(low);
  return Array.from({ length: Math.max(0, Math.floor(high) - first + 1) }, (_, i) => first + i);
}

function pathTrace(
  path: Trajectory,
  index: number,
  [x, y]: [Numbers, Numbers],
  options: TrajectoriesOptions,
): Trace {
  const { color, dash } = seriesLook(path.look ?? index);
  const values = Array.from(x, (u, step) => options.f(u, y[step]!));
  return {
    type: 'scatter',
    mode: 'lines',
    name: path.name,
    legendgroup: path.name,
    showlegend: false,
    x: compact(x, 5),
    y: compact(y, 5),
    customdata: compact(values, 4),
    hovertemplate:
      `step %{pointNumber}<br>${axisTitle(options.x)} %{x:.4~g}<br>${axisTitle(options.y)} %{y:.4~g}` +
      `<br>f %{customdata:.4~g}<extra>${path.name}</extra>`,
    line: { color, dash, width: 2.25 },
  };
}

/** Start and end of a path; carries the legend entry, so that the legend shows the marker and the dash together. */
function ends(path: Trajectory, index: number, [x, y]: [Float64Array, Float64Array]): Trace {
  const { color, dash, symbol } = seriesLook(path.look ?? index);
  const last = x.findLastIndex((u, step) => Number.isFinite(u) && Number.isFinite(y[step]));
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: path.name,
    legendgroup: path.name,
    hoverinfo: 'skip',
    x: compact([x[last]!, NaN, x[0]!]),
    y: compact([y[last]!, NaN, y[0]!]),
    line: { color, dash, width: 2.25 },
    marker: {
      color: [color, color, '#FFFFFF'],
      symbol: [symbol, symbol, 'circle'],
      size: [11, 11, 9],
      opacity: 1,
      line: { color: ['#FFFFFF', color, ink], width: [1, 0, 2] },
    },
  };
}

function star([x, y]: readonly [number, number]): Trace {
  return {
    type: 'scatter',
    mode: 'markers',
    name: 'minimum',
    x: [x],
    y: [y],
    hovertemplate: 'minimum<br>%{x:.4~g}, %{y:.4~g}<extra></extra>',
    marker: { symbol: 'star', size: 14, color: '#F0E442', line: { color: ink, width: 1.25 } },
  };
}
