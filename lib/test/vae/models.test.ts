import { afterEach, describe, expect, it } from 'vitest';
import { chain, mlp, textConvolution } from '../../src/models';
import { adam } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { crossEntropy, evaluateClassifier, fit, minimize } from '../../src/training';
import {
  autoencoder,
  bernoulliNegativeLogLikelihood,
  bottleneck,
  convolutionalCoders,
  dualAscent,
  gaussianKl,
  gaussianNegativeLogLikelihood,
  mlpCoders,
  splitGaussian,
  vae,
  vib,
} from '../../src/vae';

afterEach(() => tf.disposeVariables());

const numbers = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const scalar = (tensor: tf.Tensor) => tensor.dataSync()[0] as number;

describe('likelihoods', () => {
  it('Bernoulli: −Σ x log p + (1 − x) log(1 − p), also for large logits', () => {
    const logits = tf.tensor2d([
      [0, Math.log(3)],
      [200, -200],
    ]);
    const targets = tf.tensor2d([
      [1, 0.5],
      [1, 0],
    ]);
    const [first, second] = numbers(bernoulliNegativeLogLikelihood(logits, targets));
    // log 2 − ½ log 0.75 − ½ log 0.25
    expect(first).toBeCloseTo(Math.LN2 - 0.5 * Math.log(0.1875), 5);
    expect(second).toBe(0);
  });

  it('Gaussian: ½Σ((x − m)²/σ² + log 2πσ²)', () => {
    const value = scalar(
      gaussianNegativeLogLikelihood(tf.tensor2d([[1, 2]]), tf.tensor2d([[0, 2]]), { standardDeviation: 0.5 }),
    );
    expect(value).toBeCloseTo(2 + 2 * Math.log(0.5) + Math.log(2 * Math.PI), 5);
  });
});

describe('VB-3: a bottleneck whose labels are its inputs, with weight 1, is a variational autoencoder', () => {
  it('has the same loss and the same gradients', () => {
    const coders = mlpCoders({ sizes: [6, 5], latent: 2, seed: 3 });
    const images = random(4).uniform([7, 6]);
    const asVae = vae({ ...coders, seed: 5 });
    const asVib = vib({
      encoder: coders.encoder,
      head: coders.decoder,
      taskLoss: (logits, pixels) => tf.mean(bernoulliNegativeLogLikelihood(logits, pixels)),
      seed: 5,
    });
    const one = tf.variableGrads(() => asVae.loss(images).loss, [...asVae.parameters]);
    const other = tf.variableGrads(
      () => asVib.loss(images, images, { weight: 1 }).loss,
      [...asVib.parameters],
    );
    expect(scalar(one.value)).toBe(scalar(other.value));
    for (const { name } of asVae.parameters) {
      expect(numbers(one.grads[name]!)).toEqual(numbers(other.grads[name]!));
    }
  });
});

describe('VB-5: the bottleneck', () => {
  const code = {
    mean: tf.tensor2d([
      [1, 2],
      [3, 4],
    ]),
    logVariance: tf.zeros([2, 2]),
  };

  it('draws in training, each time anew, and gives the mean otherwise', () => {
    const noise = random(1);
    const [first, second] = [bottleneck(code, { noise }).z, bottleneck(code, { noise }).z].map(numbers);
    expect(first).not.toEqual(second);
    expect(numbers(bottleneck(code).z)).toEqual([1, 2, 3, 4]);
    expect(numbers(bottleneck(code).z)).toEqual(numbers(bottleneck(code).z));
  });

  it('takes the mean over the batch and the sum over the dimensions', () => {
    // ½(1 + 4) and ½(9 + 16)
    expect(scalar(bottleneck(code).rate)).toBeCloseTo((2.5 + 12.5) / 2, 6);
  });
});

