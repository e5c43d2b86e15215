import { random, tf, type Random } from '../runtime';
import { bottleneck } from './bottleneck';

export interface BottleneckLayerOptions {
  /** λ: weight of the rate in the model's loss; default 1. */
  readonly weight?: number;
  /** Seed of the noise; default 0. */
  readonly seed?: number;
  readonly name?: string;
}

/**
 * The variational information bottleneck as a layer for `tf.layers` models: takes [means, log-variances], gives a sample in
 * training and the mean otherwise, and adds λ times the rate (KL from N(0, I), summed over the dimensions, mean over the
 * batch) to the loss of the training steps.
 *
 * It saves and loads with its model. The position in the stream of noise is not saved.
 *
 * @throws RangeError if the weight is negative; Error if the inputs are not two tensors of one shape.
 *
 * @example
 * const mean = tf.layers.dense({ units: 64 }).apply(hidden) as tf.SymbolicTensor;
 * const logVariance = tf.layers.dense({ units: 64 }).apply(hidden) as tf.SymbolicTensor;
 * const z = new BottleneckLayer({ weight: 0.01 }).apply([mean, logVariance]);
 */
export class BottleneckLayer extends tf.layers.Layer {
  static readonly className = 'VariationalBottleneck';
  private readonly weight: number;
  private readonly seed: number;
  private readonly noise: Random;
  private rate: tf.Scalar | undefined;

  constructor({ weight = 1, seed = 0, name }: BottleneckLayerOptions = {}) {
    super({ name });
    if (!(weight >= 0)) {
      throw new RangeError(`The weight of a bottleneck is at least 0, but ${weight} was given.`);
    }
    this.weight = weight;
    this.seed = seed;
    this.noise = random(seed).fork('noise');
    // TensorFlow.js asks for it in training steps only, right after the forward pass.
    this.addLoss(() => tf.mul<tf.Scalar>(this.weight, this.rate ?? tf.scalar(0)));
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return pair(inputShape as tf.Shape[])[0];
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor {
    const [mean, logVariance] = pair(inputs as tf.Tensor[]);
    const { z, rate } = bottleneck({ mean, logVariance }, training ? { noise: this.noise } : {});
    if (training) this.rate = rate;
    return z;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), weight: this.weight, seed: this.seed };
  }
}
tf.serialization.registerClass(BottleneckLayer);

function pair<T>(inputs: readonly T[]): [T, T] {
  if (!Array.isArray(inputs) || inputs.length !== 2) {
    throw new Error('A bottleneck layer is applied to two inputs, [means, log-variances].');
  }
  return [inputs[0] as T, inputs[1] as T];
}
