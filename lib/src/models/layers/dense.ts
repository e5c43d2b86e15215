import { constant, lecun, type Initializer } from '../../initializers';
import { tf } from '../../runtime';
import type { ParameterScope } from '../parameterScope';
import type { Layer } from './activations';

export interface DenseOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Of the kernel; default LeCun. */
  readonly initializer?: Initializer;
}

/**
 * An affine map of the last axis, `label/kernel` and `label/bias`; the bias starts at 0.
 *
 * @example
 * const scope = new ParameterScope('classifier', { seed: 1 });
 * const hidden = layers.dense(scope, 'hidden', { inputs: 784, outputs: 64, initializer: initializers.he() });
 */
export function dense(
  scope: ParameterScope,
  label: string,
  { inputs, outputs, initializer = lecun() }: DenseOptions,
): Layer {
  const kernel = scope.add<tf.Rank.R2>(`${label}/kernel`, [inputs, outputs], initializer);
  const bias = scope.add<tf.Rank.R1>(`${label}/bias`, [outputs], constant(0));
  return (x) => {
    if (x.rank === 2) return tf.add(tf.matMul(x as tf.Tensor2D, kernel), bias);
    const rows = tf.add(tf.matMul(x.reshape<tf.Tensor2D>([-1, inputs]), kernel), bias);
    return rows.reshape([...x.shape.slice(0, -1), outputs]);
  };
}
