import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mlp } from '../../src/models';
import { tableBundle } from '../../src/notebook/table';
import { adam, lion, sgd } from '../../src/optimizers';
import { lineChart, lossCurves } from '../../src/plots';
import { random, tf } from '../../src/runtime';
import { nativeBackend } from '../../src/runtime/binding';
import { median } from '../../src/statistics';
import {
  best,
  curves,
  experiment,
  groupBy,
  scalarsOf,
  select,
  seriesOf,
  summarize,
  train,
  type ExperimentProgress,
  type Trial,
} from '../../src/training';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liandan-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  tf.disposeVariables();
  vi.restoreAllMocks();
});

const candidates = { Lion: lion, Adam: adam };
const settings = [{ rate: 0.01 }, { rate: 0.1 }];

/** A trial of a small classifier. */
const trainer = () => {
  const inputs = random(5).normal([24, 3]);
  const labels = tf.cast(tf.greater(tf.sum(inputs, 1), 0), 'int32') as tf.Tensor1D;
  return async (make: (options: { learningRate: number }) => tf.Optimizer, rate: number, options: object) => {
    const seed = (options as { seed: number }).seed;
    const [model, optimizer] = [mlp({ sizes: [3, 4, 2], seed }), make({ learningRate: rate })];
    const run = { epochs: 2, batchSize: 4, ...options };
    const { losses } = await train({ model, optimizer, data: { inputs, labels }, ...run });
    model.dispose();
    optimizer.dispose();
    return { loss: losses.at(-1)!, losses, diverged: false };
  };
};

describe('experiment', () => {
  it('runs candidates × settings × seeds, and gives a tidy row for each', async () => {
    const { rows, interrupted } = await experiment({
      candidates: { twice: 2, thrice: 3 },
      settings: (name) => (name === 'twice' ? [{ rate: 1 }, { rate: 2 }] : [{ rate: 5 }]),
      seeds: [0, 7],
      run: ({ candidate, name, setting: { rate }, seed, options }) => {
        expect(options.seed).toBe(seed);
        return { product: candidate * rate + seed, label: name };
      },
    });
    expect(interrupted).toBe(false);
    expect(rows).toEqual([
      { candidate: 'twice', rate: 1, seed: 0, product: 2, label: 'twice' },
      { candidate: 'twice', rate: 1, seed: 7, product: 9, label: 'twice' },
      { candidate: 'twice', rate: 2, seed: 0, product: 4, label: 'twice' },
      { candidate: 'twice', rate: 2, seed: 7, product: 11, label: 'twice' },
      { candidate: 'thrice', rate: 5, seed: 0, product: 15, label: 'thrice' },
      { candidate: 'thrice', rate: 5, seed: 7, product: 22, label: 'thrice' },
    ]);
  });

  it('shows one progress over all trials, which ends at its end', async () => {
    const states: ExperimentProgress[] = [];
    const report = (step: number) => ({ step, steps: 10, loss: 1 / step }) as never;
    await experiment({
      candidates: { only: 0 },
      seeds: [0, 1, 2],
      onProgress: (state) => states.push(state),
      run: async ({ options }) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await options.onProgress?.(report(5));
        await options.onProgress?.(report(10));
        return {};
      },
    });
    expect(states.map(({ step, steps }) => [step, steps])).toEqual(
      [5, 10, 15, 20, 25, 30].map((step) => [step, 30]),
    );
    expect(states.map(({ secondsRemaining }) => secondsRemaining > 0)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(states[0]!.loss).toBe(0.2);
    // After half a trial of three, five halves are left.
    expect(states[0]!.secondsRemaining).toBeGreaterThan(5 * 0.004);
  });

  it('can be interrupted, and gives what is complete', async () => {
    const controller = new AbortController();
    const { rows, interrupted } = await experiment({
      candidates: { a: 1, b: 2 },
      seeds: [0, 1],
      signal: controller.signal,
      run: ({ name, seed, options }) => {
        expect(options.signal).toBe(controller.signal);
        if (name === 'b') controller.abort();
        return { value: seed };
      },
    });
    expect(rows.map(({ candidate, seed }) => [candidate, seed])).toEqual([
      ['a', 0],
      ['a', 1],
    ]);
    expect(interrupted).toBe(true);
  });

  it('compiles trials of the same shape once', async () => {
    const { binding } = nativeBackend();
    const load = vi.spyOn(binding, binding.loadProgram ? 'loadProgram' : 'loadSavedModel');
    const trial = trainer();
    const { rows } = await experiment({
      candidates: { SGD: sgd },
      settings,
      seeds: [0, 1],
      run: ({ candidate, setting, options }) => trial(candidate, setting.rate, options),
    });
    expect(load).toHaveBeenCalledTimes(1);
    expect(new Set(rows.map(({ loss }) => loss)).size).toBe(4);
  });

  it('says which trial failed', async () => {
    const failing = experiment({
      candidates: { Lion: lion },
      settings,
      seeds: [3],
      run: ({ setting }) => {
        if (setting.rate > 0.05) throw new Error('boom');
        return {};
      },
    });
    await expect(failing).rejects.toThrow('Trial 2 of 2 (candidate Lion, rate 0.1, seed 3) failed: boom');
  });

  it('refuses what makes no sense', async () => {
    const run = () => ({});
    await expect(experiment({ candidates: {}, run })).rejects.toThrow('at least one candidate');
    await expect(experiment({ candidates, run, trials: 3 } as never)).rejects.toThrow(
      'experiment has no option trials',
    );
    await expect(experiment({ candidates, settings: [{ seed: 3 }], run })).rejects.toThrow(
      'cannot be called',
    );
    await expect(experiment({ candidates, run: () => ({ candidate: 3 }) })).rejects.toThrow(
      'A trial measures "candidate"',
    );
    await expect(experiment({ candidates, run, resume: true })).rejects.toThrow('resume needs checkpoint');
  });
});

