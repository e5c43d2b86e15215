import { constant, he, varianceScaling, type Initializer } from '../../initializers';
import { tf } from '../../runtime';
import type { ParameterScope } from '../parameterScope';
import type { Layer } from './activations';

export interface ConvolutionOptions {
  /** Channels that come in. */
  readonly inputs: number;
  /** Channels that go out: the number of filters. */
  readonly outputs: number;
  /** Side of a filter; default 3. */
  readonly span?: number;
  /** Pixels from one place of a filter to the next; default 1. */
  readonly stride?: number;
  /** Of the kernel; default He. */
  readonly initializer?: Initializer;
}

/**
 * A convolution of images [batch, height, width, inputs], padded so that only the stride makes them smaller:
 * `label/kernel` [span, span, inputs, outputs] and `label/bias`.
 *
 * @example
 * const edges = layers.convolution(scope, 'edges', { inputs: 1, outputs: 16, stride: 2 });
 */
export function convolution(
  scope: ParameterScope,
  label: string,
  { inputs, outputs, span = 3, stride = 1, initializer = he() }: ConvolutionOptions,
): Layer {
  const kernel = scope.add<tf.Rank.R4>(`${label}/kernel`, [span, span, inputs, outputs], initializer);
  const bias = scope.add<tf.Rank.R1>(`${label}/bias`, [outputs], constant(0));
  return (x) => tf.add(tf.conv2d(x as tf.Tensor4D, kernel, stride, 'same'), bias);
}

/**
 * The convolution that turns {@link convolution} round: images become `stride` times as high and wide. `label/kernel` is
 * [span, span, outputs, inputs], `label/bias` [outputs].
 *
 * By default the variance of the kernel is 2 over the terms of a sum: a stride s leaves 1/s² of the filter for each pixel.
 */
export function transposedConvolution(
  scope: ParameterScope,
  label: string,
  options: ConvolutionOptions,
): Layer {
  const { inputs, outputs, span = 3, stride = 1 } = options;
  const { initializer = varianceScaling({ gain: 2 * stride ** 2, fan: 'out' }) } = options;
  const kernel = scope.add<tf.Rank.R4>(`${label}/kernel`, [span, span, outputs, inputs], initializer);
  const bias = scope.add<tf.Rank.R1>(`${label}/bias`, [outputs], constant(0));
  return (x) => {
    const [batch, height, width] = x.shape as [number, number, number];
    const shape: [number, number, number, number] = [batch, stride * height, stride * width, outputs];
    return tf.add(tf.conv2dTranspose(x as tf.Tensor4D, kernel, shape, stride, 'same'), bias);
  };
}
