import { afterEach, describe, expect, it } from 'vitest';
import { mlp } from '../../src/models';
import { adam } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import {
  earlyStopping,
  findLearningRate,
  fit,
  train,
  type EarlyStoppingOptions,
  type TrainingCallback,
} from '../../src/training';

afterEach(() => tf.disposeVariables());

describe('callbacks', () => {
  it('are called in the order in which Keras calls them, and can end the run', async () => {
    const calls: string[] = [];
    const at = ({ step, epoch }: { step: number; epoch: number }) => `${epoch}:${step}`;
    const callback: TrainingCallback = {
      onTrainBegin: (run) => void calls.push(`begin ${at(run)} of ${run.steps}`),
      onChunkEnd: (run) => void calls.push(`chunk ${at(run)}`),
      onEvaluation: ({ seen }, run) => void calls.push(`evaluation ${seen} ${at(run)}`),
      onEpochEnd: (run) => {
        calls.push(`epoch ${at(run)}`);
        if (run.epoch === 2) run.stop('enough');
      },
      onTrainEnd: (run) => void calls.push(`end ${at(run)}`),
      release: () => void calls.push('release'),
    };
    const step = () => ({ loss: tf.scalar(1) });
    const run = await fit({
      step,
      count: 60,
      batchSize: 2,
      epochs: 9,
      compiled: false,
      evaluate: () => ({ seen: 1 }),
      callbacks: [callback],
    });
    expect(calls).toEqual([
      'begin 1:0 of 270',
      'chunk 1:25',
      'chunk 1:30',
      'evaluation 1 1:30',
      'epoch 1:30',
      'chunk 2:55',
      'chunk 2:60',
      'evaluation 1 2:60',
      'epoch 2:60',
      'end 2:60',
      'release',
    ]);
    expect(run).toMatchObject({ stopped: 'enough', interrupted: false });
    expect(run.reports.loss.length).toBe(60);
  });

  it('are released, but not told of an end, when the run fails', async () => {
    const calls: string[] = [];
    const callbacks = [
      { onTrainEnd: () => void calls.push('end'), release: () => void calls.push('release') },
      { onChunkEnd: () => Promise.reject(new Error('boom')) },
    ];
    const step = () => ({ loss: tf.scalar(1) });
    await expect(
      fit({ step, count: 4, batchSize: 2, epochs: 1, compiled: false, callbacks }),
    ).rejects.toThrow('boom');
    expect(calls).toEqual(['release']);
  });
});

