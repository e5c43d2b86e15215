/** One builder under all models: what it draws, what it names, what users make with it. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import * as initializers from '../../src/initializers';
import {
  cnn,
  languageModel,
  layers,
  maskedLanguageModel,
  mlp,
  ParameterScope,
  residualMlp,
  textConvolution,
  transformerEncoder,
  type Model,
} from '../../src/models';
import { adam, tiger } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { train } from '../../src/training';
import { convolutionalCoders, mlpCoders } from '../../src/vae';

afterEach(() => tf.disposeVariables());

type Common = { initializer?: initializers.Initializer; seed?: number };
const codersOf = { sizes: [9, 6], latent: 2 };
const convolutionalOf = { height: 8, width: 8, filters: [2, 3] as const, hidden: 5, latent: 2 };
const models: Record<string, [(options?: Common) => Pick<Model, 'parameters'>, digest: string]> = {
  mlp: [(more) => mlp({ sizes: [7, 5, 3], seed: 1, ...more }), '4ae0dfe06c13cd73'],
  'mlp with tanh': [
    (more) => mlp({ sizes: [7, 5, 3], activation: 'tanh', seed: 2, ...more }),
    '006cfadc87ae7ae6',
  ],
  cnn: [
    (more) => cnn({ image: [8, 8, 2], filters: [3, 4], classes: 5, seed: 3, ...more }),
    '8b847e1c8eff45a6',
  ],
  textConvolution: [
    (more) => textConvolution({ vocabulary: 11, embedding: 4, filters: 6, seed: 4, ...more }),
    '14b455d129954a00',
  ],
  languageModel: [
    (more) => languageModel({ vocabulary: 9, context: 5, width: 8, heads: 2, seed: 5, ...more }),
    '831d19b08037bc3d',
  ],
  maskedLanguageModel: [
    (more) =>
      maskedLanguageModel({ vocabulary: 9, length: 5, width: 8, heads: 2, layers: 2, seed: 6, ...more }),
    '680782b45e2cd2a7',
  ],
  residualMlp: [
    (more) => residualMlp({ inputs: 6, classes: 3, blocks: 2, width: 4, seed: 7, ...more }),
    '90d5866e97d93c02',
  ],
  transformerEncoder: [
    (more) => transformerEncoder({ width: 8, heads: 2, layers: 1, seed: 8, ...more }),
    '03057d95a4222113',
  ],
  'the encoder of mlpCoders': [
    (more) => mlpCoders({ ...codersOf, seed: 9, ...more }).encoder,
    '00524678116c1715',
  ],
  'the decoder of mlpCoders': [
    (more) => mlpCoders({ ...codersOf, seed: 9, ...more }).decoder,
    '79fa037133455914',
  ],
  'the encoder of convolutionalCoders': [
    (more) => convolutionalCoders({ ...convolutionalOf, seed: 10, ...more }).encoder,
    '5b08d1af7f39a018',
  ],
  'the decoder of convolutionalCoders': [
    (more) => convolutionalCoders({ ...convolutionalOf, seed: 10, ...more }).decoder,
    'b3081c9b69158b71',
  ],
};

describe.each(Object.keys(models))('%s', (name) => {
  const [make, digest] = models[name]!;

  it('starts with the numbers of its seed, as in every version before', () => {
    const hash = createHash('sha256');
    for (const parameter of make().parameters)
      hash.update(Uint8Array.from(Buffer.from(parameter.dataSync().slice().buffer)));
    expect(hash.digest('hex').slice(0, 16)).toBe(digest);
  });

  it('names its parameters as the field does', () => {
    for (const parameter of make().parameters) {
      expect(parameter.name).toMatch(/^[a-z]+(\/[a-z_]+(_\d+)?)+\/(kernel|bias|embeddings|gamma|beta)$/);
      expect(parameter.shape.length > 1).toBe(/(kernel|embeddings)$/.test(parameter.name));
    }
  });

  it('draws kernels and embeddings from the initializer that it is given, and nothing else', () => {
    const given = make({ initializer: initializers.constant(0.25) });
    for (const parameter of given.parameters) {
      const { name } = parameter;
      const expected = /(kernel|embeddings)$/.test(name) ? 0.25 : name.endsWith('gamma') ? 1 : 0;
      expect([name, ...new Set(parameter.dataSync())]).toEqual([name, expected]);
    }
  });

  it('refuses options that it does not have', () => {
    const before = tf.memory().numTensors;
    expect(() => make({ layerz: 3 } as Common)).toThrow(/has no option layerz\. Its options are: /);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('an activation', () => {
  it('may be any of the list, in an MLP too', () => {
    const x = random(1).normal([5, 3]);
    const of = (activation: 'gelu' | 'linear') => mlp({ sizes: [3, 4, 2], activation, seed: 1 });
    const gelu = of('gelu');
    const [w1, , w2] = gelu.parameters as [tf.Variable, tf.Variable, tf.Variable];
    const expected = tf.matMul(layers.activations.gelu(tf.matMul(x, w1)), w2 as tf.Tensor2D).dataSync();
    expect([...gelu.apply(x).dataSync()]).toEqual([...expected]);
    expect(() => mlp({ sizes: [2, 2], activation: 'swish' as never })).toThrow(
      "The activation of an MLP is one of 'relu', 'gelu', 'tanh', 'linear', but 'swish' was given.",
    );
    expect(() => mlp({ layers: [2, 2] } as never)).toThrow('mlp has no option layers');
    expect(() => mlp({} as never)).toThrow('but nothing was given');
  });
});

describe('a model that a user builds', () => {
  it('trains, is found by rules of names, and is freed', async () => {
    const before = tf.memory().numTensors;
    const scope = new ParameterScope('reader', { seed: 1 });
    const { embed } = layers.embedding(scope, 'token', { vocabulary: 20, width: 6 });
    const attend = layers.selfAttention(scope, 'attention', { width: 6, heads: 2 });
    const normalize = layers.layerNormalization(scope, 'attention', 6);
    const classify = layers.dense(scope, 'output', { inputs: 6, outputs: 2 });
    const model = scope.model((tokens) => {
      const states = embed(tokens);
      return classify(tf.mean(normalize(tf.add(states, attend(states))), 1));
    });
    expect(model.parameters.map(({ name }) => name).slice(0, 3)).toEqual([
      'reader/token/embeddings',
      'reader/attention/query/kernel',
      'reader/attention/query/bias',
    ]);
    const inputs = random(2).integers([64, 5], { max: 20 });
    const labels = tf.tidy(() => tf.cast(tf.greater(tf.sum(inputs, 1), 47), 'int32') as tf.Tensor1D);
    const optimizer = adam({ learningRate: 0.01 });
    const { losses } = await train({
      model,
      optimizer,
      data: { inputs, labels },
      epochs: 20,
      batchSize: 16,
      compiled: false,
    });
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!);
    tf.dispose([inputs, labels]);
    optimizer.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has convolutions that shrink and grow', () => {
    const scope = new ParameterScope('pictures');
    const shrink = layers.convolution(scope, 'down', { inputs: 1, outputs: 4, stride: 2, span: 5 });
    const grow = layers.transposedConvolution(scope, 'up', { inputs: 4, outputs: 1, stride: 2 });
    const x = random(1).normal([2, 8, 6, 1]);
    expect(shrink(x).shape).toEqual([2, 4, 3, 4]);
    expect(grow(shrink(x)).shape).toEqual([2, 8, 6, 1]);
    expect(scope.parameters.map(({ shape }) => shape)).toEqual([[5, 5, 1, 4], [4], [3, 3, 1, 4], [1]]);
    // Var Σ over 4 channels and a quarter of 9 places of w·x is 2 · E x² for the default kernel, inside of the edges.
    const wide = layers.transposedConvolution(new ParameterScope('wide', { seed: 3 }), 'up', {
      inputs: 64,
      outputs: 64,
      stride: 2,
    });
    const inner = wide(random(4).normal([4, 12, 12, 64])).slice([0, 4, 4, 0], [4, 16, 16, 64]);
    expect(tf.mean(tf.square(inner)).dataSync()[0]).toBeCloseTo(2, 0.7);
  });

  it('Tiger treats its embeddings row by row, as those of the models here', () => {
    const rule = tiger().settings.rowwise as RegExp;
    const rowwise = ({ parameters }: Pick<Model, 'parameters'>) =>
      parameters.map(({ name }) => name).filter((name) => rule.test(name));
    expect(rowwise(textConvolution({ vocabulary: 11, embedding: 4, filters: 6 }))).toEqual([
      'text/token/embeddings',
    ]);
    expect(rowwise(languageModel({ vocabulary: 9, context: 5, width: 8, heads: 2 }))[0]).toBe(
      'lm/token/embeddings',
    );
  });
});
