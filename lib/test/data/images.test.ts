import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataFolder, imageTensors, loadFashionMnist, loadMnist } from '../../src/data';

describe('the data sets', () => {
  it('are the files that SOURCES.md describes', () => {
    const sources = readFileSync(join(dataFolder(), 'SOURCES.md'), 'utf8');
    const sums = [...sources.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)];
    expect(sums.length).toBe(16);
    for (const [, sum, file] of sums) {
      const content = readFileSync(join(dataFolder(), file as string));
      expect(createHash('sha256').update(content).digest('hex'), file).toBe(sum);
    }
  });

  it('MNIST-10k holds 8,000 + 2,000 digits, every class well represented', () => {
    const { train, test, classes } = loadMnist();
    expect([train.count, test.count, train.height, train.width]).toEqual([8000, 2000, 28, 28]);
    for (const { labels } of [train, test]) {
      const counts = classes.map((_, digit) => labels.filter((label) => label === digit).length);
      expect(Math.min(...counts)).toBeGreaterThan(labels.length * 0.08);
    }
  });

  it('Fashion-MNIST-12k holds 10,000 + 2,000 images', () => {
    const { train, test } = loadFashionMnist();
    expect([train.count, test.count]).toEqual([10_000, 2_000]);
    // The first labels of the official training set.
    expect([...train.labels.subarray(0, 10)]).toEqual([9, 0, 0, 3, 0, 2, 7, 2, 5, 5]);
  });
});

describe('imageTensors', () => {
  const split = {
    count: 2,
    height: 1,
    width: 2,
    pixels: Uint8Array.of(0, 255, 51, 102),
    labels: Uint8Array.of(3, 1),
  };

  it('scales pixels to [0, 1] and keeps the labels', () => {
    const { inputs, labels } = imageTensors(split);
    expect(inputs.shape).toEqual([2, 2]);
    expect([...inputs.dataSync()]).toEqual([0, 1, Math.fround(0.2), Math.fround(0.4)]);
    expect([labels.dtype, ...labels.dataSync()]).toEqual(['int32', 3, 1]);
  });

  it('keeps height and width for convolutions', () => {
    expect(imageTensors(split, { shape: 'image' }).inputs.shape).toEqual([2, 1, 2, 1]);
  });
});
