/** Models of tf.layers train alike compiled and eager, also by turns with model.fit. */
import { afterEach, describe, expect, it } from 'vitest';
import { CompileError } from '../../src/compile';
import { adam } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { BottleneckLayer } from '../../src/vae';
import { compileOn, isClose, itDoesAsEagerCode, paths, values } from './paths';

afterEach(() => tf.disposeVariables());

const weights = (seed: number) => tf.initializers.glorotUniform({ seed });
const kernels = { kernelInitializer: weights(1), recurrentInitializer: weights(2) };
const output = () => tf.layers.dense({ units: 1, ...kernels });
const asImage = () => tf.layers.reshape({ targetShape: [4, 3, 1], inputShape: [4, 3] });
const sequence = { inputShape: [4, 3] };

const models: Record<string, () => tf.LayersModel> = {
  'batch normalization': () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, inputShape: [3], ...kernels }),
        tf.layers.batchNormalization({ momentum: 0.5 }),
        output(),
      ],
    }),
  'layer normalization': () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, inputShape: [3], ...kernels }),
        tf.layers.layerNormalization(),
        output(),
      ],
    }),
  'a regularizer and a constraint': () =>
    tf.sequential({
      layers: [
        tf.layers.dense({
          units: 4,
          inputShape: [3],
          kernelConstraint: 'maxNorm',
          kernelRegularizer: 'l1l2',
          activation: 'selu',
          ...kernels,
        }),
        output(),
      ],
    }),
  LSTM: () => tf.sequential({ layers: [tf.layers.lstm({ units: 3, ...sequence, ...kernels }), output()] }),
  GRU: () =>
    tf.sequential({
      layers: [
        tf.layers.gru({ units: 3, ...sequence, returnSequences: true, ...kernels }),
        tf.layers.flatten(),
        output(),
      ],
    }),
  'a bidirectional LSTM': () =>
    tf.sequential({
      layers: [
        tf.layers.bidirectional({
          layer: tf.layers.lstm({ units: 2, ...kernels }),
          mergeMode: 'concat',
          ...sequence,
        }),
        output(),
      ],
    }),
  convolutions: () =>
    tf.sequential({
      layers: [
        asImage(),
        tf.layers.conv2d({ filters: 3, kernelSize: 2, activation: 'relu', padding: 'same', ...kernels }),
        tf.layers.batchNormalization(),
        tf.layers.maxPooling2d({ poolSize: 2, strides: 1 }),
        tf.layers.globalAveragePooling2d({}),
        output(),
      ],
    }),
  'separable convolutions': () =>
    tf.sequential({
      layers: [
        asImage(),
        tf.layers.separableConv2d({
          filters: 3,
          kernelSize: 2,
          depthwiseInitializer: weights(1),
          pointwiseInitializer: weights(2),
        }),
        tf.layers.flatten(),
        output(),
      ],
    }),
  'causal convolutions': () =>
    tf.sequential({
      layers: [
        tf.layers.conv1d({
          filters: 3,
          kernelSize: 2,
          padding: 'causal',
          dilationRate: 2,
          ...sequence,
          ...kernels,
        }),
        tf.layers.flatten(),
        output(),
      ],
    }),
  'transposed convolutions': () =>
    tf.sequential({
      layers: [
        asImage(),
        tf.layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, ...kernels }),
        tf.layers.flatten(),
        output(),
      ],
    }),
};

const batch = (model: tf.LayersModel, seed: number) =>
  tf.randomUniform([2, ...model.inputs[0]!.shape.slice(1)] as number[], -1, 1, 'float32', seed);

const variablesOf = (of: readonly { read(): tf.Tensor }[]) =>
  of.map((weight) => weight.read() as tf.Variable);

function trainingStep(model: tf.LayersModel, optimizer: tf.Optimizer) {
  const trained = variablesOf(model.trainableWeights);
  const loss = (x: tf.Tensor) =>
    tf.mean<tf.Scalar>(tf.square(tf.sub(model.apply(x, { training: true }) as tf.Tensor, 1)));
  return (x: tf.Tensor) => optimizer.minimize(() => loss(x), true, trained)!;
}

describe('training', () => {
  for (const [name, make] of Object.entries(models)) {
    itDoesAsEagerCode(
      `a model with ${name}`,
      () => {
        const model = make();
        const step = trainingStep(model, tf.train.momentum(0.05, 0.9));
        return { variables: variablesOf(model.weights), step: (x) => step(x) };
      },
      () => [1, 2, 3, 4].map((seed) => [batch(make(), seed)]),
      { tolerance: 1e-4, paths: ['TensorFlow', 'default'] },
    );
  }
});

