import { describe, expect, it } from 'vitest';
import { epochBatches } from '../../src/data';

const rows = (epoch: number, seed = 1) => [...epochBatches(10, { batchSize: 3, epoch, seed }).dataSync()];

describe('epochBatches', () => {
  it('visits each example at most once per epoch and leaves the remainder out', () => {
    const batches = epochBatches(10, { batchSize: 3, epoch: 0, seed: 1 });
    expect([batches.dtype, ...batches.shape]).toEqual(['int32', 3, 3]);
    const visited = [...batches.dataSync()];
    expect(new Set(visited).size).toBe(9);
    expect(visited.every((row) => row >= 0 && row < 10)).toBe(true);
  });

  it('depends on seed and epoch alone', () => {
    expect(rows(0)).toEqual(rows(0));
    expect(rows(0)).not.toEqual(rows(1));
    expect(rows(0)).not.toEqual(rows(0, 2));
  });

  it('refuses an empty and an oversized batch', () => {
    expect(() => epochBatches(10, { batchSize: 0, epoch: 0, seed: 1 })).toThrow('A batch holds 1 to 10 examples');
    expect(() => epochBatches(10, { batchSize: 11, epoch: 0, seed: 1 })).toThrow('but 11 were asked for');
  });
});
