import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { imageGrid, type ImageGridOptions } from '../../src/plots';
import { expectSoundFigure, traces } from './traces';

const alt = 'Three pictures of two by one pixels.';
const images = [Float32Array.of(0, 1), [0.5, 2], [-1, NaN]];
const grid = (options: Partial<ImageGridOptions> = {}) =>
  imageGrid({ images, width: 2, pixelRows: 1, columns: 2, gap: 1, alt, ...options });

/** Grey and opacity of every pixel of a PNG without filters, row by row. */
function decode(uri: string): { width: number; height: number; pixels: number[][] } {
  const file = Buffer.from(uri.replace('data:image/png;base64,', ''), 'base64');
  expect(file.subarray(1, 4).toString()).toBe('PNG');
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  const length = file.readUInt32BE(33);
  expect(file.subarray(37, 41).toString()).toBe('IDAT');
  const scanlines = inflateSync(file.subarray(41, 41 + length));
  const pixels: number[][] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = row * (2 * width + 1) + 1 + 2 * column;
      pixels.push([scanlines[at]!, scanlines[at + 1]!]);
    }
  }
  return { width, height, pixels };
}

const clear = [0, 0];
const [black, white, half] = [
  [0, 255],
  [255, 255],
  [128, 255],
];

describe('imageGrid', () => {
  it('sets the pictures side by side, clips values and leaves gaps transparent', () => {
    const figure = grid();
    expectSoundFigure(figure);
    const { width, height, pixels } = decode(traces(figure)[0]!.source);
    expect([width, height]).toEqual([5, 3]);
    expect(pixels).toEqual([
      ...[black, white, clear, half, white],
      ...[clear, clear, clear, clear, clear],
      ...[black, clear, clear, clear, clear],
    ]);
  });

  it('maps the range to black and white, also swapped', () => {
    const { pixels } = decode(traces(grid({ images: [[10, 20]], range: [20, 10] }))[0]!.source);
    expect(pixels).toEqual([white, black]);
  });

  it('labels pictures and rows', () => {
    const figure = grid({ labels: ['a', 'b', 'c'], rowLabels: ['top', 'bottom'] });
    expect(figure.layout.annotations?.map(({ text, x }) => [text, x])).toEqual([
      ['a', 0.5],
      ['b', 3.5],
      ['c', 0.5],
    ]);
    expect(figure.layout.yaxis?.ticktext).toEqual(['top', 'bottom']);
  });

  it('has checksums that a decoder accepts', () => {
    // The IEND chunk is the same in every PNG; its checksum is known.
    const file = Buffer.from(traces(grid())[0]!.source.split(',')[1]!, 'base64');
    expect(file.subarray(-8).toString('hex')).toBe('49454e44ae426082');
  });

  it.each([
    ['no images', { images: [] }, /images is empty/],
    ['an image of another size', { images: [[1, 2], [1]] }, /image 1 must have 2 × 1 = 2 values, got 1/],
    ['a range of one value', { range: [1, 1] }, /two different finite numbers, got \[1, 1\]/],
    ['too few labels', { labels: ['a'] }, /labels has 1 elements and images has 3/],
    ['too many row labels', { rowLabels: ['a', 'b', 'c'] }, /3 row labels do not match 2 rows of 2 images/],
    ['half a column', { columns: 1.5 }, /columns must be a positive integer, got 1.5/],
  ] as [string, Partial<ImageGridOptions>, RegExp][])('refuses %s', (_, options, message) => {
    expect(() => grid(options)).toThrow(message);
  });
});
