import type { Initializer } from '../initializers';
import { layers, mlp, ParameterScope, uniqueModelName, type Activation, type Model } from '../models';
import { random, tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';

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
  /** Between the layers; default `'relu'`. */
  readonly activation?: Activation;
  /** Of all kernels; default as in `mlp`. */
  readonly initializer?: Initializer;
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
  const known = ['sizes', 'latent', 'outputsPerDimension', 'activation', 'initializer', 'seed', 'name'];
  rejectUnknown(options, known, 'mlpCoders');
  const { sizes, latent, outputsPerDimension = 2, activation, initializer, seed = 0 } = options;
  const name = uniqueModelName(options.name ?? 'vae');
  const common = { activation, initializer };
  return {
    encoder: mlp({
      ...common,
      sizes: [...sizes, outputsPerDimension * latent],
      seed,
      name: `${name}/encoder`,
    }),
    decoder: mlp({
      ...common,
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
  /** Of all kernels; default as in `mlp` and `cnn`. */
  readonly initializer?: Initializer;
  readonly seed?: number;
  readonly name?: string;
}

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
  const sizes = ['height', 'width', 'filters', 'hidden', 'latent', 'outputsPerDimension'];
  rejectUnknown(options, [...sizes, 'initializer', 'seed', 'name'], 'convolutionalCoders');
  const {
    height = 28,
    width = 28,
    filters = [16, 32],
    hidden = 128,
    latent,
    initializer,
    seed = 0,
  } = options;
  if (height % 4 !== 0 || width % 4 !== 0) {
    throw new RangeError(
      `Two convolutions with stride 2 need a height and a width divisible by 4, but ${height} × ${width} was given.`,
    );
  }
  const [first, second] = filters;
  const scope = new ParameterScope(options.name ?? 'vae', { seed: random(seed).fork('convolutions').seed });
  const { name } = scope;
  const small = { height: height / 4, width: width / 4 };
  const flat = small.height * small.width * second;
  const common = { stride: 2, initializer };
  const down = [
    layers.convolution(scope, 'encoder/convolution_1', { ...common, inputs: 1, outputs: first }),
    layers.convolution(scope, 'encoder/convolution_2', { ...common, inputs: first, outputs: second }),
  ];
  const ofEncoder = [...scope.parameters];
  const up = [
    layers.transposedConvolution(scope, 'decoder/convolution_1', {
      ...common,
      inputs: second,
      outputs: first,
    }),
    layers.transposedConvolution(scope, 'decoder/convolution_2', { ...common, inputs: first, outputs: 1 }),
  ] as const;
  const ofDecoder = scope.parameters.slice(ofEncoder.length);
  const toLatent = mlp({
    sizes: [flat, hidden, (options.outputsPerDimension ?? 2) * latent],
    initializer,
    seed,
    name: `${name}/encoder/head`,
  });
  const fromLatent = mlp({
    sizes: [latent, hidden, flat],
    initializer,
    seed: random(seed).fork('decoder').seed,
    name: `${name}/decoder/head`,
  });
  const model = (
    part: string,
    parameters: readonly tf.Variable[],
    apply: (x: tf.Tensor) => tf.Tensor,
  ): Model => ({
    name: `${name}/${part}`,
    parameters,
    apply: (x) => tf.tidy(() => apply(x)),
    dispose: () => tf.dispose([...parameters]),
  });
  return {
    encoder: model('encoder', [...ofEncoder, ...toLatent.parameters], (inputs) => {
      const images: tf.Tensor = inputs.reshape([-1, height, width, 1]);
      const features = down.reduce((x, shrink) => tf.relu(shrink(x)), images);
      return toLatent.apply(features.reshape([-1, flat]));
    }),
    decoder: model('decoder', [...fromLatent.parameters, ...ofDecoder], (z) => {
      const features = tf.relu(fromLatent.apply(z));
      const images = features.reshape([-1, small.height, small.width, second]);
      return up[1](tf.relu(up[0](images))).reshape([-1, height * width]);
    }),
  };
}
