/** Each optimizer with each of its options takes the same steps compiled as in eager code, whatever happens in between. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  adaFactor,
  adam,
  adamW,
  adaX,
  adaXW,
  amos,
  lamb,
  lion,
  loadState,
  mixed,
  rmsProp,
  saveState,
  schedules,
  sgd,
  signum,
  tiger,
} from '../../src/optimizers';
import { tf } from '../../src/runtime';
import type { AnyOptimizer } from '../optimizers/support';
import { compileOn, isClose, paths, values, type Path } from './paths';

afterEach(() => tf.disposeVariables());

type Options = Record<string, unknown>;
type Make = (options?: Options) => AnyOptimizer;

const makers: Record<string, Make> = {
  sgd,
  'sgd with momentum': (options) => sgd({ ...options, momentum: 0.9 }),
  'sgd with Nesterov momentum': (options) => sgd({ ...options, momentum: 0.9, nesterov: true }),
  signum,
  lion,
  adam,
  adamW,
  adaX,
  adaXW,
  rmsProp,
  lamb,
  tiger,
  adaFactor: (options) => adaFactor({ ...options, minDimensionSizeToFactor: 1 }),
  'adaFactor with momentum': (options) => adaFactor({ ...options, beta1: 0.9 }),
  amos,
  'amos with momentum': (options) => amos({ ...options, momentum: 0.9 }),
};

const cosine = schedules.cosine({ from: 0.05, steps: 9 });
const options: Record<string, Options> = {
  defaults: {},
  'weight decay': { weightDecay: 0.1, excludeFromWeightDecay: /bias/ },
  'coupled weight decay': { coupledWeightDecay: 0.1 },
  'a schedule of the weight decay': { weightDecay: schedules.linear({ from: 0.2, steps: 5 }) },
  'a schedule of the learning rate': { learningRate: schedules.warmUp({ steps: 3, then: cosine }) },
  groups: {
    groups: [
      { match: /bias/, learningRate: 0.2 },
      { match: /embed/, weightDecay: 0.3 },
    ],
  },
  clipValue: { clipValue: 0.5 },
  clipNorm: { clipNorm: 0.5 },
  clipGlobalNorm: { clipGlobalNorm: 0.5 },
  accumulation: { accumulationSteps: 3 },
  'skipped gradients': { nonFinite: 'skip' },
  'accumulation, skipping and clipping': { accumulationSteps: 2, nonFinite: 'skip', clipGlobalNorm: 1 },
  'lazy rows': { lazyRows: { match: /embed/ } },
  'lazy rows whose state is kept': { lazyRows: { match: /embed/, state: 'kept' } },
};

const shapes = {
  kernel: [3, 2],
  bias: [2],
  embeddings: [4, 3],
  scalar: [] as number[],
  filter: [2, 2, 1, 2],
};
const sizeOf = (shape: readonly number[]) => shape.reduce((size, length) => size * length, 1);

/** Gradients of step t; with a NaN in every fourth if wanted, and rows of zeros for the embeddings. */
function gradientsAt(t: number, hasNaN: boolean): tf.Tensor[] {
  return Object.entries(shapes).map(([name, shape], k) => {
    const gradient = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
      const isUnused = name === 'embeddings' && Math.floor(i / 3) % 2 === t % 2;
      return isUnused ? 0 : Math.sin(1.7 * t + 0.9 * i + k);
    });
    if (hasNaN && k === 1 && t % 4 === 2) gradient[0] = NaN;
    return tf.tensor(gradient, shape);
  });
}

let serial = 0;

function setUp(make: Make, option: Options) {
  const prefix = `setup${++serial}`;
  const variables = Object.entries(shapes).map(([name, shape], k) => {
    const initial = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(i + k) + 0.1);
    return tf.variable(tf.tensor(initial, shape), true, `${prefix}/${name}`);
  });
  const optimizer = make({ learningRate: 0.05, ...option });
  const step = (...gradients: tf.Tensor[]) => {
    optimizer.applyGradients(variables.map(({ name }, i) => ({ name, tensor: gradients[i]! })));
    return tf.sum(variables[0]!);
  };
  return { variables, optimizer, step };
}

type Mode = { readonly path: Path; readonly loops: boolean } | 'eager';

/** Steps, a new learning rate, steps, back to an earlier state, steps: all weights and the state afterwards. */
async function course(mode: Mode, make: Make, option: Options): Promise<number[]> {
  const { variables, optimizer, step } = setUp(make, option);
  const compiled = mode === 'eager' ? undefined : compileOn(mode.path, step);
  const take = (from: number, to: number): void =>
    void tf.tidy(() => {
      const rows = Array.from({ length: to - from + 1 }, (_, i) =>
        gradientsAt(from + i, option.nonFinite === 'skip'),
      );
      if (compiled && mode !== 'eager' && mode.loops) {
        compiled.loop(rows[0]!.map((_, k) => tf.stack(rows.map((row) => row[k]!))));
      } else {
        for (const row of rows)
          if (compiled) compiled.call(...row);
          else step(...row);
      }
    });
  take(1, 4);
  take(5, 5);
  optimizer.setLearningRate(0.01);
  take(6, 7);
  const saved = (await optimizer.getWeights()).map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
  take(8, 9);
  await optimizer.setWeights(saved);
  take(10, 12);
  const state = await optimizer.getWeights();
  const outcome = [...variables, ...state.map(({ tensor }) => tensor)].flatMap(values);
  compiled?.dispose();
  optimizer.dispose();
  tf.dispose([variables, saved.map(({ tensor }) => tensor)]);
  return outcome;
}

