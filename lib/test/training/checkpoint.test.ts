/** A run that was interrupted and goes on equals one that was not, bit by bit; a bad file changes nothing. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cnn, mlp, type Model } from '../../src/models';
import { adam, lion, mixed, schedules, sgd, tiger } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { earlyStopping, fit, minimize, train, type RunOptions, type TrainOptions } from '../../src/training';
import { dualAscent, mlpCoders, vae } from '../../src/vae';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liandan-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  tf.disposeVariables();
});

const fileOf = () => join(folder, 'run.safetensors');

/** Two classes of points, a few of them on the wrong side. */
function examples(count = 90, width = 4) {
  const inputs = random(5).normal([count, width]);
  const labels = tf.cast(tf.greater(tf.sum(inputs, 1), 0.3), 'int32') as tf.Tensor1D;
  return { inputs, labels };
}

const bits = (values: ArrayLike<number>) => Buffer.from(Float32Array.from(values).buffer).toString('hex');

/** Starts the same run again and again, each time until a chunk number, and at last to its end. */
async function inLives<Result>(
  life: (
    options: Pick<RunOptions, 'checkpoint' | 'resume' | 'callbacks'> & { signal?: AbortSignal },
  ) => Promise<Result>,
  ends: readonly number[],
  every?: number,
): Promise<Result> {
  for (const end of ends) {
    const controller = new AbortController();
    let chunks = 0;
    const stop = { onChunkEnd: () => void (++chunks === end && controller.abort()) };
    const checkpoint = { file: fileOf(), ...(every && { every }) };
    await life({ checkpoint, resume: true, signal: controller.signal, callbacks: [stop] });
    tf.disposeVariables();
  }
  return life({ checkpoint: { file: fileOf() }, resume: true });
}

