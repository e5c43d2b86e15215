import { constant } from '../../initializers';
import { tf } from '../../runtime';
import type { ParameterScope } from '../parameterScope';
import type { Layer } from './activations';

/** As PyTorch and TensorFlow.js add to the variance by default (BERT: 10⁻¹²). */
const VARIANCE_FLOOR = 1e-5;

/**
 * Layer normalisation: each vector along the last axis minus its mean, over its standard deviation, times `label/norm/gamma`
 * (from 1) plus `label/norm/beta` (from 0).
 */
export function layerNormalization(scope: ParameterScope, label: string, width: number): Layer {
  const gamma = scope.add<tf.Rank.R1>(`${label}/norm/gamma`, [width], constant(1));
  const beta = scope.add<tf.Rank.R1>(`${label}/norm/beta`, [width], constant(0));
  return (x) => tf.add(tf.mul(standardize(x), gamma), beta);
}

/**
 * Each vector along the last axis minus its mean, over its standard deviation. The gradient is given in closed form: with
 * u = (x − mean) / s it is (dy − mean(dy) − u·mean(dy·u)) / s, a third of the operations that the chain rule takes.
 */
function standardize(x: tf.Tensor): tf.Tensor {
  const mean = (y: tf.Tensor): tf.Tensor => tf.mean(y, -1, true);
  return tf.customGrad((values, save) => {
    const centred = tf.sub(values as tf.Tensor, mean(values as tf.Tensor));
    const inverse = tf.rsqrt(tf.add(mean(tf.square(centred)), VARIANCE_FLOOR));
    const unit = tf.mul(centred, inverse);
    (save as tf.GradSaveFunc)([unit, inverse]);
    return {
      value: unit,
      gradFunc: (dy: tf.Tensor, [u, perDeviation]: tf.Tensor[]) => {
        const along = tf.mul(u!, mean(tf.mul(dy, u!)));
        return tf.mul(perDeviation!, tf.sub(tf.sub(dy, mean(dy)), along));
      },
    };
  })(x);
}