async function expectSameCourse(mode: Mode, make: Make, option: Options, tolerance: number): Promise<void> {
  const [given, wanted] = [await course(mode, make, option), await course('eager', make, option)];
  const wrong = wanted.findIndex((x, i) => !isClose(given[i]!, x, tolerance));
  expect(given.length).toBe(wanted.length);
  if (wrong >= 0) expect(given[wrong], `number ${wrong} of weights and state`).toBe(wanted[wrong]);
}

/** Combinations that an optimizer refuses are its own tests' business. */
function accepts(make: Make, option: Options): boolean {
  try {
    make({ learningRate: 0.05, ...option }).dispose();
    return true;
  } catch {
    return false;
  }
}

describe.each(Object.entries(makers))('%s', (_, make) => {
  const accepted = Object.entries(options).filter(([, option]) => accepts(make, option));
  it.each(accepted)('takes the same steps with %s', async (__, option) => {
    for (const loops of [false, true]) {
      await expectSameCourse({ path: 'TensorFlow', loops }, make, option, 2e-6);
    }
  });
});

describe.each([
  ['adam', adam as Make],
  ['tiger', tiger as Make],
])('%s', (_, make) => {
  const some = [
    'defaults',
    'accumulation, skipping and clipping',
    'lazy rows',
    'a schedule of the learning rate',
  ];
  for (const path of ['oneDNN', 'XLA'] as const) {
    it.each(some)(`takes the same steps on ${path}, with %s`, async (name) => {
      for (const loops of [false, true]) await expectSameCourse({ path, loops }, make, options[name]!, 2e-4);
    });
  }
});

describe('training that is resumed from a file', () => {
  const schedule = schedules.warmUp({ steps: 3, then: schedules.cosine({ from: 0.1, steps: 6 }) });
  const parts: Make = (option) =>
    mixed([
      { match: /kernel$/, optimizer: adam(option) },
      { optimizer: lion(option) },
    ]) as unknown as AnyOptimizer;
  const all: Record<string, Make> = { ...makers, mixed: parts };
  const accumulating = { accumulationSteps: 3, learningRate: schedule };

  it.each(Object.entries(all))('goes on as if it had not stopped: %s', async (_, make) => {
    const folder = mkdtempSync(join(tmpdir(), 'resume-'));
    try {
      for (const option of [{ learningRate: schedule }, accumulating]) {
        const [whole, interrupted] = [setUp(make, option), setUp(make, option)];
        const [first, second] = [whole, interrupted].map(({ step }) => compileOn('TensorFlow', step));
        for (let t = 1; t <= 10; t++) first!.call(...gradientsAt(t, false));
        for (let t = 1; t <= 4; t++) second!.call(...gradientsAt(t, false));
        await saveState(interrupted.optimizer, join(folder, 'state'));
        const resumed = make({ ...option });
        await loadState(resumed, join(folder, 'state'));
        const third = compileOn('TensorFlow', (...gradients) =>
          resumed.applyGradients(
            interrupted.variables.map(({ name }, i) => ({ name, tensor: gradients[i]! })),
          ),
        );
        for (let t = 5; t <= 10; t++) third.call(...gradientsAt(t, false));
        whole.variables.forEach((wanted, k) =>
          values(interrupted.variables[k]!).forEach((x, i) => expect(x).toBeCloseTo(values(wanted)[i]!, 6)),
        );
        for (const step of [first!, second!, third]) step.dispose();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a NaN in one of the gradients that are accumulated', () => {
  it.each(['eager' as const, ...paths])('is left out of its window (%s)', async (path) => {
    const weights = tf.variable(tf.zeros([2]));
    const optimizer = sgd({ learningRate: 1, accumulationSteps: 3, nonFinite: 'skip' });
    const step = (gradient: tf.Tensor) =>
      optimizer.applyGradients([{ name: weights.name, tensor: gradient }]);
    const compiled = path === 'eager' ? undefined : compileOn(path, (g) => step(g));
    const gradients = [
      [1, 1],
      [NaN, 1],
      [3, 3],
      [1, 1],
      [1, 1],
      [1, 1],
      [NaN, NaN],
      [Infinity, 0],
      [NaN, 1],
    ];
    const seen = [...gradients, [2, 2], [2, 2], [2, 2]].map((gradient) => {
      const tensor = tf.tensor1d(gradient);
      if (compiled) compiled.call(tensor);
      else step(tensor);
      return values(weights)[0];
    });
    // After each third: −(1 + 3)/2, then 1 less, then all three are bad, then 2 less.
    expect(seen).toEqual([0, 0, -2, -2, -2, -3, -3, -3, -3, -3, -3, -5]);
    expect(await optimizer.skippedSteps()).toBe(4);
  });
});
