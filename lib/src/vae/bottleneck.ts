import type { Model } from '../models';
import { random, tf, type Random } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { crossEntropy } from '../training';
import {
  gaussianKl,
  reparameterize,
  requireBound,
  splitGaussian,
  type Gaussian,
  type Noise,
} from './gaussian';

/**
 * The variational information bottleneck as a function: in training a sample of each row's distribution, otherwise its
 * mean; and what the passage costs.
 *
 * @param options.noise Gives the sample of a training step; leave it out for evaluation.
 * @returns `z` [batch, dimensions], and `rate`: KL(p(z|x) ‖ N(0, I)) in nats, summed over the dimensions, mean over the batch.
 *
 * @example
 * const { z, rate } = bottleneck(splitGaussian(encoder.apply(x)), { noise });
 * const loss = tf.add(crossEntropy(head.apply(z), labels), tf.mul(0.01, rate));
 *
 * @see Alemi et al. (2016), Deep variational information bottleneck, arXiv 1612.00410.
 */
export function bottleneck(
  code: Gaussian,
  { noise }: { noise?: Noise } = {},
): { z: tf.Tensor; rate: tf.Scalar } {
  return tf.tidy(() => ({
    z: noise ? reparameterize(code, noise) : code.mean.clone(),
    rate: tf.mean<tf.Scalar>(gaussianKl(code)),
  }));
}

export interface VibOptions {
  /** Inputs → [batch, 2·latent]: means and log-variances. */
  readonly encoder: Model;
  /** z [batch, latent] → outputs, e.g. the logits of the classes. */
  readonly head: Model;
  /** −log p(y|z), mean over the batch, in nats, from outputs and targets; default the cross-entropy of classes. */
  readonly taskLoss?: (outputs: tf.Tensor, targets: tf.Tensor) => tf.Scalar;
  /** Keeps the log-variances of the codes between −b and b; see {@link splitGaussian}. Default: none. */
  readonly logVarianceBound?: number;
  /** Seed of the noise; default 0. */
  readonly seed?: number;
}

/** A model with an information bottleneck between encoder and head; see {@link vib}. */
export interface Vib extends Model {
  /** Where ε comes from. */
  readonly noise: Random;
  /** p(z|x) of each input. */
  encode(inputs: tf.Tensor): Gaussian;
  /** Outputs at the mean of p(z|x), without noise: what `evaluateClassifier` evaluates. */
  apply(inputs: tf.Tensor): tf.Tensor;
  /**
   * Logarithm of the class probabilities averaged over samples of p(z|x), [batch, classes]: an evaluation that takes the
   * noise into account. Draws from the model's noise unless `noise` is given.
   *
   * @param options.samples Samples of z per input.
   */
  averagedLogProbabilities(inputs: tf.Tensor, options: { samples: number; noise?: Noise }): tf.Tensor;
  /**
   * The loss of a training step and its parts, in nats: `loss = task + weight · rate`.
   *
   * @param options.weight λ; default 1. A tensor may change from step to step.
   */
  loss(
    inputs: tf.Tensor,
    targets: tf.Tensor,
    options?: { weight?: number | tf.Scalar },
  ): { loss: tf.Scalar; task: tf.Scalar; rate: tf.Scalar };
}

/**
 * A variational information bottleneck: the encoder gives a normal distribution per input, the head sees a sample of it, and
 * the divergence from N(0, I), an upper bound on the information that z has of x, is added to the loss.
 *
 * $$\mathbb E_{(x,y)}\Big[\mathbb E_{z\sim p(z|x)}[-\log p(y|z)]+\lambda\,KL\big(p(z|x)\,\|\,N(0,I)\big)\Big]$$
 *
 * With `taskLoss` = the reconstruction error, targets = inputs and weight 1 this is the loss of {@link vae}.
 *
 * @example
 * const model = vib({ encoder: mlp({ sizes: [784, 256, 2 * 64] }), head: mlp({ sizes: [64, 10] }) });
 * const { loss } = model.loss(images, labels, { weight: 0.01 });
 *
 * @see Alemi et al. (2016), arXiv 1612.00410.
 */
export function vib(options: VibOptions): Vib {
  rejectUnknown(options, ['encoder', 'head', 'taskLoss', 'logVarianceBound', 'seed'], 'vib');
  const { encoder, head, taskLoss = crossEntropy, logVarianceBound, seed = 0 } = options;
  requireBound(logVarianceBound);
  const noise = random(seed).fork('noise');
  const encode = (inputs: tf.Tensor) =>
    tf.tidy(() => splitGaussian(encoder.apply(inputs), { logVarianceBound }));
  return {
    name: head.name,
    parameters: [...encoder.parameters, ...head.parameters],
    noise,
    encode,
    apply: (inputs) => tf.tidy(() => head.apply(bottleneck(encode(inputs)).z)),
    averagedLogProbabilities: (inputs, { samples, noise: given = noise }) =>
      tf.tidy(() => {
        const code = encode(inputs);
        const draws = Array.from({ length: samples }, () =>
          tf.logSoftmax(head.apply(bottleneck(code, { noise: given }).z)),
        );
        return tf.sub(tf.logSumExp(tf.stack(draws), 0), Math.log(samples));
      }),
    loss: (inputs, targets, { weight = 1 } = {}) =>
      tf.tidy(() => {
        const { z, rate } = bottleneck(encode(inputs), { noise });
        const task = taskLoss(head.apply(z), targets);
        return { loss: tf.add(task, tf.mul(weight, rate)), task, rate }; // (8.7)
      }),
    dispose: () => {
      encoder.dispose();
      head.dispose();
    },
  };
}
