import { caption, figure, type Figure, type FigureOptions, type Trace } from './figure';
import { compact, describe, requireSameLength, requireSome, type Numbers } from './numbers';
import { pngDataUri } from './png';

export interface ImageGridOptions extends FigureOptions {
  /** Pixels of each picture, row by row, `width · height` numbers. */
  images: readonly Numbers[];
  /** Width of one picture in pixels; default 28 (MNIST). */
  width?: number;
  /** Height of one picture in pixels; default the width. */
  pixelRows?: number;
  /** Pictures in a row; default: as many as give a grid twice as wide as high. */
  columns?: number;
  /** Values shown as black and as white; default [0, 1]. Swap them for dark strokes on white. */
  range?: readonly [black: number, white: number];
  /** One text above each picture, e.g. the predicted class; default none. */
  labels?: readonly string[];
  /** One text to the left of each row of pictures; default none. */
  rowLabels?: readonly string[];
  /** Pixels of the pictures between neighbours; default 2, or enough for the labels. */
  gap?: number;
}

/**
 * Grey-scale pictures in a grid, with crisp pixels. Values outside `range` are clipped; a pixel that is not finite is
 * transparent. The figure holds one PNG, not the numbers.
 *
 * @throws RangeError for no image, an image of another size, a range of two equal numbers, or labels that do not match.
 *
 * @example
 * imageGrid({ images: digits, labels: classes.map(String), alt: 'The first 20 digits of the test set with their classes.' })
 */
export function imageGrid(options: ImageGridOptions): Figure {
  const { images, width = 28, range = [0, 1], labels, rowLabels } = options;
  const height = options.pixelRows ?? width;
  requireSome('imageGrid: images', images);
  const columns = Math.min(options.columns ?? Math.ceil(Math.sqrt(2 * images.length)), images.length);
  const rows = Math.ceil(images.length / columns);
  checkGrid(options, { width, height, columns, rows });
  const gap = options.gap ?? 2;
  const above = labels ? Math.ceil(height * 0.45) : gap;
  const cell = { width: width + gap, height: height + above };
  const mosaic = { width: columns * cell.width - gap, height: rows * cell.height - (labels ? 0 : gap) };

  const pixels = new Uint8Array(2 * mosaic.width * mosaic.height);
  const corner = (i: number): [left: number, top: number] => [
    (i % columns) * cell.width,
    Math.floor(i / columns) * cell.height + (labels ? above : 0),
  ];
  images.forEach((image, i) => paint(pixels, mosaic.width, corner(i), grey(image, range), width));

  const tallest = 760 * (mosaic.height / mosaic.width);
  const hidden = { showgrid: false, showline: false, tickcolor: 'white', constrain: 'domain' as const };
  return figure({
    height: Math.round(Math.min(640, Math.max(120, tallest)) + (options.title ? 56 : 24)),
    ...options,
    data: [
      {
        type: 'image',
        source: pngDataUri(pixels, mosaic.width, mosaic.height),
        zsmooth: false,
        hoverinfo: 'skip',
      } as Trace,
    ],
    layout: {
      margin: { t: options.title ? 44 : 12, r: 12, b: 12, l: 12 },
      xaxis: { ...hidden, showticklabels: false, range: [-0.5, mosaic.width - 0.5] },
      yaxis: {
        ...hidden,
        range: [mosaic.height - 0.5, -0.5],
        scaleanchor: 'x',
        showticklabels: rowLabels !== undefined,
        ...(rowLabels && {
          tickvals: compact(rowLabels.map((_, row) => corner(row * columns)[1] + (height - 1) / 2)),
          ticktext: [...rowLabels],
        }),
      },
      annotations: (labels ?? []).map((text, i) => {
        const [left, top] = corner(i);
        return caption(text, {
          x: left + (width - 1) / 2,
          y: top - 0.5,
          xref: 'x',
          yref: 'y',
          xanchor: 'center',
        });
      }),
    },
  });
}

interface Grid {
  width: number;
  height: number;
  columns: number;
  rows: number;
}

function checkGrid({ images, range = [0, 1], labels, rowLabels }: ImageGridOptions, grid: Grid): void {
  for (const [name, value] of Object.entries(grid)) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`imageGrid: ${name} must be a positive integer, got ${value}.`);
  }
  images.forEach((image, i) => {
    if (image?.length !== grid.width * grid.height) {
      throw new RangeError(
        `imageGrid: image ${i} must have ${grid.width} × ${grid.height} = ${grid.width * grid.height} values, got ${describe(image?.length)}.`,
      );
    }
  });
  if (!Number.isFinite(range[0]) || !Number.isFinite(range[1]) || range[0] === range[1]) {
    throw new RangeError(
      `imageGrid: the range must be two different finite numbers, got [${range[0]}, ${range[1]}].`,
    );
  }
  if (labels) requireSameLength('imageGrid', ['labels', labels], ['images', images]);
  if (rowLabels && rowLabels.length !== grid.rows) {
    throw new RangeError(
      `imageGrid: ${rowLabels.length} row labels do not match ${grid.rows} rows of ${grid.columns} images.`,
    );
  }
}

/** Grey and opacity of each pixel. */
function grey(image: Numbers, [black, white]: readonly [number, number]): [grey: number, opacity: number][] {
  return Array.from(image, (value) => {
    if (!Number.isFinite(value)) return [0, 0];
    return [Math.round(255 * Math.min(1, Math.max(0, (value - black) / (white - black)))), 255];
  });
}

function paint(
  pixels: Uint8Array,
  stride: number,
  [left, top]: [number, number],
  image: readonly [number, number][],
  width: number,
): void {
  image.forEach((pixel, k) => {
    const position = (top + Math.floor(k / width)) * stride + left + (k % width);
    pixels.set(pixel, 2 * position);
  });
}
