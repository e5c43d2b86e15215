/** Values of JavaScript that a graph holds: type, shape and bytes. */
import { dataType } from '../../runtime/binding';

export interface Constant {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly bytes: Buffer;
}

/** The values of a constant, in its memory if that is aligned. */
export function valuesOf({ dtype, bytes }: Constant): Float32Array | Int32Array | Uint8Array {
  if (dtype === dataType.bool) return bytes;
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(bytes);
  return dtype === dataType.int32
    ? new Int32Array(buffer, byteOffset, length / 4)
    : new Float32Array(buffer, byteOffset, length / 4);
}

/** A constant of 32-bit integers: a scalar, or a vector if an array is given. */
export function integerConstant(value: number | readonly number[]): Constant {
  const values = typeof value === 'number' ? [value] : value;
  return {
    dtype: dataType.int32,
    shape: typeof value === 'number' ? [] : [values.length],
    bytes: Buffer.from(Int32Array.from(values).buffer),
  };
}

/** A floating-point number. */
export function floatConstant(value: number): Constant {
  return { dtype: dataType.float32, shape: [], bytes: Buffer.from(Float32Array.of(value).buffer) };
}

/** The one value of all elements; undefined if they differ bit by bit, or if there are none. */
export function splatOf(constant: Constant): number | undefined {
  const { dtype, bytes } = constant;
  const width = dtype === dataType.bool ? 1 : dtype === dataType.complex64 ? 8 : 4;
  const isSplat = bytes.length > 0 && bytes.subarray(width).equals(bytes.subarray(0, -width));
  return isSplat ? valuesOf(constant)[0] : undefined;
}

/** The first values, for messages. */
export function preview(constant: Constant): string {
  const { dtype, shape } = constant;
  const values = valuesOf(constant);
  const shown = Array.from(values.subarray(0, 4), (value) =>
    dtype === dataType.float32 ? Number(value.toPrecision(7)) : value,
  );
  if (shape.length === 0) return String(shown[0]);
  return `[${shown.join(', ')}${values.length > shown.length ? ', …' : ''}]`;
}

/** Whether two constants are the same bit by bit. */
export function sameConstant(a: Constant, b: Constant): boolean {
  return a.dtype === b.dtype && a.shape.join() === b.shape.join() && a.bytes.equals(b.bytes);
}
