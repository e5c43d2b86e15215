import { afterEach, describe, expect, it } from 'vitest';
import { languageModel, parameterCount } from '../../src/models';
import { adam } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { crossEntropy, fit, minimize } from '../../src/training';

afterEach(() => tf.disposeVariables());

const logitsOf = (model: ReturnType<typeof languageModel>, tokens: number[][]): Float32Array =>
  tf.tidy(() => model.apply(tf.tensor2d(tokens, undefined, 'int32')).dataSync() as Float32Array);

describe('languageModel', () => {
  it('looks back only: a later token changes no earlier prediction, and changes its own', () => {
    const model = languageModel({ vocabulary: 7, context: 5, width: 8, heads: 2, seed: 1 });
    const [first, second] = [logitsOf(model, [[1, 2, 3, 4, 5]]), logitsOf(model, [[1, 2, 3, 6, 5]])];
    expect(first.slice(0, 21)).toEqual(second.slice(0, 21));
    expect(first.slice(21, 28)).not.toEqual(second.slice(21, 28));
    expect(first.slice(28)).not.toEqual(second.slice(28));
  });

  it('treats the texts of a batch alike and apart, and takes texts shorter than its context', () => {
    const model = languageModel({ vocabulary: 7, context: 5, width: 8, heads: 2 });
    const [alone, together] = [
      logitsOf(model, [[3, 1, 4]]),
      logitsOf(model, [
        [2, 6, 5],
        [3, 1, 4],
      ]),
    ];
    alone.forEach((value, i) => expect(together[21 + i]).toBeCloseTo(value, 5));
  });

  it('without its blocks’ outputs is the normalised embedding against the embeddings', () => {
    const model = languageModel({ vocabulary: 3, context: 2, width: 2, heads: 1, layers: 1 });
    const set = (label: string, values: number[]): void => {
      const variable = model.parameters.find(({ name }) => name.endsWith(label)) as tf.Variable;
      variable.assign(tf.tensor(values, variable.shape));
    };
    set('attention/output/kernel', [0, 0, 0, 0]);
    set('feed_forward/down/kernel', Array<number>(16).fill(0));
    set('token/embeddings', [1, 3, 5, 1, 0, 2]);
    set('position/embeddings', [0, 0, 2, 0]);
    // Token 0 at 0: (1, 3) → (−1, 1); token 1 at 1: (7, 1) → (1, −1). Against (1, 3), (5, 1), (0, 2).
    const expected = [2, -4, 2, -2, 4, -2];
    logitsOf(model, [[0, 1]]).forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 4));
  });

  it('names and counts its parameters', () => {
    const model = languageModel({ vocabulary: 50, context: 16, width: 8, layers: 3, heads: 2 });
    const perLayer = 4 * (8 * 8 + 8) + (8 * 32 + 32) + (32 * 8 + 8) + 4 * 8;
    expect(parameterCount(model)).toBe(50 * 8 + 16 * 8 + 3 * perLayer + 2 * 8);
    expect(model.parameters.map(({ name }) => name)).toContain('lm/layer_3/attention/query/kernel');
  });

  it('learns, compiled, that each token is followed by the next', async () => {
    const model = languageModel({ vocabulary: 5, context: 8, width: 16, heads: 2, layers: 1, seed: 2 });
    const starts = random(3).integers([64], { max: 5 });
    const texts = tf.tidy(() =>
      tf.mod(tf.add(tf.expandDims(starts, 1), tf.range(0, 9, 1, 'int32')), 5).toInt(),
    );
    const optimizer = adam({ learningRate: 1e-2 });
    const step = (rows: tf.Tensor1D) => {
      const text = tf.gather(texts, rows);
      const [now, next] = [text.slice([0, 0], [-1, 8]), text.slice([0, 1], [-1, 8])];
      const loss = () => ({ loss: crossEntropy(model.apply(now), next.reshape([-1])) });
      return minimize(optimizer, loss, model.parameters);
    };
    const { reports } = await fit({ step, count: 64, epochs: 40, batchSize: 32 });
    expect(reports.loss[0]).toBeGreaterThan(1);
    expect(reports.loss.at(-1)).toBeLessThan(0.05);
  });

  it('refuses a width that its heads do not divide, and texts longer than its context', () => {
    expect(() => languageModel({ vocabulary: 5, context: 4, width: 10, heads: 4 })).toThrow('got 10 and 4');
    const model = languageModel({ vocabulary: 5, context: 2, width: 4, heads: 1 });
    expect(() => logitsOf(model, [[1, 2, 3]])).toThrow('have 3 tokens, but the context is 2');
  });
});