describe('an interrupted run that is resumed equals an uninterrupted one', () => {
  type Life = (options: object) => Promise<unknown>;
  const classifier =
    (make: () => { model: Model; optimizer: tf.Optimizer }, options: Partial<TrainOptions> = {}): Life =>
    async (life) => {
      const { model, optimizer } = make();
      const evaluate = () => ({ first: model.parameters[0]!.dataSync()[0]! });
      const common = { data: examples(), epochs: 3, batchSize: 3, seed: 2, evaluate, ...options };
      const run = await train({ model, optimizer, ...common, ...life });
      const { losses, evaluations } = run;
      const weights = await optimizer.getWeights();
      return {
        losses: bits(losses),
        evaluations,
        parameters: model.parameters.map((parameter) => bits(parameter.dataSync())),
        optimizer: Object.fromEntries(
          weights.map(({ name, tensor }) => [name.replace(/^mlp_\d+/, 'mlp'), bits(tensor.dataSync())]),
        ),
      };
    };
  const small = () => mlp({ sizes: [4, 6, 2], seed: 1 });
  const adaptive = () => ({
    model: small(),
    optimizer: adam({ learningRate: schedules.cosine({ from: 0.1, steps: 90 }) }),
  });

  const withNoise: Life = async (life) => {
    const model = vae({
      ...mlpCoders({ sizes: [4, 6], latent: 2, seed: 3 }),
      likelihood: 'gaussian',
      seed: 4,
    });
    const [optimizer, multiplier] = [adam({ learningRate: 0.01 }), dualAscent({ budget: 1, stepSize: 0.01 })];
    const { inputs } = examples();
    const step = (rows: tf.Tensor1D) => {
      const report = minimize(
        optimizer,
        () => model.loss(tf.gather(inputs, rows), multiplier),
        model.parameters,
      );
      multiplier.update(report.rate);
      return report;
    };
    const state = { model, optimizer, multiplier: multiplier.weight };
    const { checkpoint, ...others } = life as { checkpoint?: { file: string } };
    const { reports } = await fit({
      step,
      count: 90,
      epochs: 3,
      batchSize: 3,
      ...others,
      ...(checkpoint && { checkpoint: { ...checkpoint, state } }),
    });
    return {
      reports: Object.fromEntries(Object.entries(reports).map(([name, series]) => [name, bits(series)])),
      parameters: model.parameters.map((parameter) => bits(parameter.dataSync())),
      noise: model.noise.counter.value,
    };
  };

  const cases: Record<string, Life> = {
    'Adam with a schedule': classifier(adaptive),
    'Adam, eager': classifier(adaptive, { compiled: false }),
    'Adam, evaluated between': classifier(adaptive, { evaluateEvery: 7 }),
    'Tiger over micro-steps': classifier(() => ({
      model: small(),
      optimizer: tiger({ accumulationSteps: 4 }),
    })),
    'Lion over micro-steps, clipped, guarded': classifier(() => ({
      model: small(),
      optimizer: lion({ accumulationSteps: 4, clipNorm: 0.1, nonFinite: 'skip' }),
    })),
    'two optimizers': classifier(() => ({
      model: small(),
      optimizer: mixed([
        { match: /bias/, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) },
        { match: /./, optimizer: adam() },
      ]),
    })),
    'RMSProp of TensorFlow.js': classifier(() => ({
      model: small(),
      optimizer: tf.train.rmsprop(0.01, 0.9, 0.5),
    })),
    'a convolutional network': classifier(
      () => ({ model: cnn({ image: [4, 4, 1], filters: [3], classes: 2 }), optimizer: adam() }),
      { data: { ...examples(90, 16), inputs: random(5).normal([90, 4, 4, 1]) } },
    ),
    'noise and a multiplier': withNoise,
  };
  it.each(Object.keys(cases))('%s', async (name) => {
    const life = cases[name]!;
    const whole = await life({});
    tf.disposeVariables();
    // Chunks of up to 25 of 30 batches an epoch: the ends lie within, at the end of and between epochs.
    expect(await inLives(life, [1, 1, 2])).toEqual(whole);
    if (name !== 'Adam with a schedule') return;
    rmSync(fileOf());
    tf.disposeVariables();
    expect(await inLives(life, [2, 3, 5], 4)).toEqual(whole);
  });

  it('goes on beyond its end when it gets more epochs, and returns at once when it has them', async () => {
    const life = (epochs: number) => (options: object) => classifier(adaptive, { epochs })(options);
    const whole = await life(3)({});
    tf.disposeVariables();
    await life(2)({ checkpoint: { file: fileOf() } });
    tf.disposeVariables();
    expect(await life(3)({ checkpoint: { file: fileOf() }, resume: true })).toEqual(whole);
    tf.disposeVariables();
    expect(await life(3)({ checkpoint: { file: fileOf() }, resume: true })).toEqual(whole);
  });

  it('finds its state in a process that made models of the same name before', async () => {
    const life = classifier(adaptive);
    const whole = await life({});
    await inLives(life, [1]);
    mlp({ sizes: [4, 6, 2] });
    mlp({ sizes: [4, 6, 2] });
    rmSync(fileOf());
    const controller = new AbortController();
    await life({
      checkpoint: { file: fileOf() },
      signal: controller.signal,
      callbacks: [{ onChunkEnd: () => controller.abort() }],
    });
    expect(await life({ checkpoint: { file: fileOf() }, resume: true })).toEqual(whole);
  });

  it('early stopping and its best weights go on too', async () => {
    const life: Life = async (options) => {
      const model = small();
      const series = [3, 2, 5, 1, 4, 6, 7, 8, 9];
      let [evaluations, best] = [0, ''];
      const { callbacks = [], ...others } = options as Partial<RunOptions>;
      const stopping = earlyStopping({ monitor: 'error', patience: 2, restoreBest: model });
      const count = {
        onTrainBegin: (run: { evaluations: readonly unknown[] }) =>
          void (evaluations = run.evaluations.length),
      };
      const run = await train({
        model,
        optimizer: adam({ learningRate: 0.1 }),
        data: examples(),
        epochs: 9,
        batchSize: 9,
        evaluate: () => {
          if (series[evaluations] === 1) best = bits(model.parameters[0]!.dataSync());
          return { error: series[evaluations++]! };
        },
        callbacks: [stopping, count, ...callbacks],
        ...others,
      });
      const end = bits(model.parameters[0]!.dataSync());
      return {
        stopped: run.stopped,
        errors: run.evaluations.map(({ error }) => error),
        end,
        isBest: best === '' || best === end,
      };
    };
    const whole = await life({});
    expect(whole).toMatchObject({
      stopped: 'error has not improved on 1 in 3 evaluations',
      errors: [3, 2, 5, 1, 4, 6, 7],
      isBest: true,
    });
    tf.disposeVariables();
    expect(await inLives(life, [2, 3, 1])).toEqual(whole);
    tf.disposeVariables();
    // The run is over: nothing more happens.
    expect(await life({ checkpoint: { file: fileOf() }, resume: true })).toEqual(whole);
  });
});

