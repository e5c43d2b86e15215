import { lecun, type Initializer } from '../initializers';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { convolution, dense } from './layers';
import type { Model } from './model';
import { ParameterScope } from './parameterScope';

export interface CnnOptions {
  /** Height, width and channels of an image, for example `[28, 28, 1]`. */
  readonly image: readonly [height: number, width: number, channels: number];
  /** Filters of each convolution, for example `[16, 32]`. */
  readonly filters: readonly number[];
  readonly classes: number;
  /** Side of a filter; default 3. */
  readonly span?: number;
  /** Of all kernels; default He before a ReLU and LeCun at the end. */
  readonly initializer?: Initializer;
  /** Seed of the initial kernels; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'cnn'`. */
  readonly name?: string;
}

/**
 * A convolutional classifier: convolutions with ReLU, each followed by max pooling that halves height and width, and a dense
 * layer.
 *
 * By default kernels start normally distributed with variance 2 / fan-in before a ReLU (He) and 1 / fan-in at the end (LeCun); biases
 * start at 0. The parameters are called `cnn/convolution_1/kernel`, `cnn/convolution_1/bias`, …, `cnn/dense/kernel`, `cnn/dense/bias`.
 *
 * @returns A model from images [batch, height, width, channels] to logits [batch, classes].
 * @throws RangeError if there is no convolution, or so many that pooling leaves nothing of the image; TypeError for an unknown
 *   option.
 *
 * @example
 * const model = cnn({ image: [28, 28, 1], filters: [16, 32], classes: 10 });
 * const logits = model.apply(images);
 */
export function cnn(options: CnnOptions): Model {
  rejectUnknown(options, ['image', 'filters', 'classes', 'span', 'initializer', 'seed', 'name'], 'cnn');
  const { image, filters, classes, span, initializer, seed, name = 'cnn' } = options;
  const [height, width, channels] = image;
  const shrink = 2 ** filters.length;
  const area = Math.floor(height / shrink) * Math.floor(width / shrink);
  if (filters.length === 0 || area === 0) {
    throw new RangeError(
      `A CNN needs at least one convolution, and pooling must leave a pixel; ` +
        `got ${filters.length} convolutions of images of ${height} × ${width}.`,
    );
  }
  const scope = new ParameterScope(name, { seed });
  const convolutions = filters.map((outputs, index) =>
    convolution(scope, `convolution_${index + 1}`, {
      inputs: filters[index - 1] ?? channels,
      outputs,
      span,
      initializer,
    }),
  );
  const classify = dense(scope, 'dense', {
    inputs: area * filters.at(-1)!,
    outputs: classes,
    initializer: initializer ?? lecun(),
  });
  return scope.model((images) => {
    const features = convolutions.reduce(
      (x, convolve) => tf.maxPool(tf.relu(convolve(x)) as tf.Tensor4D, 2, 2, 'valid'),
      images,
    );
    return classify(features.reshape([images.shape[0], -1]));
  });
}
