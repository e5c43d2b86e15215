import { attributeType, nativeBackend, typeAttribute } from './binding';
import { tf } from './tensorflow';

/**
 * Hands on a tensor, and throws where an element of it is NaN or infinite.
 *
 * Use it to find where a computation breaks down; in a compiled step it stops the step, whose variables then stay as they
 * were. A compiled step that contains it runs without XLA. Gradients pass through.
 *
 * @param name Says in the error what is not finite.
 * @throws Error `… : Tensor had NaN values` or `… : Tensor had Inf values`.
 *
 * @example
 * const x = tf.tensor1d([1, 2, 3]);
 * const logarithm = assertFinite(tf.log(x), 'the logarithm of x');
 */
export function assertFinite<T extends tf.Tensor>(x: T, name: string): T {
  const check = tf.customGrad((value) => ({
    value: nativeBackend().executeSingleOutput(
      'CheckNumerics',
      [typeAttribute('T', 'float32'), { name: 'message', type: attributeType.string, value: name }],
      [value as tf.Tensor],
    ),
    gradFunc: (dy: tf.Tensor) => dy,
  }));
  return check(x) as T;
}
