/** The models that are measured: weights, data and loss. All implementations start from the same numbers. */
import { random, tf, zipf, type Random } from 'liandan';

/** A product of the step, for the floor: matrices [m, k] × [k, n], or a convolution. */
export type Product =
  | {
      readonly kind: 'matMul';
      readonly m: number;
      readonly k: number;
      readonly n: number;
      readonly batch?: number;
    }
  | {
      readonly kind: 'convolution';
      readonly input: readonly [number, number, number, number];
      readonly filter: readonly [number, number, number, number];
      /** Whether the gradient with respect to the input is needed. */
      readonly isFirst: boolean;
    };

export interface Workload {
  readonly name: string;
  readonly description: string;
  /** Initial weights by name, the same for all implementations. */
  readonly weights: Readonly<Record<string, tf.Tensor>>;
  /** Inputs of the batches, stacked: [batches, batch, …]. */
  readonly data: Readonly<Record<string, tf.Tensor>>;
  /** Largest relative difference of the loss after some steps that rounding explains; larger where noise is drawn. */
  readonly tolerance: number;
  /** The products of one step. */
  readonly products: readonly Product[];
  loss(
    weights: Readonly<Record<string, tf.Tensor>>,
    batch: Readonly<Record<string, tf.Tensor>>,
    noise: Random,
  ): tf.Scalar;
}

/** How many different batches there are. */
export const BATCHES = 8;

const CLASSES = 10;

export const workloads: Readonly<Record<string, () => Workload>> = {
  'mlp-32': () => mlp('mlp-32', 32, 32),
  'mlp-256': () => mlp('mlp-256', 256, 128),
  'mlp-1024': () => mlp('mlp-1024', 1024, 128),
  transformer,
  cnn,
  vae,
  embedding,
  'masked-lm': maskedLanguageModel,
  zipf: zipfWorkload,
};

function affine(weights: Readonly<Record<string, tf.Tensor>>, name: string, x: tf.Tensor): tf.Tensor2D {
  const product = tf.matMul(x, weights[`${name}.kernel`] as tf.Tensor2D);
  return tf.add(product, weights[`${name}.bias`]!);
}

function dense(source: Random, name: string, inputs: number, outputs: number): Record<string, tf.Tensor> {
  const kernel = source.normal([inputs, outputs], { standardDeviation: 1 / Math.sqrt(inputs) });
  return { [`${name}.kernel`]: kernel, [`${name}.bias`]: tf.zeros([outputs]) };
}

/** Forward product and the two of the backward pass. */
function denseProducts(m: number, k: number, n: number, isFirst = false): Product[] {
  const products: Product[] = [
    { kind: 'matMul', m, k, n },
    { kind: 'matMul', m: k, k: m, n },
  ];
  return isFirst ? products : [...products, { kind: 'matMul', m, k: n, n: k }];
}

function labelled(source: Random, shape: number[]): Record<string, tf.Tensor> {
  const labels = source.integers([BATCHES * shape[0]!], { max: CLASSES }) as tf.Tensor1D;
  return {
    x: source.normal([BATCHES, ...shape]),
    y: tf.reshape(tf.cast(tf.oneHot(labels, CLASSES), 'float32'), [BATCHES, shape[0]!, CLASSES]),
  };
}

function mlp(name: string, width: number, batch: number): Workload {
  const source = random(1);
  return {
    name,
    description: `784-${width}-${width}-10, batch ${batch}`,
    weights: {
      ...dense(source, 'first', 784, width),
      ...dense(source, 'second', width, width),
      ...dense(source, 'head', width, CLASSES),
    },
    data: labelled(source, [batch, 784]),
    tolerance: 1e-3,
    products: [
      ...denseProducts(batch, 784, width, true),
      ...denseProducts(batch, width, width),
      ...denseProducts(batch, width, CLASSES),
    ],
    loss: (weights, { x, y }) => {
      const hidden = tf.relu(affine(weights, 'first', x!));
      const second = tf.relu(affine(weights, 'second', hidden));
      return tf.losses.softmaxCrossEntropy(y!, affine(weights, 'head', second));
    },
  };
}

function layerNorm(weights: Readonly<Record<string, tf.Tensor>>, name: string, x: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  const normalised = tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(normalised, weights[`${name}.gain`]!), weights[`${name}.shift`]!);
}

