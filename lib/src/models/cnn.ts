import { random, tf } from '../runtime';
import { uniqueModelName, type Model } from './model';

export interface CnnOptions {
  /** Height, width and channels of an image, for example `[28, 28, 1]`. */
  readonly image: readonly [height: number, width: number, channels: number];
  /** Filters of each convolution, for example `[16, 32]`. */
  readonly filters: readonly number[];
  readonly classes: number;
  /** Side of a filter; default 3. */
  readonly span?: number;
  /** Seed of the initial kernels; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'cnn'`. */
  readonly name?: string;
}

/**
 * A convolutional classifier: convolutions with ReLU, each followed by max pooling that halves height and width, and a dense
 * layer.
 *
 * Kernels start normally distributed with variance 2 / fan-in before a ReLU (He) and 1 / fan-in at the end (LeCun); biases
 * start at 0. The parameters are called `cnn/conv_1/kernel`, `cnn/conv_1/bias`, …, `cnn/dense/kernel`, `cnn/dense/bias`.
 *
 * @returns A model from images [batch, height, width, channels] to logits [batch, classes].
 * @throws RangeError if there is no convolution, or so many that pooling leaves nothing of the image.
 *
 * @example
 * const model = cnn({ image: [28, 28, 1], filters: [16, 32], classes: 10 });
 * const logits = model.apply(images);
 */
export function cnn(options: CnnOptions): Model {
  const { image, filters, classes, span = 3, seed = 0 } = options;
  const [height, width, channels] = image;
  const shrink = 2 ** filters.length;
  const area = Math.floor(height / shrink) * Math.floor(width / shrink);
  if (filters.length === 0 || area === 0) {
    throw new RangeError(
      `A CNN needs at least one convolution, and pooling must leave a pixel; ` +
        `got ${filters.length} convolutions of images of ${height} × ${width}.`,
    );
  }
  const name = uniqueModelName(options.name ?? 'cnn');
  const stream = random(seed);
  const layer = (label: string, shape: number[], gain: number) => {
    const fanIn = shape.slice(0, -1).reduce((product, length) => product * length, 1);
    const standardDeviation = Math.sqrt(gain / fanIn);
    return tf.tidy(() => ({
      kernel: tf.variable(stream.normal(shape, { standardDeviation }), true, `${name}/${label}/kernel`),
      bias: tf.variable(tf.zeros([shape.at(-1) as number]), true, `${name}/${label}/bias`),
    }));
  };
  const convolutions = filters.map((count, index) =>
    layer(`conv_${index + 1}`, [span, span, filters[index - 1] ?? channels, count], 2),
  );
  const dense = layer('dense', [area * (filters.at(-1) as number), classes], 1);
  const parameters = [...convolutions, dense].flatMap(({ kernel, bias }) => [kernel, bias]);
  return {
    name,
    parameters,
    apply: (images) =>
      tf.tidy(() => {
        const features = convolutions.reduce((x, { kernel, bias }) => {
          const convolved = tf.conv2d(x, kernel as tf.Tensor4D, 1, 'same');
          return tf.maxPool(tf.relu(tf.add<tf.Tensor4D>(convolved, bias)), 2, 2, 'valid');
        }, images as tf.Tensor4D);
        const flat = features.reshape<tf.Tensor2D>([images.shape[0], -1]);
        return tf.add(tf.matMul(flat, dense.kernel as tf.Tensor2D), dense.bias);
      }),
    dispose: () => tf.dispose(parameters),
  };
}
