import { lecun, type Initializer } from '../../initializers';
import { tf } from '../../runtime';
import type { ParameterScope } from '../parameterScope';
import type { Layer } from './activations';
import { dense } from './dense';

export interface AttentionOptions {
  readonly width: number;
  readonly heads: number;
  /** Whether a token looks at itself and those before it only; default false. */
  readonly causal?: boolean;
  /** Of the kernels; default LeCun. */
  readonly initializer?: Initializer;
  /** Of the kernel after the heads; default as the others. */
  readonly outputInitializer?: Initializer;
}

/** Large enough that its exponential is 0 in float32. */
const FAR_BELOW = -1e9;

/**
 * Multi-head self-attention of [batch, length, width], with `label/query`, `label/key`, `label/value` and `label/output`.
 *
 * @throws RangeError if the width is not a multiple of the number of heads.
 */
export function selfAttention(
  scope: ParameterScope,
  label: string,
  options: AttentionOptions,
): (x: tf.Tensor, mask?: tf.Tensor) => tf.Tensor {
  const { width, heads, causal = false, initializer = lecun(), outputInitializer = initializer } = options;
  if (!Number.isInteger(width / heads)) {
    throw new RangeError(`The width must be a multiple of the number of heads, got ${width} and ${heads}.`);
  }
  const square = { inputs: width, outputs: width };
  const [query, key, value] = ['query', 'key', 'value'].map((part) =>
    dense(scope, `${label}/${part}`, { ...square, initializer }),
  ) as [Layer, Layer, Layer];
  const output = dense(scope, `${label}/output`, { ...square, initializer: outputInitializer });
  return (x, mask) => {
    const [batch, length] = x.shape as [number, number];
    const split = (y: tf.Tensor): tf.Tensor4D =>
      tf.transpose(y.reshape<tf.Tensor4D>([batch, length, heads, width / heads]), [0, 2, 1, 3]);
    let scores: tf.Tensor = tf.mul(
      tf.matMul(split(query(x)), split(key(x)), false, true),
      1 / Math.sqrt(width / heads),
    );
    if (causal) scores = tf.add(scores, causalMask(length));
    if (mask) scores = tf.add(scores, tf.mul(tf.sub(1, mask), FAR_BELOW).reshape([batch, 1, 1, length]));
    const mixed = tf.matMul(tf.softmax(scores), split(value(x)));
    return output(tf.transpose(mixed, [0, 2, 1, 3]).reshape([batch, length, width]));
  };
}

/** 0 where a position (row) may look, a large negative number at the positions after it. */
function causalMask(length: number): tf.Tensor2D {
  const later = Array.from({ length: length ** 2 }, (_, k) =>
    k % length > Math.floor(k / length) ? FAR_BELOW : 0,
  );
  return tf.tensor2d(later, [length, length]);
}
