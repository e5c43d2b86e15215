/** Small models of different kinds, for comparing compiled with eager steps. Weights and data depend on the seed only. */
import { Random, tf } from '../../src/runtime';

export interface Workload {
  readonly weights: tf.Variable[];
  /** The loss of one batch. */
  readonly loss: (...inputs: tf.Tensor[]) => tf.Scalar;
  /** Inputs of step `i`. */
  readonly batch: (i: number) => tf.Tensor[];
}

type Data = (i: number) => Random;

const data: Data = (i) => new Random(1000 + i);

function parameter(random: Random, shape: number[], standardDeviation?: number): tf.Variable {
  const deviation = standardDeviation ?? 1 / Math.sqrt(shape[0] ?? 1);
  return tf.tidy(() => tf.variable(random.normal(shape, { standardDeviation: deviation })));
}

const zeros = (size: number): tf.Variable => tf.tidy(() => tf.variable(tf.zeros([size])));
const ones = (size: number): tf.Variable => tf.tidy(() => tf.variable(tf.ones([size])));

function images(i: number, shape: number[], classes: number): tf.Tensor[] {
  return tf.tidy(() => {
    const random = data(i);
    const x = random.normal(shape);
    const labels = random.integers([shape[0]!], { max: classes });
    return [x, tf.cast(tf.oneHot(labels as tf.Tensor1D, classes), 'float32')];
  });
}

/** Two hidden layers with ReLU. */
export function mlp(seed = 1): Workload {
  const random = new Random(seed);
  const sizes = [20, 16, 12, 5];
  const weights = sizes.slice(1).flatMap((size, i) => [parameter(random, [sizes[i]!, size]), zeros(size)]);
  return {
    weights,
    loss: (x, y) => {
      let hidden = x as tf.Tensor2D;
      for (let layer = 0; layer < 3; layer++) {
        const [kernel, bias] = weights.slice(2 * layer) as tf.Tensor[] as [tf.Tensor2D, tf.Tensor1D];
        hidden = tf.add(tf.matMul(hidden, kernel), bias);
        if (layer < 2) hidden = tf.relu(hidden);
      }
      return tf.losses.softmaxCrossEntropy(y, hidden);
    },
    batch: (i) => images(i, [8, 20], 5),
  };
}

/** A model of tf.layers as a workload. */
function layers(model: tf.LayersModel, batch: Workload['batch']): Workload {
  return {
    weights: model.weights.map((weight) => (weight as unknown as { val: tf.Variable }).val),
    loss: (x, y) => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor),
    batch,
  };
}

/** Convolution, batch normalization, max pooling, dense: of tf.layers, with moving averages that each step changes. */
export function cnn(seed = 1): Workload {
  const kernelInitializer = tf.initializers.glorotUniform({ seed });
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [8, 8, 2],
        filters: 4,
        kernelSize: 3,
        padding: 'same',
        kernelInitializer,
      }),
      tf.layers.batchNormalization({}),
      tf.layers.reLU(),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 3, kernelInitializer }),
    ],
  });
  return layers(model, (i) => images(i, [6, 8, 8, 2], 3));
}

/** An LSTM of tf.layers. */
export function lstm(seed = 1): Workload {
  const kernelInitializer = tf.initializers.glorotUniform({ seed });
  const recurrentInitializer = tf.initializers.glorotUniform({ seed: seed + 1 });
  const model = tf.sequential({
    layers: [
      tf.layers.lstm({ inputShape: [5, 4], units: 6, kernelInitializer, recurrentInitializer }),
      tf.layers.dense({ units: 3, kernelInitializer }),
    ],
  });
  return layers(model, (i) => images(i, [4, 5, 4], 3));
}

/** One block: layer norm, attention with two heads, layer norm, feed-forward. */
export function transformer(seed = 1): Workload {
  const random = new Random(seed);
  const [batchSize, length, width, heads, classes] = [3, 6, 8, 2, 4];
  const p = {
    qkv: parameter(random, [width, 3 * width]),
    attention: parameter(random, [width, width]),
    gain1: ones(width),
    shift1: zeros(width),
    gain2: ones(width),
    shift2: zeros(width),
    up: parameter(random, [width, 4 * width]),
    down: parameter(random, [4 * width, width]),
    head: parameter(random, [width, classes]),
  };
  const norm = (x: tf.Tensor, gain: tf.Tensor, shift: tf.Tensor): tf.Tensor => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gain), shift);
  };
  const dense = (x: tf.Tensor, kernel: tf.Tensor): tf.Tensor2D =>
    tf.matMul(tf.reshape(x, [-1, kernel.shape[0]]), kernel);
  return {
    weights: Object.values(p),
    loss: (x, y) => {
      const projected = tf.reshape(dense(norm(x, p.gain1, p.shift1), p.qkv), [
        batchSize,
        length,
        3,
        heads,
        width / heads,
      ]);
      const [q, k, v] = tf.unstack(tf.transpose(projected, [2, 0, 3, 1, 4]), 0) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads)));
      const mixed = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [-1, width]);
      let hidden = tf.add(x, tf.reshape(dense(mixed, p.attention), [batchSize, length, width]));
      const wide = tf.relu(dense(norm(hidden, p.gain2, p.shift2), p.up));
      hidden = tf.add(hidden, tf.reshape(dense(wide, p.down), [batchSize, length, width]));
      return tf.losses.softmaxCrossEntropy(y, dense(tf.mean(hidden, 1), p.head));
    },
    batch: (i) => images(i, [batchSize, length, width], classes),
  };
}

/** Rows of an embedding, with indices that repeat within a batch. */
export function embedding(seed = 1): Workload {
  const random = new Random(seed);
  const [vocabulary, width, classes] = [11, 6, 3];
  const table = parameter(random, [vocabulary, width], 0.5);
  const head = parameter(random, [width, classes]);
  return {
    weights: [table, head],
    loss: (tokens, y) => {
      const rows = tf.gather(table, tokens);
      return tf.losses.softmaxCrossEntropy(y, tf.matMul(tf.mean<tf.Tensor2D>(rows, 1), head as tf.Tensor2D));
    },
    batch: (i) =>
      tf.tidy(() => {
        const tokens = data(i).integers([7, 5], { max: vocabulary });
        const labels = data(-i).integers([7], { max: classes }) as tf.Tensor1D;
        return [tokens, tf.cast(tf.oneHot(labels, classes), 'float32')];
      }),
  };
}

export const workloads = { mlp, cnn, lstm, transformer, embedding };

/** The largest difference between the elements of two lists of tensors, relative to those that are larger than 1. */
export function difference(a: readonly tf.Tensor[], b: readonly tf.Tensor[]): number {
  return Math.max(...a.map((x, i) => differenceOf(Array.from(x.dataSync()), Array.from(b[i]!.dataSync()))));
}

function differenceOf(a: readonly number[], b: readonly number[]): number {
  return a.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - b[i]!) / Math.max(1, Math.abs(b[i]!))),
    0,
  );
}