describe('layers that hold state or draw numbers in JavaScript', () => {
  const refused: Record<string, () => tf.LayersModel> = {
    dropout: () =>
      tf.sequential({
        layers: [tf.layers.dense({ units: 8, inputShape: [3] }), tf.layers.dropout({ rate: 0.5 }), output()],
      }),
    noise: () =>
      tf.sequential({ layers: [tf.layers.gaussianNoise({ stddev: 1, inputShape: [3] }), output()] }),
    'an LSTM with dropout': () =>
      tf.sequential({ layers: [tf.layers.lstm({ units: 3, ...sequence, dropout: 0.5 }), output()] }),
    'an LSTM that keeps its state': () =>
      tf.sequential({
        layers: [
          tf.layers.lstm({ units: 3, batchInputShape: [2, 4, 3], stateful: true, ...kernels }),
          output(),
        ],
      }),
  };
  it.each(Object.entries(refused))('are refused: %s', (_, make) => {
    const model = make();
    const training = trainingStep(model, tf.train.sgd(0.1));
    const step = compileOn('TensorFlow', (x) => training(x));
    expect(() => step.call(batch(model, 1))).toThrow(CompileError);
  });

  it('may draw their numbers in TensorFlow', () => {
    const input = tf.input({ shape: [3] });
    const moments = [1, 2].map((seed) =>
      tf.layers.dense({ units: 2, kernelInitializer: weights(seed) }).apply(input),
    );
    const code = new BottleneckLayer({ weight: 0.1, seed: 5 }).apply(moments as tf.SymbolicTensor[]);
    const outputs = output().apply(code) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs });
    const training = trainingStep(model, tf.train.sgd(0.1));
    const step = compileOn('TensorFlow', (x) => training(x));
    const losses = [1, 1, 1].map((seed) => values(step.call(batch(model, seed))[0]!)[0]);
    expect(new Set(losses).size).toBe(3);
  });
});

describe.each(paths)('model.fit and compiled steps (%s)', (path) => {
  const build = () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, inputShape: [4], activation: 'relu', kernelInitializer: weights(1) }),
        tf.layers.batchNormalization(),
        tf.layers.dense({ units: 1, kernelInitializer: weights(2) }),
      ],
    });
  const x = tf.randomUniform<tf.Rank.R2>([32, 4], -1, 1, 'float32', 1);
  const y = tf.sum<tf.Tensor2D>(x, 1, true);
  const step = (model: tf.LayersModel, optimizer: tf.Optimizer) => {
    const loss = () =>
      tf.losses.meanSquaredError<tf.Tensor, tf.Scalar>(y, model.apply(x, { training: true }) as tf.Tensor);
    return () => optimizer.minimize(loss, true, variablesOf(model.trainableWeights))!;
  };

  it('train by turns with one optimizer as eager code does', async () => {
    const course = async (isCompiled: boolean) => {
      const model = build();
      const optimizer = adam({ learningRate: 0.01 });
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const eager = step(model, optimizer);
      const compiled = isCompiled ? compileOn(path, eager) : undefined;
      const losses: number[] = [];
      for (let turn = 0; turn < 2; turn++) {
        const { history } = await model.fit(x, y, { batchSize: 16, shuffle: false, verbose: 0 });
        losses.push(...(history.loss as number[]));
        for (let i = 0; i < 3; i++) losses.push(...values(compiled?.call()[0] ?? eager()));
        losses.push(...values(model.evaluate(x, y, { verbose: 0 }) as tf.Scalar));
      }
      return [...losses, optimizer.iterations];
    };
    const [compiled, eager] = [await course(true), await course(false)];
    expect(compiled.filter((value, i) => !isClose(value, eager[i]!, 1e-4))).toEqual([]);
  });

  it('go on from weights that model.setWeights gave', () => {
    const model = build();
    const compiled = compileOn(path, step(model, adam({ learningRate: 0.01 })));
    const initial = model.getWeights().map((weight) => weight.clone());
    const [first] = values(compiled.call()[0]!);
    compiled.call();
    model.setWeights(initial);
    expect(values(compiled.call()[0]!)[0]).toBeCloseTo(first!, 5);
  });

  it('say so when the model was disposed', () => {
    const model = build();
    const compiled = compileOn(path, step(model, adam({ learningRate: 0.01 })));
    compiled.call();
    model.dispose();
    expect(() => compiled.call()).toThrow(/disposed/);
  });
});