describe('vib', () => {
  const make = () =>
    vib({ encoder: mlp({ sizes: [2, 8, 4], seed: 1 }), head: mlp({ sizes: [2, 3], seed: 2 }), seed: 3 });

  it('is evaluated at the mean, or averaged over samples', () => {
    const model = make();
    const x = random(9).normal([4, 2]);
    expect(numbers(model.apply(x))).toEqual(numbers(model.apply(x)));
    const averaged = model.averagedLogProbabilities(x, { samples: 3 });
    expect(averaged.shape).toEqual([4, 3]);
    numbers(tf.sum(tf.exp(averaged), 1)).forEach((total) => expect(total).toBeCloseTo(1, 5));
    // With one sample and no noise it is the evaluation at the mean.
    const noise = { normal: (shape: number[]) => tf.zeros(shape) };
    const silent = numbers(model.averagedLogProbabilities(x, { samples: 1, noise }));
    numbers(tf.logSoftmax(model.apply(x))).forEach((value, i) => expect(silent[i]).toBeCloseTo(value, 5));
  });

  it('VB-9: collapses under a large weight and learns under a small one', async () => {
    const x = random(1).normal([400, 2]);
    const y = tf.cast(tf.greater(tf.sum(x, 1), 0), 'int32') as tf.Tensor1D;
    const trained = async (weight: number) => {
      const model = make();
      const optimizer = adam({ learningRate: 0.01 });
      const step = (rows: tf.Tensor1D) =>
        minimize(
          optimizer,
          () => model.loss(tf.gather(x, rows), tf.gather(y, rows), { weight }),
          model.parameters,
        );
      const { reports } = await fit({ step, count: 400, epochs: 20, batchSize: 40, compiled: false });
      const { accuracy, loss } = evaluateClassifier(model, { inputs: x, labels: y });
      return { rate: reports.rate.at(-1)!, accuracy, loss };
    };
    const [free, squeezed] = [await trained(0), await trained(30)];
    expect(free.accuracy).toBeGreaterThan(0.97);
    expect(free.rate).toBeGreaterThan(2);
    expect(squeezed.rate).toBeLessThan(0.2);
    expect(squeezed.loss).toBeGreaterThan(0.65);
  });

  it('leaves no tensor behind', () => {
    const model = make();
    const [x, y] = [tf.zeros([4, 2]), tf.tensor1d([0, 1, 2, 0], 'int32')];
    const before = tf.memory().numTensors;
    tf.dispose(model.loss(x, y));
    tf.dispose(model.encode(x));
    tf.dispose(model.averagedLogProbabilities(x, { samples: 2 }));
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before - 6);
  });
});

describe('autoencoders', () => {
  it('decode to probabilities, and split the loss into its parts', () => {
    const model = vae(mlpCoders({ sizes: [6, 5], latent: 2 }));
    const x = random(1).uniform([3, 6]);
    const { loss, reconstruction, rate } = model.loss(x, { weight: 0.5 });
    expect(scalar(loss)).toBeCloseTo(scalar(reconstruction) + 0.5 * scalar(rate), 5);
    const decoded = numbers(model.decode(tf.zeros([1, 2])));
    expect(decoded.length).toBe(6);
    decoded.forEach((p) => expect(p > 0 && p < 1).toBe(true));
  });

  it('without noise and divergence have the loss of the decoded code', () => {
    const model = autoencoder(mlpCoders({ sizes: [6, 5], latent: 2, outputsPerDimension: 1 }));
    const x = random(1).uniform([3, 6]);
    const p = model.decode(model.encode(x));
    const nats = tf.neg(tf.add(tf.mul(x, tf.log(p)), tf.mul(tf.sub(1, x), tf.log(tf.sub(1, p)))));
    expect(scalar(model.loss(x).loss)).toBeCloseTo(scalar(tf.mean(tf.sum(nats, 1))), 4);
  });

  it('with convolutions learn a picture, compiled, and refuse other sizes', async () => {
    const coders = convolutionalCoders({ height: 8, width: 12, filters: [4, 6], hidden: 10, latent: 3 });
    const model = vae(coders);
    const picture = tf.cast(tf.greater(random(2).uniform([1, 96]), 0.5), 'float32');
    const data = tf.tile(picture, [16, 1]);
    expect(model.decode(tf.zeros([2, 3])).shape).toEqual([2, 96]);
    const optimizer = adam({ learningRate: 0.01 });
    const step = (rows: tf.Tensor1D) =>
      minimize(optimizer, () => model.loss(tf.gather(data, rows)), model.parameters);
    const { reports } = await fit({ step, count: 16, epochs: 150, batchSize: 16 });
    // 96 fair coins cost 96 log 2 = 66.5 nats; a picture that is known costs nothing.
    expect(reports.loss[0]).toBeGreaterThan(60);
    expect(reports.loss.at(-1)).toBeLessThan(15);
    expect(() => convolutionalCoders({ height: 10, latent: 2 })).toThrow('but 10 × 28 was given');
  });
});

