import { tf } from '../../runtime';

/** A map of tensors that may hold parameters. */
export type Layer = (x: tf.Tensor) => tf.Tensor;

/** Nonlinearities by name; `'gelu'` is x·Φ(x) with the distribution function Φ of the normal distribution, `'linear'` is x. */
export type Activation = 'relu' | 'gelu' | 'tanh' | 'linear';

export const activations: Readonly<Record<Activation, Layer>> = {
  relu: (x) => tf.relu(x),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
  tanh: (x) => tf.tanh(x),
  linear: (x) => x,
};
