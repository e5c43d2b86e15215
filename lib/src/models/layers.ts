/** The layers that models are built from. Each adds its parameters to a scope and gives the function that uses them. */
import { constant, type Initializer } from '../initializers';
import { tf } from '../runtime';
import type { ParameterScope } from './parameterScope';

export type Layer = (x: tf.Tensor) => tf.Tensor;

/** Nonlinearities by name; `'gelu'` is x·Φ(x) with the distribution function Φ of the normal distribution. */
export type Activation = 'relu' | 'gelu';

export const activations: Readonly<Record<Activation, Layer>> = {
  relu: (x) => tf.relu(x),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
};

/** An affine map of the last axis, `label/kernel` and `label/bias`; the bias starts at 0. */
export function dense(
  scope: ParameterScope,
  label: string,
  { inputs, outputs, initializer }: { inputs: number; outputs: number; initializer: Initializer },
): Layer {
  const kernel = scope.add<tf.Rank.R2>(`${label}/kernel`, [inputs, outputs], initializer);
  const bias = scope.add<tf.Rank.R1>(`${label}/bias`, [outputs], constant(0));
  return (x) => {
    const rows = tf.add(tf.matMul(x.reshape<tf.Tensor2D>([-1, inputs]), kernel), bias);
    return rows.reshape([...x.shape.slice(0, -1), outputs]);
  };
}

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
