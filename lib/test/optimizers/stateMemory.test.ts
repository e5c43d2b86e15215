/** The state of the optimizers as the process's own memory shows it, each in a process of its own. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const MiB = 2 ** 20;

/** What the state takes for a matrix of 4096 × 4096, 64 MiB. */
function measured(optimizer: string): { tensors: number; process: number } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', join(__dirname, 'stateMemory.cjs'), optimizer],
    {
      encoding: 'utf8',
      // glibc gives blocks above the threshold back as soon as they are free; on a GPU the state would lie elsewhere.
      env: { ...process.env, MALLOC_MMAP_THRESHOLD_: String(MiB), CUDA_VISIBLE_DEVICES: '-1' },
    },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { tensors: number; process: number };
}

// Elsewhere the resident memory does not follow what is freed.
describe.runIf(process.platform === 'linux')('the memory of a process', () => {
  let adam: ReturnType<typeof measured>;
  beforeAll(() => void (adam = measured('adam')), 60_000);

  it('grows by two tensors for Adam', () => {
    expect(adam.tensors).toBe(128 * MiB);
    expect(Math.abs(adam.process / adam.tensors - 1)).toBeLessThan(0.1);
  });

  it.each(['lion', 'tiger'])('grows half as much for %s', (name) => {
    const own = measured(name);
    expect(own.tensors).toBe(adam.tensors / 2);
    expect(Math.abs(own.process / adam.process - 0.5)).toBeLessThan(0.05);
  });

  it('hardly grows for AdaFactor, whose state is 0.02 % of that', () => {
    const own = measured('adaFactor');
    expect(own.tensors / adam.tensors).toBeLessThan(0.0003);
    expect(own.process / adam.process).toBeLessThan(0.03);
  });
});