function norm(name: string, width: number): Record<string, tf.Tensor> {
  return { [`${name}.gain`]: tf.ones([width]), [`${name}.shift`]: tf.zeros([width]) };
}

interface AttentionSizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly depth: number;
}

/** Self-attention of rows [batch · length, 3 · heads · depth]: queries, keys and values beside each other. */
function attend(qkv: tf.Tensor, { batch, length, heads, depth }: AttentionSizes): tf.Tensor2D {
  const split = tf.transpose(tf.reshape(qkv, [batch, length, 3, heads, depth]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(split) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const attention = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(depth)));
  const mixed = tf.transpose(tf.matMul(attention, v), [0, 2, 1, 3]);
  return tf.reshape(mixed, [batch * length, heads * depth]);
}

function attentionProducts({ batch, length, heads, depth }: AttentionSizes): Product[] {
  return [depth, length].flatMap((inner): Product[] => {
    const outer = inner === depth ? length : depth;
    const forward: Product = { kind: 'matMul', m: length, k: inner, n: outer, batch: batch * heads };
    return [forward, { ...forward, k: outer, n: inner }, { ...forward, m: inner, k: length, n: outer }];
  });
}

function transformer(): Workload {
  const [batch, length, width, heads] = [32, 64, 64, 4];
  const source = random(2);
  const depth = width / heads;
  const flat = (x: tf.Tensor): tf.Tensor2D => tf.reshape(x, [batch * length, width]);
  const rows = batch * length;
  return {
    name: 'transformer',
    description: `one block, width ${width}, ${heads} heads, ${length} tokens, batch ${batch}`,
    weights: {
      ...dense(source, 'qkv', width, 3 * width),
      ...dense(source, 'mix', width, width),
      ...dense(source, 'up', width, 4 * width),
      ...dense(source, 'down', 4 * width, width),
      ...dense(source, 'head', width, CLASSES),
      ...norm('norm1', width),
      ...norm('norm2', width),
    },
    data: labelled(source, [batch, length, width]),
    tolerance: 1e-3,
    products: [
      ...denseProducts(rows, width, 3 * width),
      ...denseProducts(rows, width, width),
      ...denseProducts(rows, width, 4 * width),
      ...denseProducts(rows, 4 * width, width),
      ...attentionProducts({ batch, length, heads, depth }),
    ],
    loss: (weights, { x, y }) => {
      const qkv = affine(weights, 'qkv', flat(layerNorm(weights, 'norm1', x!)));
      const mixed = attend(qkv, { batch, length, heads, depth });
      const attended = tf.add(x!, tf.reshape(affine(weights, 'mix', mixed), x!.shape));
      const wide = tf.relu(affine(weights, 'up', flat(layerNorm(weights, 'norm2', attended))));
      const output = tf.add(attended, tf.reshape(affine(weights, 'down', wide), x!.shape));
      return tf.losses.softmaxCrossEntropy(y!, affine(weights, 'head', tf.mean(output, 1)));
    },
  };
}

function cnn(): Workload {
  const batch = 64;
  const source = random(3);
  const filter = (name: string, inputs: number, outputs: number): Record<string, tf.Tensor> => ({
    [`${name}.kernel`]: source.normal([5, 5, inputs, outputs], {
      standardDeviation: 1 / Math.sqrt(25 * inputs),
    }),
    [`${name}.bias`]: tf.zeros([outputs]),
  });
  const layer = (weights: Readonly<Record<string, tf.Tensor>>, name: string, x: tf.Tensor): tf.Tensor4D => {
    const convolved = tf.conv2d(x as tf.Tensor4D, weights[`${name}.kernel`] as tf.Tensor4D, 1, 'same');
    return tf.maxPool(tf.relu(tf.add<tf.Tensor4D>(convolved, weights[`${name}.bias`]!)), 2, 2, 'valid');
  };
  return {
    name: 'cnn',
    description: `two 5×5 convolutions (16, 32), max pooling, dense, 28×28, batch ${batch}`,
    weights: {
      ...filter('first', 1, 16),
      ...filter('second', 16, 32),
      ...dense(source, 'head', 7 * 7 * 32, CLASSES),
    },
    data: labelled(source, [batch, 28, 28, 1]),
    tolerance: 1e-3,
    products: [
      { kind: 'convolution', input: [batch, 28, 28, 1], filter: [5, 5, 1, 16], isFirst: true },
      { kind: 'convolution', input: [batch, 14, 14, 16], filter: [5, 5, 16, 32], isFirst: false },
      ...denseProducts(batch, 7 * 7 * 32, CLASSES),
    ],
    loss: (weights, { x, y }) => {
      const features = layer(weights, 'second', layer(weights, 'first', x!));
      return tf.losses.softmaxCrossEntropy(y!, affine(weights, 'head', tf.reshape(features, [batch, -1])));
    },
  };
}