describe('an experiment with a checkpoint', () => {
  const file = () => join(folder, 'experiment.safetensors');
  const start = (
    options: { resume?: boolean; dieAt?: number; seeds?: number[]; started?: string[] } = {},
  ) => {
    const trial = trainer();
    let chunks = 0;
    return experiment({
      candidates,
      settings,
      seeds: options.seeds ?? [0, 1],
      checkpoint: { file: file(), every: 2 },
      ...(options.resume !== undefined && { resume: options.resume }),
      run: ({ candidate, name, setting: { rate }, seed, options: given }) => {
        options.started?.push(`${name} ${rate} ${seed}`);
        const dying = {
          onChunkEnd: () => (++chunks === options.dieAt ? Promise.reject(new Error('died')) : undefined),
        };
        return trial(candidate, rate, { ...given, compiled: false, callbacks: [dying] });
      },
    });
  };

  it('goes on after a crash, in the middle of a trial, to the same rows', async () => {
    const { rows } = await start({ resume: true });
    rmSync(file());
    // Each trial has 6 chunks of 2 steps; chunk 20 is the second of the fourth trial.
    await expect(start({ resume: true, dieAt: 20 })).rejects.toThrow('died');
    expect(readdirSync(folder).sort()).toEqual(['experiment.safetensors', 'experiment.safetensors.trial']);
    tf.disposeVariables();
    const started: string[] = [];
    const resumed = await start({ resume: true, started });
    expect(started.length).toBe(5);
    expect(resumed.rows).toEqual(rows);
    expect(readdirSync(folder)).toEqual(['experiment.safetensors']);
    const again: string[] = [];
    expect((await start({ resume: true, started: again })).rows).toEqual(rows);
    expect(again).toEqual([]);
    await expect(start()).rejects.toThrow('Give resume: true to go on from it');
    await expect(start({ resume: true, seeds: [5, 6] })).rejects.toThrow(
      'is of another experiment: its trial 1 is not candidate Lion, rate 0.01, seed 5',
    );
    const content = readFileSync(file());
    content[40]! ^= 4;
    writeFileSync(file(), content);
    await expect(start({ resume: true })).rejects.toThrow('damaged');
    expect(existsSync(file())).toBe(true);
  });

  it('goes on after an interruption in the middle of a trial, to the same rows', async () => {
    const { rows } = await start({ resume: true });
    rmSync(file());
    const controller = new AbortController();
    const trial = trainer();
    let chunks = 0;
    const options = (signal?: AbortSignal) => ({
      candidates,
      settings,
      seeds: [0, 1],
      checkpoint: { file: file(), every: 2 },
      resume: true,
      ...(signal && { signal }),
      run: ({
        candidate,
        setting: { rate },
        options: given,
      }: Trial<typeof lion | typeof adam, { rate: number }>) => {
        const stopping = { onChunkEnd: () => (++chunks === 8 ? controller.abort() : undefined) };
        return trial(candidate, rate, { ...given, compiled: false, callbacks: signal ? [stopping] : [] });
      },
    });
    const first = await experiment(options(controller.signal));
    // Each trial has 6 chunks of 2 steps: the second trial was interrupted.
    expect(first.interrupted).toBe(true);
    expect(first.rows).toEqual(rows.slice(0, 1));
    const states: ExperimentProgress[] = [];
    const second = await experiment({ ...options(), onProgress: (state) => states.push(state) });
    expect(second).toEqual({ rows, interrupted: false });
    // The time left is that of the trials that are left, by those that ran here.
    expect(states[0]!.step).toBeGreaterThan(states[0]!.steps / 8);
    expect(states.at(-1)!.secondsRemaining).toBe(0);
  });

  it('can be there for interruptions only', async () => {
    const checkpoint = { file: file(), isTemporary: true };
    let calls = 0;
    const options = { candidates: { a: 0, b: 1 }, checkpoint, resume: true };
    const run = ({ candidate }: { candidate: number }) => {
      calls++;
      if (calls === 2) throw new Error('died');
      return { value: candidate };
    };
    await expect(experiment({ ...options, run })).rejects.toThrow('died');
    expect(readdirSync(folder)).toEqual(['experiment.safetensors']);
    expect((await experiment({ ...options, run })).rows.map(({ value }) => value)).toEqual([0, 1]);
    expect([calls, readdirSync(folder)]).toEqual([3, []]);
  });

  it('keeps every kind of measurement', async () => {
    const measured = {
      nan: NaN,
      infinite: -Infinity,
      text: 'Lion, β',
      flag: true,
      nothing: null,
      list: [1, NaN, 3],
      floats: Float32Array.of(0.1, NaN),
      doubles: Float64Array.of(0.1),
    };
    const options = { candidates: { a: 0 }, run: () => measured, checkpoint: { file: file() } };
    await experiment(options);
    const { rows } = await experiment({ ...options, resume: true });
    expect(rows).toEqual([{ candidate: 'a', seed: 0, ...measured }]);
  });
});

