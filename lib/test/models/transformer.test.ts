import { afterEach, describe, expect, it } from 'vitest';
import { lecun, normal } from '../../src/initializers';
import {
  languageModel,
  maskedLanguageModel,
  parameterCount,
  residualMlp,
  transformerEncoder,
  type ResidualModel,
} from '../../src/models';
import { adam } from '../../src/optimizers';
import { leftBehind, random, tf } from '../../src/runtime';
import { crossEntropy, fit, minimize } from '../../src/training';

afterEach(() => tf.disposeVariables());

const values = (x: tf.Tensor): number[] => [...x.dataSync()];
const deviation = (x: tf.Tensor): number => tf.sqrt(tf.mean(tf.square(x))).dataSync()[0]!;
const parameter = (model: ResidualModel, label: string): tf.Variable =>
  model.parameters.find(({ name }) => name === `${model.name}/${label}`)!;

describe('transformerEncoder', () => {
  const small = { width: 8, layers: 2, heads: 2 };

  it('is its units one after the other', () => {
    for (const norm of ['post', 'pre', 'none'] as const) {
      const encoder = transformerEncoder({ ...small, norm, initializer: lecun() });
      const x = random(1).normal([2, 3, 8]);
      let state = x;
      for (const unit of encoder.units) state = unit.join(state, unit.branch(state));
      expect(values(state)).toEqual(values(encoder.apply(x)));
      expect(encoder.units.map(({ name }) => name)).toEqual(
        ['layer_1', 'layer_2'].flatMap((layer) => [`${layer}/attention`, `${layer}/feed_forward`]),
      );
    }
  });

  it('does not see what the mask hides: it might as well not be there', () => {
    const encoder = transformerEncoder({ ...small, initializer: lecun() });
    const x = random(2).normal([1, 4, 8]);
    const [hidden, shorter] = [
      encoder.apply(x, tf.tensor2d([[1, 1, 1, 0]])).slice([0, 0, 0], [1, 3, 8]),
      encoder.apply(x.slice([0, 0, 0], [1, 3, 8])),
    ];
    const seen = encoder.apply(x).slice([0, 0, 0], [1, 3, 8]);
    values(hidden).forEach((value, i) => expect(value).toBeCloseTo(values(shorter)[i]!, 5));
    expect(Math.max(...values(tf.abs(tf.sub(hidden, seen))))).toBeGreaterThan(0.01);
  });

  it('without normalisation keeps the size of the stream, however deep', () => {
    for (const layers of [1, 12]) {
      const encoder = transformerEncoder({ ...small, layers, norm: 'none', initializer: lecun() });
      const x = random(3).normal([8, 16, 8]);
      const growth = deviation(encoder.apply(x)) / deviation(x);
      expect(growth).toBeGreaterThan(1);
      expect(growth).toBeLessThan(Math.sqrt(Math.E) * 1.15);
    }
  });

  it('starts as BERT does, at any width, with one initializer for all kernels where one is given', () => {
    const kernel = (options: object) =>
      parameter(
        transformerEncoder({ width: 64, layers: 1, heads: 4, ...options }),
        'layer_1/feed_forward/down/kernel',
      );
    const cut = 0.02 * Math.sqrt(768 / 64);
    expect(deviation(kernel({})) / (cut * 0.8796256)).toBeCloseTo(1, 1.8);
    expect(Math.max(...values(tf.abs(kernel({}))))).toBeLessThanOrEqual(Math.fround(2 * cut));
    const given = { initializer: normal({ standardDeviation: 0.5 }) };
    expect(deviation(kernel(given)) / 0.5).toBeCloseTo(1, 1.8);
    expect(values(kernel({ seed: 1 }))).not.toEqual(values(kernel({ seed: 2 })));
  });

  it('runs forward in the shape of BERT-base: 85 million parameters', () => {
    const encoder = transformerEncoder({ width: 768, layers: 12, heads: 12 });
    expect(parameterCount(encoder)).toBe(12 * (4 * (768 ** 2 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768));
    const x = random(5).normal([1, 64, 768]);
    let states = x;
    expect(leftBehind(() => (states = encoder.apply(x))).tensors).toBe(1);
    expect(states.shape).toEqual([1, 64, 768]);
    expect(deviation(states)).toBeCloseTo(1, 3);
  });

  it('refuses heads that do not divide the width, and inputs of another width', () => {
    expect(() => transformerEncoder({ width: 8, layers: 1, heads: 3 })).toThrow('got 8 and 3');
    expect(() => transformerEncoder(small).apply(tf.zeros([1, 2, 9]))).toThrow(
      '[batch, length, 8], but got [1, 2, 9]',
    );
  });
});

describe('maskedLanguageModel', () => {
  const small = { vocabulary: 6, length: 4, width: 8, layers: 1, heads: 2 };
  const labels = (model: ResidualModel) =>
    model.parameters.map(({ name }) => name.slice(model.name.length + 1));

  it('has the head, the normalisations and the output matrix that are asked for', () => {
    const bert = labels(maskedLanguageModel(small));
    expect(bert).toEqual(
      expect.arrayContaining(['embedding/norm/gamma', 'head/dense/kernel', 'head/norm/gamma']),
    );
    expect(bert).not.toContain('output/kernel');
    expect(bert).not.toContain('final/norm/gamma');
    const bare = labels(maskedLanguageModel({ ...small, norm: 'pre', head: false, output: 'untied' }));
    expect(bare.filter((label) => label.startsWith('head'))).toEqual([]);
    expect(bare).toEqual(expect.arrayContaining(['final/norm/gamma', 'output/kernel', 'output/bias']));
    expect(bare).not.toContain('embedding/norm/gamma');
    const none = labels(maskedLanguageModel({ ...small, norm: 'none', head: false }));
    expect(none.filter((label) => label.includes('norm'))).toEqual([]);
  });

  it('looks to both sides, except at padding', () => {
    const model = maskedLanguageModel({ ...small, padding: 0, initializer: lecun() });
    const first = (tokens: number[]) =>
      values(model.apply(tf.tensor2d([tokens], undefined, 'int32'))).slice(0, 6);
    expect(first([1, 2, 3, 4])).not.toEqual(first([1, 2, 3, 5]));
    first([1, 2, 0, 0]).forEach((value, i) => expect(value).toBeCloseTo(first([1, 2])[i]!, 5));
  });

  it('with half-swap prefers another token than the one it sees where the tied model prefers that', () => {
    const best = (output: 'tied' | 'half-swap') => {
      const model = maskedLanguageModel({
        ...small,
        width: 64,
        norm: 'none',
        residualScale: 0,
        head: false,
        output,
      });
      const tokens = tf.tensor2d([[0, 1, 2, 3]], undefined, 'int32');
      parameter(model, 'position/embeddings').assign(tf.zeros([4, 64]));
      return values(tf.argMax(model.apply(tokens), 1));
    };
    expect(best('tied')).toEqual([0, 1, 2, 3]);
    expect(best('half-swap')).not.toEqual([0, 1, 2, 3]);
  });

  it('learns, compiled, the middle of three consecutive tokens from its neighbours', async () => {
    const model = maskedLanguageModel({ ...small, vocabulary: 8, length: 3, seed: 1, initializer: lecun() });
    const starts = tf.range(0, 60, 1, 'int32');
    const texts = tf.mod(tf.add(tf.expandDims(starts, 1), tf.range(0, 3, 1, 'int32')), 7).toInt();
    const hidden = tf.tensor2d([[0, 1, 0]], undefined, 'int32');
    const optimizer = adam({ learningRate: 1e-2 });
    const step = (rows: tf.Tensor1D) => {
      const text = tf.gather(texts, rows);
      const masked = tf.add(tf.mul(text, tf.sub(1, hidden)), tf.mul(7, hidden)).toInt();
      const loss = () => {
        const logits = model.apply(masked).reshape<tf.Tensor3D>([-1, 3, 8]);
        return {
          loss: crossEntropy(
            logits.slice([0, 1, 0], [-1, 1, 8]).reshape([-1, 8]),
            text.slice([0, 1], [-1, 1]).reshape([-1]),
          ),
        };
      };
      return minimize(optimizer, loss, model.parameters);
    };
    const { reports } = await fit({ step, count: 60, epochs: 60, batchSize: 30 });
    expect(reports.loss[0]).toBeGreaterThan(1.5);
    expect(reports.loss.at(-1)).toBeLessThan(0.1);
  });

  it('refuses half-swap of an odd width and texts that are too long', () => {
    const odd = { ...small, width: 5, heads: 1, output: 'half-swap' as const };
    expect(() => maskedLanguageModel(odd)).toThrow('even width, got 5');
    expect(() => maskedLanguageModel(small).apply(tf.zeros([1, 5], 'int32'))).toThrow('have 5 tokens');
  });
});

describe('languageModel', () => {
  it('can have an output matrix of its own, or the embeddings with their halves swapped', () => {
    const shape = { vocabulary: 6, context: 4, width: 8, layers: 1, heads: 2 };
    const untied = languageModel({ ...shape, output: 'untied' });
    expect(parameter(untied, 'output/kernel').shape).toEqual([8, 6]);
    const tokens = tf.tensor2d([[1, 2, 3]], undefined, 'int32');
    const [tied, swapped] = [languageModel(shape), languageModel({ ...shape, output: 'half-swap' })];
    const table = parameter(swapped, 'token/embeddings');
    expect(values(tied.apply(tokens))).not.toEqual(values(swapped.apply(tokens)));
    // Queries and table swapped back: the same products.
    const embeddings = parameter(untied, 'token/embeddings');
    embeddings.assign(table);
    parameter(untied, 'output/kernel').assign(
      tf.transpose(tf.concat([table.slice([0, 4], [6, 4]), table.slice([0, 0], [6, 4])], 1)),
    );
    const expected = values(swapped.apply(tokens));
    values(untied.apply(tokens)).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  });
});

describe('what training follows', () => {
  it('is the stream after each unit and what the unit adds', () => {
    const encoder = transformerEncoder({ width: 8, layers: 1, heads: 2, norm: 'pre', initializer: lecun() });
    const x = random(7).normal([2, 3, 8]);
    const branch = encoder.units[0]!.branch(x);
    const rms = [branch, encoder.units[0]!.join(x, branch)].map(deviation);
    const report = minimize(
      adam({ learningRate: 0 }),
      () => ({ loss: tf.mean<tf.Scalar>(encoder.apply(x)) }),
      encoder.parameters,
      { follow: { activations: /attention/, activationGradients: /attention$/ } },
    ) as Record<string, tf.Scalar>;
    const reported = (label: string) => report[label]!.dataSync()[0]!;
    expect(reported('layer_1/attention/branch/activation/rms')).toBeCloseTo(rms[0]!, 5);
    expect(reported('layer_1/attention/activation/rms')).toBeCloseTo(rms[1]!, 5);
    expect(reported('layer_1/attention/activationGradient/rms')).toBeGreaterThan(0);
    expect(Object.keys(report)).not.toContain('layer_1/attention/branch/activationGradient/rms');
  });
});

describe('residualMlp', () => {
  const shape = { inputs: 20, classes: 3, blocks: 4 };

  it('starts with branches that keep the variance, times the fourth power of the scale', () => {
    for (const [scale, expected] of [
      [1, 1],
      [0.5, 1 / 16],
    ] as const) {
      const model = residualMlp({ ...shape, width: 256, scale, norm: 'pre' });
      const x = random(6).normal([256, 256]);
      expect(deviation(model.units[0]!.branch(x)) ** 2 / expected).toBeCloseTo(1, 0.9);
    }
  });

  it('names its parameters as the field does', () => {
    const model = residualMlp({ ...shape, blocks: 1, norm: 'pre', width: 4 });
    expect(model.parameters.map(({ name }) => name.slice('residual/'.length))).toEqual([
      ...['input/kernel', 'input/bias', 'input/norm/gamma', 'input/norm/beta'],
      ...['block_1/norm/gamma', 'block_1/norm/beta'],
      ...['block_1/up/kernel', 'block_1/up/bias', 'block_1/down/kernel', 'block_1/down/bias'],
      ...['final/norm/gamma', 'final/norm/beta', 'output/kernel', 'output/bias'],
    ]);
    expect(model.apply(tf.zeros([5, 20])).shape).toEqual([5, 3]);
  });

  it('refuses to be without blocks', () => {
    expect(() => residualMlp({ ...shape, blocks: 0 })).toThrow('but 0 were asked for');
  });
});
