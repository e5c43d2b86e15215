import { tf, random, type Random } from '../runtime';
import { choose, rejectUnknown } from '../runtime/options';
import type { Coders } from './coders';
import { gaussianKl, reparameterize, requireBound, splitGaussian, type Gaussian } from './gaussian';
import { bernoulliNegativeLogLikelihood, gaussianNegativeLogLikelihood } from './likelihoods';

export interface AutoencoderOptions extends Coders {
  /** What the decoder describes: `'bernoulli'` (logits, default) or `'gaussian'` (means). */
  readonly likelihood?: 'bernoulli' | 'gaussian';
  /** Of the Gaussian decoder; default 1. */
  readonly standardDeviation?: number;
}

const optionNames: readonly (keyof AutoencoderOptions)[] = [
  'encoder',
  'decoder',
  'likelihood',
  'standardDeviation',
];

export interface VaeOptions extends AutoencoderOptions {
  /** Keeps the log-variances of the codes between −b and b; see {@link splitGaussian}. Default: none. */
  readonly logVarianceBound?: number;
  /** Seed of the noise; default 0. */
  readonly seed?: number;
}

/** What an autoencoder is made of, whether its codes are points or distributions. */
interface Coding<Code> {
  /** Of the encoder and the decoder. */
  readonly parameters: readonly tf.Variable[];
  /** The code of each input, [batch, inputs]. */
  encode(inputs: tf.Tensor): Code;
  /** The mean of q(x|z), [batch, inputs], for z [batch, latent]: probabilities (Bernoulli) or means (Gaussian). */
  decode(z: tf.Tensor): tf.Tensor;
  /** Frees the parameters. */
  dispose(): void;
}

/** A plain autoencoder; see {@link autoencoder}. */
export interface Autoencoder extends Coding<tf.Tensor> {
  /** Mean over the batch of −log q(x|z), summed over the dimensions of x, in nats. */
  loss(inputs: tf.Tensor): { loss: tf.Scalar };
}

/** A variational autoencoder; see {@link vae}. */
export interface Vae extends Coding<Gaussian> {
  /** Where ε comes from; assign `noise.counter.value` to resume. */
  readonly noise: Random;
  /**
   * The loss of a batch and its two parts, each a mean over the batch of a sum over dimensions, in nats:
   * `loss = reconstruction + weight · rate`. With weight 1 the loss is the negative evidence lower bound.
   *
   * @param options.weight Of the rate, λ (β in β-VAE); default 1. A tensor may change from step to step.
   */
  loss(
    inputs: tf.Tensor,
    options?: { weight?: number | tf.Scalar },
  ): { loss: tf.Scalar; reconstruction: tf.Scalar; rate: tf.Scalar };
}

/**
 * A variational autoencoder: the encoder gives a normal distribution p(z|x) per input, the decoder reads a sample of it, and
 * the divergence from N(0, I) is added to the loss. The only differences from {@link autoencoder} are these two.
 *
 * $$\mathbb E_x\Big[\mathbb E_{z\sim p(z|x)}[-\log q(x|z)]+\lambda\,KL\big(p(z|x)\,\|\,N(0,I)\big)\Big]$$
 *
 * @example
 * const model = vae(mlpCoders({ sizes: [784, 256], latent: 2 }));
 * const { loss } = model.loss(images);
 * const pictures = model.decode(random(1).normal([10, 2]));
 *
 * @see Kingma, Welling (2013), arXiv 1312.6114; Higgins et al. (2017), β-VAE.
 */
export function vae(options: VaeOptions): Vae {
  rejectUnknown(options, [...optionNames, 'logVarianceBound', 'seed'], 'vae');
  const { encoder, decoder, logVarianceBound } = options;
  requireBound(logVarianceBound);
  const noise = random(options.seed ?? 0).fork('noise');
  const encode = (inputs: tf.Tensor) =>
    tf.tidy(() => splitGaussian(encoder.apply(inputs), { logVarianceBound }));
  return {
    ...shared(options),
    noise,
    encode,
    loss: (inputs, { weight = 1 } = {}) =>
      tf.tidy(() => {
        const code = encode(inputs);
        const z = reparameterize(code, noise);
        const reconstruction = tf.mean<tf.Scalar>(negativeLogLikelihood(decoder.apply(z), inputs, options));
        const rate = tf.mean<tf.Scalar>(gaussianKl(code));
        return { loss: tf.add(reconstruction, tf.mul(weight, rate)), reconstruction, rate }; // (8.2)
      }),
  };
}

/**
 * A plain autoencoder, the control for {@link vae}: the same networks, a point as code, no noise and no divergence.
 *
 * @example
 * const model = autoencoder(mlpCoders({ sizes: [784, 256], latent: 8, outputsPerDimension: 1 }));
 */
export function autoencoder(options: AutoencoderOptions): Autoencoder {
  rejectUnknown(options, optionNames, 'autoencoder');
  const { encoder, decoder } = options;
  return {
    ...shared(options),
    encode: (inputs) => encoder.apply(inputs),
    loss: (inputs) =>
      tf.tidy(() => {
        const outputs = decoder.apply(encoder.apply(inputs));
        return { loss: tf.mean<tf.Scalar>(negativeLogLikelihood(outputs, inputs, options)) };
      }),
  };
}

function shared({ encoder, decoder, likelihood = 'bernoulli' }: AutoencoderOptions) {
  choose({ bernoulli: true, gaussian: true }, likelihood, 'The likelihood of an autoencoder');
  return {
    parameters: [...encoder.parameters, ...decoder.parameters],
    decode: (z: tf.Tensor) =>
      tf.tidy(() => (likelihood === 'bernoulli' ? tf.sigmoid(decoder.apply(z)) : decoder.apply(z))),
    dispose: () => {
      encoder.dispose();
      decoder.dispose();
    },
  };
}

function negativeLogLikelihood(
  outputs: tf.Tensor,
  inputs: tf.Tensor,
  { likelihood = 'bernoulli', standardDeviation }: AutoencoderOptions,
): tf.Tensor1D {
  return likelihood === 'bernoulli'
    ? bernoulliNegativeLogLikelihood(outputs, inputs)
    : gaussianNegativeLogLikelihood(outputs, inputs, { standardDeviation });
}