describe('a checkpoint file', () => {
  const start = (options: Partial<TrainOptions> = {}, sizes = [4, 6, 2]) => {
    const model = mlp({ sizes, seed: 1 });
    const optimizer = adam();
    const run = train({
      model,
      optimizer,
      data: examples(),
      epochs: 2,
      batchSize: 9,
      checkpoint: { file: fileOf() },
      ...options,
    });
    return { model, optimizer, run };
  };

  it('is not overwritten by accident', async () => {
    await start().run;
    const before = readFileSync(fileOf());
    await expect(start().run).rejects.toThrow(
      'Give resume: true to go on from it, or resume: false to start anew',
    );
    expect(readFileSync(fileOf()).equals(before)).toBe(true);
    const { losses } = await start({ resume: false, epochs: 1 }).run;
    expect(losses.length).toBe(10);
    expect(readFileSync(fileOf()).equals(before)).toBe(false);
  });

  it('that is damaged is refused, and nothing is changed', async () => {
    await start().run;
    const good = readFileSync(fileOf());
    const model = mlp({ sizes: [4, 6, 2], seed: 1 });
    const optimizer = adam();
    const values = () => bits(model.parameters.flatMap((parameter) => [...parameter.dataSync()]));
    const before = values();
    const tensors = tf.memory().numTensors;
    const resume = () =>
      train({
        model,
        optimizer,
        data: shared,
        epochs: 2,
        batchSize: 9,
        checkpoint: { file: fileOf() },
        resume: true,
      });
    const shared = examples();
    const held = tf.memory().numTensors;
    const refused = async (content: Buffer, what: string) => {
      writeFileSync(fileOf(), content);
      await expect(resume(), what).rejects.toThrow(/damaged|no checkpoint/);
      expect(readFileSync(fileOf()).equals(content)).toBe(true);
    };
    expect(tensors).toBeLessThan(held);
    for (let i = 0; i < 60; i++) {
      await refused(good.subarray(0, Math.floor((good.length * i) / 60)), `truncated ${i}`);
    }
    for (let i = 0; i < 150; i++) {
      const flipped = Buffer.from(good);
      const bit = (i * 7919 + 13) % (8 * good.length);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await refused(flipped, `bit ${bit}`);
    }
    await refused(Buffer.concat([good, Buffer.from([0])]), 'longer');
    await refused(Buffer.alloc(good.length), 'zeros');
    expect(values()).toBe(before);
    expect(optimizer.iterations).toBe(0);
    expect(tf.memory().numTensors).toBe(held);
    writeFileSync(fileOf(), good);
    expect((await resume()).losses.length).toBe(20);
  });

  it('of another run is refused with what differs', async () => {
    await start().run;
    const refused = async (message: string | RegExp, options: Partial<TrainOptions>, sizes?: number[]) => {
      const { model, optimizer, run } = start({ resume: true, ...options }, sizes);
      const before = bits(model.parameters[0]!.dataSync());
      await expect(run).rejects.toThrow(message);
      expect(bits(model.parameters[0]!.dataSync())).toBe(before);
      expect(optimizer.iterations).toBe(0);
    };
    await refused('is of a run with batchSize 9, but this one has batchSize 10', { batchSize: 10 });
    await refused('is of a run with seed 0, but this one has seed 1', { seed: 1 });
    await refused('is of a run with count 90, but this one has count 80', { data: examples(80) });
    await refused('is of a run with evaluateEvery null', { evaluateEvery: 5 });
    await refused(/the part optimizer is a \w*Adam, but this run's is a \w*Lion/, {
      optimizer: lion(),
    });
    await refused('has the shape [4, 6], but [4, 7] is expected', {}, [4, 7, 2]);
    await refused('number 5 is missing there and dense_3/kernel here', {}, [4, 6, 2, 2]);
    await refused('number 3 is missing there and noise here', {
      checkpoint: { file: fileOf(), state: { noise: random(1) } },
    });
    writeFileSync(fileOf(), 'a text of mine that is no checkpoint');
    await refused('is damaged or no safetensors file', {});
  });

  it('that cannot be written ends the run with the reason, and the last good one stays', async () => {
    await start().run;
    const before = readFileSync(fileOf());
    const blocked = join(fileOf(), 'below', 'run.safetensors');
    await expect(start({ checkpoint: { file: blocked } }).run).rejects.toThrow(
      /could not be written \(ENOTDIR/,
    );
    expect(readFileSync(fileOf()).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['run.safetensors']);
  });

  it('keeps a symbolic link and permissions, and makes its folder', async () => {
    const target = join(folder, 'kept', 'target.safetensors');
    await start({ checkpoint: { file: target } }).run;
    const link = join(folder, 'link.safetensors');
    symlinkSync(target, link);
    writeFileSync(target, readFileSync(target), { mode: 0o600 });
    rmSync(target);
    writeFileSync(target, '', { mode: 0o600 });
    await start({ checkpoint: { file: link }, resume: false }).run;
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(readFileSync(link).length).toBeGreaterThan(100);
    expect(readdirSync(join(folder, 'kept'))).toEqual(['target.safetensors']);
  });

  it('removes what writers that were killed left', async () => {
    // No process has a number beyond the largest that Linux gives.
    const abandoned = `${fileOf()}.${2 ** 22 + 1}-0123abcd.tmp`;
    writeFileSync(abandoned, 'half a checkpoint');
    const neighbour = join(folder, 'run.safetensors.mine.tmp');
    writeFileSync(neighbour, 'not ours');
    await start().run;
    expect(readdirSync(folder).sort()).toEqual(['run.safetensors', 'run.safetensors.mine.tmp']);
  });
});

