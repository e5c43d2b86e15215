import type { Backend, TypedArray } from './binding';
import { bindingWith } from './bindingWith';

/**
 * Makes TensorFlow copy the values that JavaScript gives it, instead of sharing the memory of the typed array.
 *
 * TensorFlow lets go of a tensor's memory on whichever thread holds it last, and the binding then deletes a reference of
 * the JavaScript engine on that thread, which corrupts the engine's heap when it happens off the main thread: XLA does so
 * about once in 50,000 steps. TensorFlow copies memory that is not aligned as its kernels want it, and returns
 * the original at once; so values are handed over from an address that is not.
 */
export function handOverCopies(backend: Backend): void {
  const { binding } = backend;
  backend.binding = bindingWith(binding, {
    createTensor: (shape, dtype, values) =>
      binding.createTensor(shape, dtype, ArrayBuffer.isView(values) ? unaligned(values) : values),
  });
}

/** The same values, starting one element past an aligned address. */
function unaligned(values: TypedArray): TypedArray {
  const { length, BYTES_PER_ELEMENT: width } = values;
  const Type = values.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => TypedArray;
  const copy = new Type(new ArrayBuffer((length + 1) * width), width, length);
  copy.set(values);
  return copy;
}
