/** What stands beside an optimizer: averages of weights, mixtures, files, descriptions, monitors. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Variable } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import {
  adaFactor,
  adam,
  describeOptimizer,
  lion,
  loadState,
  mixed,
  saveState,
  schedules,
  sgd,
  stateBytes,
  tiger,
  UpdateMonitor,
  WeightAverage,
} from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, stateOf, step, tensor, values, variable } from './support';

afterEach(() => tf.disposeVariables());

const array = (of: Parameters<typeof values>[0]): number[] => Array.from(values(of));

describe('WeightAverage', () => {
  it('averages after each step, from a copy of the weights', () => {
    const x = variable('x', [1], [8]);
    const average = new WeightAverage([x], { decay: 0.75 });
    const seen = [4, 0].map((value) => {
      x.assign(tensor([1], [value]));
      average.update();
      return values(average.of(x))[0];
    });
    // 0.75·8 + 0.25·4 = 7; 0.75·7 + 0.25·0 = 5.25
    expect(seen).toEqual([7, 5.25]);
  });

  it('takes the place of the weights and gives it back, after a promise and after an error too', async () => {
    const x = variable('x', [1], [8]);
    const average = new WeightAverage([x], { decay: 0.5 });
    x.assign(tensor([1], [4]));
    average.update();
    expect(average.use(() => values(x)[0])).toBe(6);
    expect(values(x)[0]).toBe(4);
    const later = average.use(async () => {
      await Promise.resolve();
      return values(x)[0];
    });
    expect(() => average.update()).toThrow('in use');
    expect(await later).toBe(6);
    expect(values(x)[0]).toBe(4);
    expect(() =>
      average.use(() => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(values(x)[0]).toBe(4);
    expect(values(average.of(x))[0]).toBe(6);
  });

  it('does the same within a compiled step, with a schedule, and leaves no tensor behind', () => {
    const next = normal(1);
    const gradients = Array.from({ length: 6 }, () => draw(3, next));
    const decay = schedules.linear({ from: 0.5, to: 0.9, steps: 5 });
    const run = (compiled: boolean): number[] => {
      const x = variable('x', [3], [1, 2, 3]);
      const optimizer = sgd({ learningRate: 0.1 });
      const average = new WeightAverage([x], { decay });
      const plain = (g: ReturnType<typeof tensor>): void => {
        optimizer.applyGradients({ x: g });
        average.update();
      };
      const traced = compiled ? compile(plain) : plain;
      let tensors = 0;
      gradients.forEach((gradient, index) => {
        tf.tidy(() => traced(tensor([3], gradient)));
        if (index === 2) tensors = tf.memory().numTensors;
      });
      expect(tf.memory().numTensors).toBe(tensors);
      const result = array(average.of(x));
      tf.disposeVariables();
      return result;
    };
    expectClose(run(true), run(false));
  });

  it.each([{ compiled: false }, { compiled: true }])(
    'cannot be updated while it is in use, compiled: $compiled; the step is not made',
    async ({ compiled }) => {
      const x = variable('x', [1], [10]);
      const optimizer = sgd({ learningRate: 1 });
      const average = new WeightAverage([x], { decay: 0.5 });
      const plain = (): void => {
        average.update();
        optimizer.minimize(() => tf.sum(x), false, [x]);
      };
      const move = compiled ? compile(plain) : plain;
      for (let count = 0; count < 3; count++) move();
      const before = [array(x), array(average.of(x))];
      const seen = await average.use(async () => {
        await Promise.resolve();
        expect(move).toThrow('The averages are in use as weights');
        return [array(x), array(average.of(x))];
      });
      expect(seen).toEqual([before[1], before[1]]);
      expect([array(x), array(average.of(x))]).toEqual(before);
      move();
      expect(array(x)).toEqual([6]);
      expect(optimizer.iterations).toBe(4);
    },
  );

  it('and the weights are what they were, also where a step was made while they were in use', () => {
    const x = variable('x', [1], [8]);
    const average = new WeightAverage([x], { decay: 0.5 });
    x.assign(tensor([1], [4]));
    average.update();
    const tensors = tf.memory().numTensors;
    average.use(() => sgd({ learningRate: 1 }).minimize(() => tf.sum(x), false, [x]));
    expect([array(x), array(average.of(x))]).toEqual([[4], [6]]);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('may be used within a use, and in overlapping ones', async () => {
    const x = variable('x', [1], [1]);
    const average = new WeightAverage([x], { decay: 0 });
    x.assign(tensor([1], [5]));
    expect(average.use(() => [array(x), average.use(() => array(x)), array(x)])).toEqual([[1], [1], [1]]);
    const slow = (milliseconds: number) =>
      average.use(async () => {
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        return array(x)[0];
      });
    expect(await Promise.all([slow(5), slow(20), slow(1)])).toEqual([1, 1, 1]);
    expect([array(x), array(average.of(x))]).toEqual([[5], [1]]);
  });

  it('refuses weights of tf.layers with the remedy, integers, and everything after dispose, leaving no variable', () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    const integers = tf.variable(tf.tensor1d([1, 2], 'int32'), false, 'integers', 'int32');
    const x = variable('x', [1], [8]);
    const before = Object.keys(tf.engine().registeredVariables);
    expect(() => new WeightAverage([x, ...(model.trainableWeights as never[])])).toThrow(
      'weights[1] is a weight of tf.layers: give model.trainableWeights.map((weight) => weight.read())',
    );
    expect(() => new WeightAverage([x, undefined as never])).toThrow('weights[1] is none');
    expect(() => new WeightAverage([x, integers])).toThrow('"integers" is of int32');
    expect(Object.keys(tf.engine().registeredVariables)).toEqual(before);
    const average = new WeightAverage(model.trainableWeights.map((weight) => weight.read() as Variable));
    average.dispose();
    expect(() => average.update()).toThrow('The averages were disposed');
    expect(() => average.use(() => 0)).toThrow('The averages were disposed');
    expect(() => average.of(x)).toThrow('The averages were disposed');
  });

  it('refuses a decay out of range and a weight it does not know', () => {
    const [x, y] = [variable('x', [1], [8]), variable('y', [1], [8])];
    expect(() => new WeightAverage([x], { decay: 1 })).toThrow('decay must be a number in [0, 1), got 1');
    expect(() => new WeightAverage([x]).of(y)).toThrow('"y" is not among the averaged weights');
  });
});

describe('mixed', () => {
  const make = () =>
    mixed([
      { match: /embeddings/, optimizer: adam({ learningRate: 0.125, epsilon: 0 }) },
      { optimizer: sgd({ learningRate: 0.5 }) },
    ]);

  it('gives each parameter to the first part that takes it', async () => {
    const optimizer = make();
    const [rows, kernel] = [variable('embeddings', [1], [1]), variable('kernel', [1], [1])];
    step(optimizer, [
      [kernel, [1]],
      [rows, [4]],
    ]);
    step(optimizer, [[kernel, [1]]]);
    expectClose([...values(rows), ...values(kernel)], [0.875, 0]);
    expect(optimizer.iterations).toBe(2);
    expect(Object.keys(await stateOf(optimizer))).toEqual([
      '0/iter',
      '0/embeddings/firstMoment',
      '0/embeddings/secondMoment',
      '1/iter',
    ]);
    expect(stateBytes(optimizer, [rows, kernel])).toBe(8);
  });

  it('resumes from its state and survives a round trip of its configuration', async () => {
    const [first, second] = [make(), make()];
    const x = variable('embeddings', [2], [1, 2]);
    step(first, [[x, [1, -3]]]);
    const saved = (await first.getWeights()).map(({ name, tensor: of }) => ({ name, tensor: of.clone() }));
    const start = array(x);
    step(first, [[x, [1, 2]]]);
    const expected = array(x);
    x.assign(tensor([2], start));
    await second.setWeights(saved);
    step(second, [[x, [1, 2]]]);
    expect(array(x)).toEqual(expected);
    const [type, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap.Mixed ?? [];
    const copy = fromConfig?.(type as never, JSON.parse(JSON.stringify(first.getConfig())) as never);
    expect(copy?.getConfig()).toEqual(first.getConfig());
  });

  it('is as it was when state does not fit one of its parts', async () => {
    const optimizer = make();
    const x = variable('embeddings', [1], [1]);
    step(optimizer, [[x, [1]]]);
    const before = await stateOf(optimizer);
    const iter = tf.scalar(9, 'int32');
    const moments = ['firstMoment', 'secondMoment'].map((slot) => ({
      name: `0/embeddings/${slot}`,
      tensor: tensor([1], [5]),
    }));
    await expect(optimizer.setWeights([{ name: '0/iter', tensor: iter }, ...moments])).rejects.toThrow(
      'no "iter"',
    );
    expect(await stateOf(optimizer)).toEqual(before);
  });

  it('says which parameter nobody takes', () => {
    const optimizer = mixed([{ match: /embeddings/, optimizer: adam() }]);
    const x = variable('kernel', [1], [1]);
    expect(() => step(optimizer, [[x, [1]]])).toThrow('No part of the mixed optimizer takes "kernel"');
    expect(() => mixed([])).toThrow('at least one');
    const shared = adam();
    expect(() => mixed([{ match: 'x', optimizer: shared }, { optimizer: shared }])).toThrow(
      'another optimizer for each',
    );
  });
});

describe('a file of state', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'liandan-state-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it.each([
    { name: 'adam', make: () => adam({ learningRate: 0.01, nonFinite: 'skip' }) },
    { name: 'adaFactor', make: () => adaFactor({ minDimensionSizeToFactor: 1 }) },
  ])('resumes $name bit for bit, and holds nothing in memory', async ({ make }) => {
    const path = join(folder, 'optimizer.state');
    const next = normal(1);
    const [first, second] = [make(), make()];
    const x = variable('dense/kernel', [2, 3], draw(6, next));
    const later = draw(6, next);
    step(first, [[x, draw(6, next)]]);
    const tensors = tf.memory().numTensors;
    await saveState(first, path);
    expect(tf.memory().numTensors).toBe(tensors);
    const start = array(x);
    step(first, [[x, later]]);
    const expected = { x: array(x), ...(await stateOf(first)) };
    x.assign(tensor([2, 3], start));
    await loadState(second, path);
    step(second, [[x, later]]);
    expect({ x: array(x), ...(await stateOf(second)) }).toEqual(expected);
    expect(await readdir(folder)).toEqual(['optimizer.state']);
  });

  it('that is none, damaged, cut, of another version or of another optimizer is refused, changing nothing', async () => {
    const path = join(folder, 'optimizer.state');
    const optimizer = lion();
    const x = variable('x', [2], [1, 2]);
    step(optimizer, [[x, [1, 1]]]);
    await saveState(optimizer, path);
    const whole = await readFile(path);
    const before = await stateOf(optimizer);
    const damaged = Buffer.from(whole);
    damaged[whole.length - 1] = (whole.at(-1) as number) ^ 1;
    const attempts: [Buffer | string, string][] = [
      ['hello\n', 'is not the state of an optimizer'],
      ['', 'is not the state of an optimizer'],
      [damaged, 'is damaged'],
      [whole.subarray(0, whole.length - 4), 'is damaged'],
      [
        whole.toString('latin1').replace('state 1 ', 'state 2 '),
        'format version 2; this program reads version 1',
      ],
    ];
    for (const [content, message] of attempts) {
      await writeFile(path, content);
      await expect(loadState(optimizer, path)).rejects.toThrow(message);
    }
    await writeFile(path, whole);
    await expect(loadState(adam(), path)).rejects.toThrow('is the state of Lion, not of LiandanAdam');
    expect(await stateOf(optimizer)).toEqual(before);
    x.dispose();
    variable('x', [3], [1, 2, 3]);
    await expect(loadState(lion(), path)).rejects.toThrow(
      'expected momentum float32[3], found momentum float32[2]',
    );
    await expect(saveState(optimizer, join(path, 'below a file'))).rejects.toThrow('could not be written');
  });
});

describe('describeOptimizer', () => {
  it('lists slots, bytes per parameter and hyperparameters', () => {
    const { slots, hyperparameters } = describeOptimizer(
      adaFactor(),
      [[784, 256], { name: 'bias', shape: [256] }],
      10_000,
    );
    expect(slots).toEqual([
      {
        parameter: 'parameter0',
        shape: '[784, 256]',
        slot: 'rowSecondMoment',
        slotShape: '[784]',
        bytes: 3136,
        bytesPerParameter: 1 / 64,
      },
      {
        parameter: 'parameter0',
        shape: '[784, 256]',
        slot: 'columnSecondMoment',
        slotShape: '[256]',
        bytes: 1024,
        bytesPerParameter: 4 / 784,
      },
      {
        parameter: 'bias',
        shape: '[256]',
        slot: 'secondMoment',
        slotShape: '[256]',
        bytes: 1024,
        bytesPerParameter: 4,
      },
    ]);
    expect(hyperparameters).toContainEqual({ hyperparameter: 'learningRate', value: 0.01 });
    expect(describeOptimizer(tiger({ learningRate: 2e-3 }), []).slots).toEqual([]);
  });
});

describe('UpdateMonitor', () => {
  it('measures size, relative size and turns of the steps', async () => {
    const x = variable('x', [4], [2, 0, 0, 0]);
    const monitor = new UpdateMonitor([x]);
    x.assign(tensor([4], [3, 1, -1, 1]));
    expect(await monitor.record()).toEqual([
      { parameter: 'x', updateRootMeanSquare: 1, relativeStep: 1, signFlips: NaN },
    ]);
    x.assign(tensor([4], [4, 0, -2, 1]));
    const [second] = await monitor.record();
    expect(second).toMatchObject({ signFlips: 0.25 });
    expect(second?.updateRootMeanSquare).toBeCloseTo(Math.sqrt(3 / 4), 12);
    expect(second?.relativeStep).toBeCloseTo(Math.sqrt(3 / 12), 12);
  });
});