describe('early stopping', () => {
  /** A run whose evaluations are the series; x is the number of the epoch. */
  const run = async (
    series: readonly number[],
    options: Partial<EarlyStoppingOptions> = {},
    name = 'error',
  ) => {
    const x = tf.tidy(() => tf.variable(tf.scalar(0)));
    const step = () => {
      x.assign(tf.add(x, 1));
      return { loss: tf.scalar(1) };
    };
    let epoch = 0;
    const stopping = earlyStopping({ monitor: name, restoreBest: [x], ...options });
    const result = await fit({
      step,
      count: 1,
      batchSize: 1,
      epochs: series.length,
      compiled: false,
      evaluate: () => ({ [name]: series[epoch++]! }),
      callbacks: [stopping],
    });
    return { epochs: result.evaluations.length, at: x.dataSync()[0], stopped: result.stopped };
  };

  it('waits as long as its patience and gives back the best values', async () => {
    expect(await run([5, 4, 4, 3])).toMatchObject({ epochs: 3, at: 2 });
    expect(await run([5, 4, 4, 3, 9, 9], { patience: 1 })).toMatchObject({
      epochs: 6,
      at: 4,
      stopped: 'error has not improved on 3 in 2 evaluations',
    });
    expect(await run([5, 4, 3])).toMatchObject({ epochs: 3, at: 3, stopped: undefined });
    expect(await run([5, 4.9, 4.8, 4.7], { minDelta: 0.15, patience: 1 })).toMatchObject({
      epochs: 4,
      at: 3,
    });
  });

  it('knows which way is better, and takes what is no number for no improvement', async () => {
    expect(await run([0.5, 0.6, 0.4], {}, 'accuracy')).toMatchObject({ epochs: 3, at: 2 });
    expect(await run([0.5, 0.6, 0.4], { mode: 'min' }, 'accuracy')).toMatchObject({ epochs: 2, at: 1 });
    expect(await run([3, NaN, 2], { patience: 1 })).toMatchObject({ epochs: 3, at: 3 });
    expect(await run([NaN, NaN], { patience: 0 })).toMatchObject({ epochs: 1, at: 1 });
  });

  it('watches the training loss of the epochs where nothing is evaluated', async () => {
    let calls = 0;
    const losses = [4, 4, 2, 2, 3, 3, 1, 1];
    const step = () => ({ loss: tf.scalar(losses[calls++]!) });
    const callbacks = [earlyStopping({ monitor: 'loss' })];
    const { stopped, reports } = await fit({
      step,
      count: 2,
      batchSize: 1,
      epochs: 4,
      compiled: false,
      callbacks,
    });
    expect([reports.loss.length, stopped]).toEqual([6, 'loss has not improved on 2 in 1 evaluation']);
  });

  it('leaves no tensor and refuses what is not there', async () => {
    const before = tf.memory().numTensors;
    await run([5, 4, 4]);
    tf.disposeVariables();
    expect(tf.memory().numTensors).toBe(before);
    await expect(run([1], { monitor: 'accuracy' })).rejects.toThrow(
      'watches "accuracy", but evaluate gives error',
    );
    const step = () => ({ loss: tf.scalar(1) });
    const callbacks = [earlyStopping({ monitor: 'error' })];
    await expect(
      fit({ step, count: 1, batchSize: 1, epochs: 1, compiled: false, callbacks }),
    ).rejects.toThrow('give evaluate');
    expect(() => earlyStopping({ monitor: 'loss', patience: -1 })).toThrow(
      'The patience of early stopping is at least 0',
    );
  });
});

describe('findLearningRate', () => {
  const task = () => {
    const inputs = random(5).normal([320, 8]);
    const labels = tf.tidy(() => tf.cast(tf.greater(tf.sum(inputs, 1), 0), 'int32') as tf.Tensor1D);
    return { model: mlp({ sizes: [8, 16, 2], seed: 1 }), data: { inputs, labels }, batchSize: 32 };
  };

  it('finds a rate that learns, ends where the loss runs away, and puts everything back', async () => {
    const { model, ...options } = task();
    const values = () => model.parameters.flatMap((parameter) => [...parameter.dataSync()]);
    const start = values();
    const before = tf.memory().numTensors;
    const optimizer = (learningRate: (step: number) => number) => adam({ learningRate });
    const { rates, losses, suggestion } = await findLearningRate({ model, optimizer, to: 1e4, ...options });
    expect(values()).toEqual(start);
    expect(tf.memory().numTensors).toBe(before);
    expect(rates[0]).toBe(1e-6);
    expect(rates.length).toBe(losses.length);
    expect(rates.length).toBeLessThan(200);
    expect(rates[1]! / rates[0]!).toBeCloseTo(10 ** (10 / 199), 10);
    const final = async (learningRate: number) => {
      const run = { epochs: 3, data: options.data, batchSize: 32 };
      const { losses: own } = await train({
        model: mlp({ sizes: [8, 16, 2], seed: 1 }),
        optimizer: adam({ learningRate }),
        ...run,
      });
      return own.at(-1)!;
    };
    const [found, timid, wild] = [
      await final(suggestion),
      await final(suggestion / 100),
      await final(suggestion * 1000),
    ];
    expect(found).toBeLessThan(0.8 * timid);
    expect(found).toBeLessThan(wild);
  });

  it('refuses ranges that are none, and says so where nothing falls', async () => {
    const { model, data } = task();
    const optimizer = () => adam({ learningRate: 0 });
    await expect(findLearningRate({ model, data, optimizer, from: 1, to: 0.1 })).rejects.toThrow(
      '1 to 0.1 was given',
    );
    await expect(findLearningRate({ model, data, optimizer, steps: 3 })).rejects.toThrow('at least 20 steps');
    const step = { ...task(), batchSize: 320 };
    await expect(findLearningRate({ ...step, optimizer, steps: 20 })).rejects.toThrow(
      'The loss does not fall',
    );
  });
});
