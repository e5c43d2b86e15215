import { random, tf, type Random } from '../runtime';
import { uniqueModelName, type Model } from './model';

export interface MlpOptions {
  /** Widths from input to output, for example `[784, 256, 128, 10]`. */
  readonly sizes: readonly number[];
  /** Between the layers; none after the last. Default `'relu'`. */
  readonly activation?: 'relu' | 'tanh' | 'linear';
  /** Seed of the initial kernels; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'mlp'`. */
  readonly name?: string;
}

/**
 * A multilayer perceptron: dense layers with an activation between them.
 *
 * Kernels start normally distributed with variance 2 / fan-in before a ReLU (He) and 1 / fan-in elsewhere (LeCun); biases
 * start at 0. The parameters are called `mlp/dense_1/kernel`, `mlp/dense_1/bias`, …
 *
 * @returns A model from [batch, sizes[0]] to [batch, last size]: logits, no softmax.
 * @throws RangeError if there are fewer than two sizes or one is not a positive integer.
 *
 * @example
 * const model = mlp({ sizes: [784, 256, 128, 10], seed: 1 });
 * const logits = model.apply(images);
 *
 * @see He et al. (2015), Delving deep into rectifiers, arXiv 1502.01852.
 */
export function mlp({ sizes, activation = 'relu', seed = 0, name = 'mlp' }: MlpOptions): Model {
  if (sizes.length < 2 || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
    throw new RangeError(
      `An MLP needs at least two positive integer sizes (input … output), but [${sizes.join(', ')}] was given.`,
    );
  }
  const prefix = uniqueModelName(name);
  const stream = random(seed);
  const layers = sizes.slice(1).map((fanOut, index) => {
    const fanIn = sizes[index] as number;
    const isLast = index === sizes.length - 2;
    const gain = activation === 'relu' && !isLast ? 2 : 1;
    return dense(`${prefix}/dense_${index + 1}`, fanIn, fanOut, Math.sqrt(gain / fanIn), stream);
  });
  const activate = { relu: tf.relu, tanh: tf.tanh, linear: <T extends tf.Tensor>(x: T) => x }[activation];
  return {
    name: prefix,
    parameters: layers.flatMap(({ kernel, bias }) => [kernel, bias]),
    apply: (inputs) =>
      tf.tidy(() =>
        layers.reduce((x, { kernel, bias }, index) => {
          const affine = tf.add(tf.matMul(x, kernel as tf.Tensor2D), bias);
          return index < layers.length - 1 ? activate(affine) : affine;
        }, inputs),
      ),
    dispose: () => tf.dispose(layers.flatMap(({ kernel, bias }) => [kernel, bias])),
  };
}

function dense(name: string, fanIn: number, fanOut: number, standardDeviation: number, stream: Random) {
  const kernel = tf.tidy(() => stream.normal([fanIn, fanOut], { standardDeviation }));
  const bias = tf.zeros([fanOut]);
  const layer = {
    kernel: tf.variable(kernel, true, `${name}/kernel`),
    bias: tf.variable(bias, true, `${name}/bias`),
  };
  tf.dispose([kernel, bias]);
  return layer;
}