describe('state that a checkpoint would not contain', () => {
  const { file } = { file: 'never-written.safetensors' };
  const refused = async (
    step: () => { loss: tf.Scalar },
    state: object,
    message: string | RegExp,
    compiled: boolean,
  ) => {
    const checkpoint = { file: join(folder, file), state } as never;
    await expect(fit({ step, count: 8, epochs: 1, batchSize: 4, compiled, checkpoint })).rejects.toThrow(
      message,
    );
    expect(readdirSync(folder)).toEqual([]);
  };
  it.each([true, false])('is found in the first step and named (compiled: %s)', async (compiled) => {
    const x = tf.variable(tf.scalar(1), true, 'model/x');
    const counter = tf.variable(tf.scalar(0), false, 'seen');
    const [optimizer, other, noise] = [adam(), lion(), random(7)];
    const descend = (by: tf.Optimizer) => () => minimize(by, () => ({ loss: tf.square<tf.Scalar>(x) }), [x]);
    await refused(descend(optimizer), { x }, /changes the variable optimizer\d+\/model\/x\/\w+,/, compiled);
    await refused(descend(optimizer), { optimizer }, 'changes the variable model/x', compiled);
    await refused(
      descend(other),
      { x, optimizer },
      /changes the variable optimizer\d+\/model\/x\/momentum/,
      compiled,
    );
    const counting = () => {
      counter.assign(tf.add(counter, 1));
      return descend(optimizer)();
    };
    await refused(counting, { x, optimizer }, 'changes the variable seen', compiled);
    const noisy = () => {
      x.assign(noise.normal([]) as tf.Scalar);
      return { loss: x.clone() as tf.Scalar };
    };
    await refused(noisy, { x }, 'the random stream with the seed 7', compiled);
    const checkpoint = { file: join(folder, file), state: { x, noise, counter, optimizer } };
    await fit({ step: noisy, count: 8, epochs: 1, batchSize: 4, compiled, checkpoint });
  });
});