function vae(): Workload {
  const [batch, hidden, latent] = [64, 256, 8];
  const source = random(4);
  return {
    name: 'vae',
    description: `784-${hidden}-${latent}-${hidden}-784, batch ${batch}, noise drawn inside`,
    weights: {
      ...dense(source, 'encoder', 784, hidden),
      ...dense(source, 'mean', hidden, latent),
      ...dense(source, 'logVariance', hidden, latent),
      ...dense(source, 'decoder', latent, hidden),
      ...dense(source, 'output', hidden, 784),
    },
    data: { x: source.bernoulli([BATCHES, batch, 784], 0.3) },
    // Each implementation draws noise of its own.
    tolerance: 0.02,
    products: [
      ...denseProducts(batch, 784, hidden, true),
      ...denseProducts(batch, hidden, latent),
      ...denseProducts(batch, hidden, latent),
      ...denseProducts(batch, latent, hidden),
      ...denseProducts(batch, hidden, 784),
    ],
    loss: (weights, { x }, noise) => {
      const encoded = tf.relu(affine(weights, 'encoder', x!));
      const mean = affine(weights, 'mean', encoded);
      const logVariance = affine(weights, 'logVariance', encoded);
      const sample = tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise.normal([batch, latent])));
      const logits = affine(weights, 'output', tf.relu(affine(weights, 'decoder', sample)));
      // Cross entropy of Bernoulli variables with these logits, in the form that cannot overflow.
      const reconstruction = tf.add(
        tf.sub(tf.relu(logits), tf.mul(logits, x!)),
        tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
      );
      const divergence = tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1));
      const total = tf.add(tf.sum(reconstruction), tf.mul(tf.sum(divergence), 0.5));
      return tf.div(total, batch);
    },
  };
}

function embedding(): Workload {
  const [vocabulary, width, batch, length] = [5000, 64, 64, 16];
  const source = random(5);
  const tokens = source.integers([BATCHES, batch, length], { max: vocabulary });
  return {
    name: 'embedding',
    description: `${vocabulary} rows of ${width}, mean of ${length} tokens, ${width}-${width}-10, batch ${batch}`,
    weights: {
      table: source.normal([vocabulary, width]),
      ...dense(source, 'hidden', width, width),
      ...dense(source, 'head', width, CLASSES),
    },
    data: { ...labelled(source, [batch, 1]), x: tokens },
    tolerance: 1e-3,
    products: [...denseProducts(batch, width, width), ...denseProducts(batch, width, CLASSES)],
    loss: (weights, { x, y: labels }) => {
      const rows = tf.gather(weights.table!, x as tf.Tensor2D);
      const hidden = tf.relu(affine(weights, 'hidden', tf.mean(rows, 1)));
      return tf.losses.softmaxCrossEntropy(labels!, affine(weights, 'head', hidden));
    },
  };
}

