import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dataFolder, DataError, loadMnist, parseIdx } from '../../src/data';

const idx = (sizes: number[], values: number[], type = 8) => {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt8(type, 2);
  header.writeUInt8(sizes.length, 3);
  sizes.forEach((size, axis) => header.writeUInt32BE(size, 4 + 4 * axis));
  return Buffer.concat([header, Buffer.from(values)]);
};

describe('parseIdx', () => {
  it('reads sizes and values', () => {
    expect(parseIdx(idx([2, 1, 3], [1, 2, 3, 4, 5, 255]), 3, 'images')).toEqual({
      shape: [2, 1, 3],
      values: Buffer.from([1, 2, 3, 4, 5, 255]),
    });
  });

  it('names what is wrong with a cut, a long and a foreign file', () => {
    expect(() => parseIdx(idx([4], [1, 2, 3]), 1, 'labels')).toThrow('labels announces 4 = 4 values, but 3 follow: it is cut.');
    expect(() => parseIdx(idx([2], [1, 2, 3]), 1, 'labels')).toThrow('it is damaged');
    expect(() => parseIdx(idx([2], [1, 2]).subarray(0, 6), 1, 'labels')).toThrow('labels has 6 bytes');
    expect(() => parseIdx(idx([2], [1, 2]), 3, 'images')).toThrow(DataError);
    expect(() => parseIdx(idx([2], [1, 2], 0x0d), 1, 'labels')).toThrow('begins with 0x00000d01');
  });
});

describe('files of the data folder', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('gives a remedy for a missing folder and for a file that is no gzip', () => {
    const folder = mkdtempSync(join(tmpdir(), 'liandan-data-'));
    vi.stubEnv('LIANDAN_DATA', folder);
    expect(dataFolder()).toBe(folder);
    expect(() => loadMnist()).toThrow('set LIANDAN_DATA to that folder');
    const file = join(folder, 'mnist10k-train-images-idx3-ubyte.gz');
    writeFileSync(file, gzipSync(idx([1, 1, 1], [0])).subarray(0, 12));
    expect(() => loadMnist()).toThrow(/is damaged .*git checkout -- data\/mnist10k-train-images-idx3-ubyte.gz/);
  });

  it('refuses images and labels that do not belong together', () => {
    const folder = mkdtempSync(join(tmpdir(), 'liandan-data-'));
    vi.stubEnv('LIANDAN_DATA', folder);
    const write = (name: string, content: Buffer) => writeFileSync(join(folder, name), gzipSync(content));
    write('mnist10k-train-images-idx3-ubyte.gz', idx([2, 1, 1], [7, 8]));
    write('mnist10k-train-labels-idx1-ubyte.gz', idx([1], [3]));
    expect(() => loadMnist()).toThrow('holds 2 images, but mnist10k-train-labels-idx1-ubyte.gz 1 labels');
    write('mnist10k-train-labels-idx1-ubyte.gz', idx([2], [3, 10]));
    expect(() => loadMnist()).toThrow('holds the label 10, but labels are 0 … 9');
  });
});
