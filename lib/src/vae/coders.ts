import { mlp, uniqueModelName, type Model } from '../models';
import { random, tf, type Random } from '../runtime';

/** The two networks of an autoencoder, on flat inputs. */
export interface Coders {
  /** [batch, inputs] → [batch, 2·latent] (means and log-variances), or [batch, latent] for a plain autoencoder. */
  readonly encoder: Model;
  /** [batch, latent] → [batch, inputs]: logits (Bernoulli) or means (Gaussian). */
  readonly decoder: Model;
}

export interface MlpCodersOptions {
  /** Widths from the input to the last hidden layer, e.g. `[784, 256]`; the decoder mirrors them. */
  readonly sizes: readonly number[];
  /** Dimensions of the latent space. */
  readonly latent: number;
  /** Numbers that the encoder gives per latent dimension: 2 (mean and log-variance, default) or 1 (plain autoencoder). */
  readonly outputsPerDimension?: 1 | 2;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'vae'`. */
  readonly name?: string;
}

/**
 * Encoder and decoder as multilayer perceptrons, 784 → 256 → K → 256 → 784 for `sizes: [784, 256]`.
 *
 * @example
 * const model = vae({ ...mlpCoders({ sizes: [784, 256], latent: 2 }) });
 */
export function mlpCoders(options: MlpCodersOptions): Coders {
  const { sizes, latent, outputsPerDimension = 2, seed = 0 } = options;
  const name = uniqueModelName(options.name ?? 'vae');
  return {
    encoder: mlp({ sizes: [...sizes, outputsPerDimension * latent], seed, name: `${name}/encoder` }),
    decoder: mlp({
      sizes: [latent, ...[...sizes].reverse()],
      seed: random(seed).fork('decoder').seed,
      name: `${name}/decoder`,
    }),
  };
}

export interface ConvolutionalCodersOptions {
  /** Height of an image, divisible by 4; default 28. */
  readonly height?: number;
  /** Width of an image, divisible by 4; default 28. */
  readonly width?: number;
  /** Filters of the two convolutions of the encoder; default [16, 32]. */
  readonly filters?: readonly [number, number];
  /** Width of the dense layer between convolutions and latent space; default 128. */
  readonly hidden?: number;
  /** Dimensions of the latent space. */
  readonly latent: number;
  /** As in {@link MlpCodersOptions}. */
  readonly outputsPerDimension?: 1 | 2;
  readonly seed?: number;
  readonly name?: string;
}

const KERNEL = 3;
const STRIDE = 2;

/**
 * Encoder with two strided 3 × 3 convolutions, and the decoder that mirrors it with transposed convolutions. Images are
 * flat rows of height·width grey values outside, so that it takes the place of {@link mlpCoders}.
 *
 * @throws RangeError if height or width is not a multiple of 4.
 *
 * @example
 * const model = vae({ ...convolutionalCoders({ latent: 16, filters: [32, 64] }) });
 */
export function convolutionalCoders(options: ConvolutionalCodersOptions): Coders {
  const { height = 28, width = 28, filters = [16, 32], hidden = 128, latent, seed = 0 } = options;
  if (height % 4 !== 0 || width % 4 !== 0) {
    throw new RangeError(
      `Two convolutions with stride 2 need a height and a width divisible by 4, but ${height} × ${width} was given.`,
    );
  }
  const [first, second] = filters;
  const name = uniqueModelName(options.name ?? 'vae');
  const stream = random(seed).fork('convolutions');
  const small = { height: height / 4, width: width / 4 };
  const flat = small.height * small.width * second;
  const down = [
    convolution(`${name}/encoder/convolution_1`, 1, first, 'forward', stream),
    convolution(`${name}/encoder/convolution_2`, first, second, 'forward', stream),
  ] as const;
  const up = [
    convolution(`${name}/decoder/convolution_1`, second, first, 'transposed', stream),
    convolution(`${name}/decoder/convolution_2`, first, 1, 'transposed', stream),
  ] as const;
  const toLatent = mlp({
    sizes: [flat, hidden, (options.outputsPerDimension ?? 2) * latent],
    seed,
    name: `${name}/encoder/head`,
  });
  const fromLatent = mlp({
    sizes: [latent, hidden, flat],
    seed: random(seed).fork('decoder').seed,
    name: `${name}/decoder/head`,
  });
  return {
    encoder: {
      name: `${name}/encoder`,
      parameters: [...down.flatMap(({ kernel, bias }) => [kernel, bias]), ...toLatent.parameters],
      apply: (inputs) =>
        tf.tidy(() => {
          const images = inputs.reshape<tf.Tensor4D>([-1, height, width, 1]);
          const features = down.reduce((x, layer) => tf.relu(shrink(x, layer)), images);
          return toLatent.apply(features.reshape([-1, flat]));
        }),
      dispose: () => [...down, toLatent].forEach((part) => part.dispose()),
    },
    decoder: {
      name: `${name}/decoder`,
      parameters: [...fromLatent.parameters, ...up.flatMap(({ kernel, bias }) => [kernel, bias])],
      apply: (z) =>
        tf.tidy(() => {
          const features = tf.relu(fromLatent.apply(z));
          const images = features.reshape<tf.Tensor4D>([-1, small.height, small.width, second]);
          const middle = tf.relu(grow(images, up[0]));
          return grow(middle, up[1]).reshape([-1, height * width]);
        }),
      dispose: () => [...up, fromLatent].forEach((part) => part.dispose()),
    },
  };
}

interface Convolution {
  readonly kernel: tf.Variable<tf.Rank.R4>;
  readonly bias: tf.Variable;
  dispose(): void;
}

function convolution(
  name: string,
  channelsIn: number,
  channelsOut: number,
  direction: 'forward' | 'transposed',
  stream: Random,
): Convolution {
  // A transposed convolution with stride 2 reads each input channel through a quarter of its kernel.
  const fanIn = (KERNEL * KERNEL * channelsIn) / (direction === 'forward' ? 1 : STRIDE * STRIDE);
  const channels = direction === 'forward' ? [channelsIn, channelsOut] : [channelsOut, channelsIn];
  const [kernel, bias] = tf.tidy<[Convolution['kernel'], tf.Variable]>(() => {
    const start = stream.normal([KERNEL, KERNEL, ...channels], { standardDeviation: Math.sqrt(2 / fanIn) });
    return [
      tf.variable(start as tf.Tensor4D, true, `${name}/kernel`),
      tf.variable(tf.zeros([channelsOut]), true, `${name}/bias`),
    ];
  });
  return { kernel, bias, dispose: () => tf.dispose([kernel, bias]) };
}

function shrink(x: tf.Tensor4D, { kernel, bias }: Convolution): tf.Tensor4D {
  return tf.add(tf.conv2d(x, kernel, STRIDE, 'same'), bias);
}

function grow(x: tf.Tensor4D, { kernel, bias }: Convolution): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  const shape: [number, number, number, number] = [batch, STRIDE * height, STRIDE * width, bias.size];
  return tf.add(tf.conv2dTranspose(x, kernel, shape, STRIDE, 'same'), bias);
}
