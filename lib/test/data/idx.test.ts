import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
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
  const folders: string[] = [];
  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'liandan-data-'));
    folders.push(folder);
    return folder;
  };
  afterEach(() => vi.unstubAllEnvs());
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  it('gives a remedy for a missing folder and for a file that is no gzip', () => {
    const folder = newFolder();
    vi.stubEnv('LIANDAN_DATA', folder);
    expect(dataFolder()).toBe(folder);
    expect(() => loadMnist()).toThrow('set LIANDAN_DATA to that folder');
    const file = join(folder, 'mnist10k-train-images-idx3-ubyte.gz');
    writeFileSync(file, gzipSync(idx([1, 1, 1], [0])).subarray(0, 12));
    expect(() => loadMnist()).toThrow(/is damaged .*git checkout -- data\/mnist10k-train-images-idx3-ubyte.gz/);
  });

  /** A data folder with a list of what lies in it. */
  function folderWith(files: Record<string, Buffer>): string {
    const folder = newFolder();
    const lines = Object.entries(files).map(([name, content]) => {
      const packed = gzipSync(content);
      writeFileSync(join(folder, name), packed);
      return `${createHash('sha256').update(packed).digest('hex')}  ${name}`;
    });
    writeFileSync(join(folder, 'SOURCES.md'), ['# Data', '```', ...lines, '```', ''].join('\n'));
    vi.stubEnv('LIANDAN_DATA', folder);
    return folder;
  }

  const mnist = (part: string, images: Buffer, labels: Buffer) => ({
    [`mnist10k-${part}-images-idx3-ubyte.gz`]: images,
    [`mnist10k-${part}-labels-idx1-ubyte.gz`]: labels,
  });
  const train = (images: Buffer, labels: Buffer) => folderWith(mnist('train', images, labels));

  it('refuses images and labels that do not belong together', () => {
    train(idx([2, 1, 1], [7, 8]), idx([1], [3]));
    expect(() => loadMnist()).toThrow('holds 2 images, but mnist10k-train-labels-idx1-ubyte.gz 1 labels');
    train(idx([2, 1, 1], [7, 8]), idx([2], [3, 10]));
    expect(() => loadMnist()).toThrow('holds the label 10, but labels are 0 … 9');
    train(idx([0, 28, 28], []), idx([0], []));
    expect(() => loadMnist()).toThrow('announces 0 × 28 × 28 values: it holds no image');
  });

  it('refuses images of two sizes', () => {
    folderWith({
      ...mnist('train', idx([1, 1, 4], [1, 2, 3, 4]), idx([1], [3])),
      ...mnist('test', idx([1, 2, 2], [1, 2, 3, 4]), idx([1], [3])),
    });
    expect(() => loadMnist()).toThrow('mnist10k-train are 1 × 4, those of mnist10k-test 2 × 2');
  });

  it('refuses a file that is not the one that was described, and says which and what to do', () => {
    const folder = train(idx([1, 1, 1], [7]), idx([1], [3]));
    const file = join(folder, 'mnist10k-train-images-idx3-ubyte.gz');
    writeFileSync(file, gzipSync(idx([1, 1, 1], [8])));
    expect(() => loadMnist()).toThrow(
      /mnist10k-train-images-idx3-ubyte\.gz is not the one that .*SOURCES\.md describes: its sha256 is [0-9a-f]{12}…, expected/,
    );
  });

  it('notices a file that changes after it was read', () => {
    const digits = idx([1, 1, 1], [7]);
    const folder = folderWith({ ...mnist('train', digits, idx([1], [3])), ...mnist('test', digits, idx([1], [3])) });
    expect(loadMnist().train.count).toBe(1);
    writeFileSync(join(folder, 'mnist10k-test-images-idx3-ubyte.gz'), gzipSync(idx([1, 1, 1], [255])));
    expect(() => loadMnist()).toThrow('mnist10k-test-images-idx3-ubyte.gz is not the one');
  });

  it('knows the files of the repository where nothing lies beside them that describes them', () => {
    const folder = train(idx([1, 1, 1], [7]), idx([1], [3]));
    rmSync(join(folder, 'SOURCES.md'));
    expect(() => loadMnist()).toThrow('is not the one that');
  });
});