describe('dualAscent', () => {
  it('is β ← max(0, β + α(rate − budget)), also in a compiled step', async () => {
    const multiplier = dualAscent({ budget: 2, stepSize: 0.5, initial: 1 });
    const rates = tf.tensor1d([3, 0, 0, 5]);
    const seen: number[] = [];
    for (const rate of tf.unstack(rates)) {
      multiplier.update(rate as tf.Scalar);
      seen.push(scalar(multiplier.weight));
    }
    // 1 + ½, 1.5 − 1, max(0, 0.5 − 1), 0 + 1.5
    expect(seen).toEqual([1.5, 0.5, 0, 1.5]);
    const step = (rows: tf.Tensor1D) => {
      const rate = tf.sum<tf.Scalar>(tf.gather(rates, rows));
      multiplier.update(rate);
      return { loss: rate, weight: multiplier.weight.clone() };
    };
    const { reports } = await fit({ step, count: 1, epochs: 3, batchSize: 1 });
    expect(reports.weight).toEqual([2, 2.5, 3]);
  });

  it('refuses a negative budget', () => {
    expect(() => dualAscent({ budget: -1, stepSize: 1 })).toThrow('The budget of a dual ascent');
  });
});

describe('models of texts', () => {
  it('a convolution finds its pattern wherever it stands', () => {
    const model = textConvolution({ vocabulary: 4, embedding: 2, filters: 1, span: 2, seed: 1 });
    const [table, kernel, bias] = model.parameters;
    table!.assign(
      tf.tensor2d([
        [0, 0],
        [1, 0],
        [0, 1],
        [0, 0],
      ]),
    );
    kernel!.assign(tf.tensor2d([[1], [0], [0], [1]]));
    bias!.assign(tf.tensor1d([-1]));
    const texts = tf.tensor2d(
      [
        [0, 1, 2, 3],
        [1, 2, 0, 0],
        [2, 1, 3, 2],
      ],
      [3, 4],
      'int32',
    );
    // 1 then 2 gives 1 + 1 − 1; otherwise at most 1 − 1.
    expect(numbers(model.apply(texts))).toEqual([1, 1, 0]);
    expect(() => model.apply(tf.zeros([1, 1], 'int32'))).toThrow('a filter spans 2');
  });

  it('a chain applies its models in order and trains them together', () => {
    const [first, second] = [mlp({ sizes: [2, 3] }), mlp({ sizes: [3, 2], seed: 1 })];
    const model = chain(first, second);
    const x = random(1).normal([4, 2]);
    expect(numbers(model.apply(x))).toEqual(numbers(second.apply(first.apply(x))));
    expect(model.parameters.length).toBe(4);
    const labels = tf.tensor1d([0, 1, 0, 1], 'int32');
    const { grads } = tf.variableGrads(() => crossEntropy(model.apply(x), labels), [...model.parameters]);
    Object.values(grads).forEach((gradient) => expect(scalar(tf.max(tf.abs(gradient)))).toBeGreaterThan(0));
    expect(() => chain()).toThrow('at least one model');
  });
});

describe('a bound on log-variances', () => {
  const outputs = (logVariances: number[]) => tf.tensor2d(logVariances.map((value) => [0.5, value]));

  it('keeps the divergence and its gradient finite for every output of an encoder', () => {
    const [values, gradients] = [20, undefined].map((logVarianceBound) => {
      const kl = (x: tf.Tensor) => tf.sum(gaussianKl(splitGaussian(x, { logVarianceBound })));
      const { value, grad } = tf.valueAndGrad(kl)(outputs([-1e4, -200, 0, 89, 1e4]));
      return [numbers(value), numbers(grad)].map((of) => of.every(Number.isFinite));
    });
    expect(values).toEqual([true, true]);
    expect(gradients).toEqual([false, false]);
  });

  it('hardly changes small outputs, and a value at the bound is there', () => {
    const { logVariance } = splitGaussian(outputs([0, 1, -2, 300]), { logVarianceBound: 20 });
    numbers(logVariance).forEach((value, i) => expect(value).toBeCloseTo([0, 1, -2, 20][i]!, 1));
    expect(numbers(logVariance)[1]).toBeCloseTo(1 / Math.sqrt(1 + (1 / 20) ** 2), 5);
  });

  it('is an option of vae and vib, and is checked', () => {
    const coders = mlpCoders({ sizes: [4, 3], latent: 1 });
    const model = vae({ ...coders, logVarianceBound: 5 });
    const images = tf.mul(1e6, tf.ones([2, 4]));
    const { logVariance } = model.encode(images);
    expect(Math.max(...numbers(tf.abs(logVariance)))).toBeLessThanOrEqual(5);
    const head = mlp({ sizes: [1, 2] });
    const bounded = vib({ encoder: coders.encoder, head, logVarianceBound: 5 });
    expect(Math.max(...numbers(tf.abs(bounded.encode(images).logVariance)))).toBeLessThanOrEqual(5);
    expect(() => vae({ ...coders, logVarianceBound: 100 })).toThrow('between 0 and 88, but 100 was given');
    expect(() => vib({ encoder: coders.encoder, head, logVarianceBound: 0 })).toThrow('but 0 was given');
  });
});
