/** What happens to mistakes: a clear message, and no tensor left behind. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mlp } from '../../src/models';
import { adam, sgd } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import {
  crossEntropy,
  evaluateClassifier,
  fit,
  minimize,
  train,
  type TrainOptions,
} from '../../src/training';

afterEach(() => {
  tf.disposeVariables();
  vi.restoreAllMocks();
});

const boom = (): never => {
  throw new Error('boom');
};

describe('a training run that fails', () => {
  const faults: Record<string, [Partial<TrainOptions>, string | RegExp]> = {
    'a loss that throws at once': [{ loss: boom }, 'boom'],
    'a loss that throws late': [
      {
        loss: (outputs) => {
          tf.mean(tf.square(tf.sigmoid(outputs)));
          return boom();
        },
      },
      'boom',
    ],
    'a loss of the wrong shape': [
      { loss: (outputs) => tf.mul<tf.Scalar>(outputs, 2) },
      'The loss of a step must be a scalar, but it is a tensor of the shape [8, 2]',
    ],
    'a loss that is a number': [{ loss: () => 3 as unknown as tf.Scalar }, 'but it is number'],
    'an evaluation that throws': [{ evaluate: boom }, 'boom'],
    'an evaluation that throws between two steps': [{ evaluate: boom, evaluateEvery: 2 }, 'boom'],
    'an evaluation that rejects': [{ evaluate: () => Promise.reject(new Error('boom')) }, 'boom'],
    'a progress display that throws': [{ onProgress: boom }, 'boom'],
    'a progress display that rejects': [{ onProgress: () => Promise.reject(new Error('boom')) }, 'boom'],
    'a callback that rejects': [
      { callbacks: [{ onChunkEnd: () => Promise.reject(new Error('boom')) }] },
      'boom',
    ],
  };
  const runs = Object.keys(faults).flatMap((fault) => [true, false].map((compiled) => ({ fault, compiled })));
  it.each(runs)('$fault (compiled: $compiled) says so and leaves no tensor', async ({ fault, compiled }) => {
    const [options, message] = faults[fault]!;
    const [inputs, labels] = [tf.ones([64, 2]), tf.zeros<tf.Rank.R1>([64], 'int32')];
    const [model, optimizer] = [mlp({ sizes: [2, 4, 2], seed: 1 }), adam()];
    const common = { model, optimizer, data: { inputs, labels }, epochs: 1, batchSize: 8, compiled };
    await train(common);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) await expect(train({ ...common, ...options })).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves nothing of what a failing objective reported before', () => {
    const x = tf.variable(tf.scalar(3));
    const optimizer = sgd({ learningRate: 1 });
    const before = tf.memory().numTensors;
    const objective = () => ({ loss: tf.square<tf.Scalar>(x), bad: tf.ones([2]) as unknown as tf.Scalar });
    expect(() => minimize(optimizer, objective, [x])).toThrow('The bad of a step must be a scalar');
    expect(() => minimize(optimizer, () => tf.square<tf.Scalar>(x) as never, [x])).toThrow(
      'a record with its loss, { loss, … }, but got a tensor',
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(x.dataSync()[0]).toBe(3);
  });
});

describe('labels that are no classes', () => {
  const logits = () => tf.zeros<tf.Rank.R2>([3, 3]);
  it.each([
    [[1, 2, 3], 'The label of row 2 is 3, but the logits have 3 columns: labels are 0 … 2'],
    [[0, -1, 1], 'The label of row 1 is -1'],
    [[0, 1, 1e6], 'The label of row 2 is 1000000'],
  ])('%j are refused by crossEntropy', (labels, message) => {
    const y = tf.tensor1d(labels, 'int32');
    expect(() => crossEntropy(logits(), y)).toThrow(message);
    expect(() => tf.valueAndGrad((x: tf.Tensor) => crossEntropy(x, y))(logits())).toThrow(RangeError);
  });

  const inputs = () => random(1).normal([40, 5]);
  const labels = () => tf.tensor1d([...Array.from({ length: 39 }, (_, i) => i % 4), 4], 'int32');
  it.each([true, false])('are refused by train before a step was made (compiled: %s)', async (compiled) => {
    const model = mlp({ sizes: [5, 4], seed: 1 });
    const start = [...model.parameters[0]!.dataSync()];
    const optimizer = adam();
    const data = { inputs: inputs(), labels: labels() };
    await expect(train({ model, optimizer, data, epochs: 1, batchSize: 8, compiled })).rejects.toThrow(
      'The label of row 39 is 4, but the logits have 4 columns',
    );
    expect([...model.parameters[0]!.dataSync()]).toEqual(start);
    expect(optimizer.iterations).toBe(0);
  });

  it('are refused by evaluateClassifier, with the row among all examples', () => {
    const model = mlp({ sizes: [5, 4], seed: 1 });
    const data = { inputs: inputs(), labels: labels() };
    expect(() => evaluateClassifier(model, data, { batchSize: 16 })).toThrow('The label of row 39 is 4');
  });

  it('may be anything where the loss says what they are', async () => {
    const data = { inputs: inputs(), labels: tf.mul<tf.Tensor1D>(labels(), 100) };
    const loss = (outputs: tf.Tensor, y: tf.Tensor) =>
      tf.losses.meanSquaredError<tf.Tensor, tf.Scalar>(y, tf.sum(outputs, 1));
    const { losses } = await train({
      model: mlp({ sizes: [5, 4] }),
      optimizer: adam(),
      data,
      loss,
      epochs: 1,
      batchSize: 8,
    });
    expect(losses.length).toBe(5);
  });
});

describe('options', () => {
  const model = () => mlp({ sizes: [2, 2] });
  const data = () => ({ inputs: tf.ones([8, 2]), labels: tf.zeros<tf.Rank.R1>([8], 'int32') });
  const valid = () => ({ model: model(), optimizer: adam(), data: data(), epochs: 1, batchSize: 4 });
  const mistakes: Record<string, [object, string | RegExp]> = {
    unknown: [{ learningRate: 1 }, /train has no option learningRate. Its options are: model, optimizer/],
    'an optimizer by name': [{ optimizer: 'adam' }, "such as adam() gives, but got 'adam'"],
    'no model': [{ model: {} }, 'with parameters and apply(inputs)'],
    'one-hot labels': [
      { data: { inputs: tf.ones([8, 2]), labels: tf.zeros([8, 2], 'int32') } },
      'Of one-hot rows take tf.argMax(labels, 1)',
    ],
    'labels that are float32': [
      { data: { inputs: tf.ones([8, 2]), labels: tf.zeros([8]) } },
      'cast class numbers',
    ],
    'labels of another length': [
      { data: { inputs: tf.ones([8, 2]), labels: tf.zeros([7], 'int32') } },
      'inputs [8, 2] and labels [7]',
    ],
    'no data': [{ data: undefined }, 'data must be { inputs, labels }'],
    'data that are arrays': [{ data: { inputs: [[1, 2]], labels: [0] } }, 'data.inputs must be a tensor'],
    'a batch that is too large': [{ batchSize: 9 }, 'A batch holds 1 to 8 examples'],
    'resume without a file': [{ resume: true }, 'resume needs checkpoint'],
    'a checkpoint without a file': [{ checkpoint: {} }, 'checkpoint.file must be the path'],
    'saves every 0 steps': [
      { checkpoint: { file: 'x', every: 0 } },
      'checkpoint.every must be a positive integer',
    ],
    'a policy that does not exist': [{ nonFinite: 'skip' }, "'stop' or 'continue', but skip"],
  };
  it.each(Object.keys(mistakes))('%s: a clear message', async (mistake) => {
    const [options, message] = mistakes[mistake]!;
    await expect(train({ ...valid(), ...options })).rejects.toThrow(message);
  });

  it('a model of tf.layers is told what to do', async () => {
    const layers = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
    await expect(train({ ...valid(), model: layers as never })).rejects.toThrow(
      'Use its own fit(), or make a Model of it',
    );
    const parameters = layers.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const wrapped = {
      name: 'layers',
      parameters,
      apply: (x: tf.Tensor) => layers.apply(x) as tf.Tensor,
      dispose: () => layers.dispose(),
    };
    const { losses } = await train({ ...valid(), model: wrapped });
    expect(losses.length).toBe(2);
  });

  it('fit refuses unknown options and a step that is no function', async () => {
    const step = () => ({ loss: tf.scalar(1) });
    await expect(fit({ step, count: 8, epochs: 1, callback: [] } as never)).rejects.toThrow(
      'fit has no option callback',
    );
    await expect(fit({ step: 3, count: 8, epochs: 1 } as never)).rejects.toThrow('step must be a function');
    await expect(fit({ step, count: 8, epochs: 1, checkpoint: { file: 'x' } })).rejects.toThrow(
      'fit does not know what its step changes',
    );
  });
});

describe('a loss that is no number any more', () => {
  const run = async (nonFinite?: 'stop' | 'continue') => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const x = tf.variable(tf.scalar(10));
    const step = () => {
      const loss = tf.log<tf.Scalar>(x);
      x.assign(tf.sub(x, 1));
      return { loss };
    };
    const result = await fit({ step, count: 40, epochs: 3, batchSize: 1, ...(nonFinite && { nonFinite }) });
    return { ...result, warnings: warn.mock.calls.length };
  };
  it('ends the run after 25 such steps, with the reason', async () => {
    const { reports, stopped, interrupted, warnings } = await run();
    // log 10, …, log 1 = 0, then −∞ and NaN; chunks end at steps 25 and 40.
    expect(stopped).toBe('the loss is NaN since step 11');
    expect(reports.loss.length).toBe(40);
    expect([interrupted, warnings]).toEqual([false, 1]);
  });
  it('goes on if told to', async () => {
    const { reports, stopped, warnings } = await run('continue');
    expect([reports.loss.length, stopped, warnings]).toEqual([120, undefined, 0]);
  });
});