describe('rows', () => {
  const rows = [
    { candidate: 'Lion', rate: 1, seed: 0, accuracy: 0.9, losses: [3, 1] },
    { candidate: 'Lion', rate: 1, seed: 1, accuracy: 0.8, losses: [2, 1] },
    { candidate: 'Lion', rate: 2, seed: 0, accuracy: NaN, losses: [3, NaN] },
    { candidate: 'Adam', rate: 1, seed: 0, accuracy: 0.7, losses: [3, 2] },
    { candidate: 'Adam', rate: 1, seed: 1, accuracy: 0.9, losses: [4, 2] },
  ];

  it('are selected and grouped', () => {
    expect(select(rows, { candidate: 'Lion', rate: 1 }).map(({ seed }) => seed)).toEqual([0, 1]);
    expect(
      groupBy(rows, ['candidate', 'rate']).map(({ key, rows: { length } }) => [
        key.candidate,
        key.rate,
        length,
      ]),
    ).toEqual([
      ['Lion', 1, 2],
      ['Lion', 2, 1],
      ['Adam', 1, 2],
    ]);
    expect(groupBy([{ x: 1 }, { x: '1' as unknown as number }], ['x']).length).toBe(2);
  });

  it('are summarized: mean, spread and whatever is asked for; what diverged does not vanish', () => {
    const [first, second] = summarize(rows, { by: ['candidate', 'rate'], of: ['accuracy'] });
    expect(first).toMatchObject({ candidate: 'Lion', rate: 1, runs: 2 });
    expect(first!.accuracy).toBeCloseTo(0.85, 12);
    expect(first!['accuracy ±']).toBeCloseTo(0.1 / Math.SQRT2, 12);
    expect(second).toMatchObject({ candidate: 'Lion', rate: 2, runs: 1, accuracy: NaN });
    const medians = summarize(rows, { by: ['rate'], of: ['accuracy'], statistics: { median } });
    expect(medians[0]!['accuracy median']).toBeCloseTo(0.85, 12);
  });

  it('tell the best group, which is never one that diverged', () => {
    const {
      key,
      value,
      rows: winners,
    } = best(select(rows, { candidate: 'Lion' }), { by: ['rate'], of: 'accuracy' });
    expect([key.rate, winners.length]).toEqual([1, 2]);
    expect(value).toBeCloseTo(0.85, 12);
    expect(best(rows, { by: ['candidate'], of: 'rate', mode: 'min' }).key.candidate).toBe('Adam');
    expect(() => best(select(rows, { rate: 2 }), { by: ['rate'], of: 'accuracy' })).toThrow(
      'There is no best accuracy',
    );
  });

  it('go into tables, DataFrames and plots as they are', async () => {
    // As in a notebook: danfojs computes with the TensorFlow.js that is there.
    await import('../../../kernel/src/preload.js');
    const { DataFrame } = await import('danfojs-node');
    const { 'text/plain': text } = tableBundle(summarize(rows, { by: ['candidate'], of: ['accuracy'] }), {
      caption: 'c',
    });
    expect(text).toContain('accuracy ±');
    expect(scalarsOf(rows)[0]).toEqual({ candidate: 'Lion', rate: 1, seed: 0, accuracy: 0.9 });
    const frame = new DataFrame(scalarsOf(select(rows, { rate: 1 })));
    expect(frame.shape).toEqual([4, 4]);
    const means = frame.groupby(['candidate']).col(['accuracy']).mean();
    expect(means.values).toEqual([
      ['Lion', expect.closeTo(0.85, 6)],
      ['Adam', expect.closeTo(0.8, 6)],
    ]);
    expect(tableBundle(means, { caption: 'c' })['text/plain']).toContain('accuracy_mean');
    const runs = curves(select(rows, { rate: 1 }), { by: ['candidate', 'rate'], of: 'losses' });
    expect(runs).toEqual({
      'Lion, 1': [
        [3, 1],
        [2, 1],
      ],
      'Adam, 1': [
        [3, 2],
        [4, 2],
      ],
    });
    const series = seriesOf(rows, { by: ['candidate'], x: 'rate', y: 'accuracy' });
    expect(series).toEqual([
      {
        name: 'Lion',
        x: [1, 2],
        seeds: [
          [0.9, NaN],
          [0.8, NaN],
        ],
      },
      { name: 'Adam', x: [1], seeds: [[0.7], [0.9]] },
    ]);
    const chart = lineChart({ series, x: 'learning rate', y: 'accuracy', alt: 'Accuracies at two rates.' });
    expect(chart.data.map(({ name }) => name)).toEqual(expect.arrayContaining(['Lion', 'Adam']));
    expect(lossCurves({ title: 't', runs, alt: 'Losses of Lion and Adam.' }).data.length).toBeGreaterThan(1);
  });
});