/** The model of notebook 03: Post Norm, GELU, tied output, loss of the masked tokens only. */
function maskedLanguageModel(): Workload {
  const [vocabulary, batch, length, width, heads, layers] = [301, 16, 24, 64, 4, 3];
  const sizes = { batch, length, heads, depth: width / heads };
  const rows = batch * length;
  const source = random(6);
  const embeddings = (count: number) => source.normal([count, width], { standardDeviation: 0.06 });
  const layerNames = Array.from({ length: layers }, (_, layer) => `layer${layer}`);
  const labels = source.integers([BATCHES * rows], { max: vocabulary - 1 }) as tf.Tensor1D;
  return {
    name: 'masked-lm',
    description: `${layers} layers, width ${width}, ${heads} heads, ${length} of ${vocabulary} tokens, batch ${batch}`,
    weights: {
      token: embeddings(vocabulary),
      position: embeddings(length),
      ...norm('input', width),
      'output.bias': tf.zeros([vocabulary]),
      ...(Object.assign(
        {},
        ...layerNames.map((layer) => ({
          ...dense(source, `${layer}.qkv`, width, 3 * width),
          ...dense(source, `${layer}.mix`, width, width),
          ...dense(source, `${layer}.up`, width, 4 * width),
          ...dense(source, `${layer}.down`, 4 * width, width),
          ...norm(`${layer}.norm1`, width),
          ...norm(`${layer}.norm2`, width),
        })),
      ) as Record<string, tf.Tensor>),
    },
    data: {
      x: source.integers([BATCHES, batch, length], { max: vocabulary }),
      y: tf.reshape(tf.cast(tf.oneHot(labels, vocabulary), 'float32'), [BATCHES, rows, vocabulary]),
      chosen: source.bernoulli([BATCHES, rows], 0.15),
    },
    tolerance: 1e-3,
    products: [
      ...layerNames.flatMap(() => [
        ...denseProducts(rows, width, 3 * width),
        ...denseProducts(rows, width, width),
        ...denseProducts(rows, width, 4 * width),
        ...denseProducts(rows, 4 * width, width),
        ...attentionProducts(sizes),
      ]),
      ...denseProducts(rows, width, vocabulary),
    ],
    loss: (weights, { x, y, chosen }) => {
      const embedded = tf.add(tf.gather(weights.token!, x as tf.Tensor2D), weights.position!);
      let state = layerNorm(weights, 'input', tf.reshape(embedded, [rows, width]));
      for (const layer of layerNames) {
        const mixed = affine(weights, `${layer}.mix`, attend(affine(weights, `${layer}.qkv`, state), sizes));
        state = layerNorm(weights, `${layer}.norm1`, tf.add(state, mixed));
        const wide = affine(weights, `${layer}.up`, state);
        const active = tf.mul(tf.mul(wide, 0.5), tf.add(tf.erf(tf.mul(wide, Math.SQRT1_2)), 1));
        state = layerNorm(weights, `${layer}.norm2`, tf.add(state, affine(weights, `${layer}.down`, active)));
      }
      const logits = tf.add(tf.matMul(state, weights.token!, false, true), weights['output.bias']!);
      return tf.losses.softmaxCrossEntropy(y!, logits, chosen);
    },
  };
}

/** The model of notebook 07: a row over its root mean square, a hidden layer, a softmax over the vocabulary. */
function zipfWorkload(): Workload {
  const [vocabulary, width, batch] = [1000, 32, 32];
  const source = random(7);
  const law = zipf({ size: vocabulary, exponent: 1.2 });
  const [tokens, targets] = [1, 2].map((seed) =>
    tf.tensor2d(law.draw(BATCHES * batch, seed), [BATCHES, batch], 'int32'),
  ) as [tf.Tensor2D, tf.Tensor2D];
  const standardDeviation = 1 / Math.sqrt(width);
  return {
    name: 'zipf',
    description: `${vocabulary} rows of ${width} over their RMS, ${width}-${width}-${vocabulary}, tanh, batch ${batch}`,
    weights: {
      table: source.normal([vocabulary, width], { standardDeviation: 0.02 }),
      'hidden.kernel': source.normal([width, width], { standardDeviation }),
      'output.kernel': source.normal([width, vocabulary], { standardDeviation }),
    },
    data: { x: tokens, y: tf.cast(tf.oneHot(targets, vocabulary), 'float32') },
    tolerance: 1e-3,
    products: [...denseProducts(batch, width, width), ...denseProducts(batch, width, vocabulary)],
    loss: (weights, { x, y: labels }) => {
      const rows = tf.gather(weights.table!, x as tf.Tensor1D);
      const unit = tf.div(rows, tf.sqrt(tf.mean(tf.square(rows), -1, true)));
      const hidden = tf.tanh(tf.matMul(unit, weights['hidden.kernel'] as tf.Tensor2D));
      return tf.losses.softmaxCrossEntropy(
        labels!,
        tf.matMul(hidden, weights['output.kernel'] as tf.Tensor2D),
      );
    },
  };
}
