import { DataError } from './files';

/** An array of bytes with its dimensions, as the IDX format stores it. */
export interface IdxArray {
  readonly shape: readonly number[];
  /** Row-major values, 0 … 255. */
  readonly values: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;

/**
 * Reads an IDX array of unsigned bytes.
 *
 * @param bytes The whole file: 0, 0, type, rank, then one big-endian 32-bit size per dimension, then the values.
 * @param rank The number of dimensions expected (images 3, labels 1).
 * @param name How to call the file in errors.
 * @throws DataError if the header is another one or the length does not fit it.
 *
 * @see Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.
 */
export function parseIdx(bytes: Uint8Array, rank: number, name: string): IdxArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new DataError(
      `${name} has ${bytes.length} bytes, but the header of an IDX file of rank ${rank} alone takes ${header}: it is cut.`,
    );
  }
  const magic = view.getUint32(0);
  const expected = (UNSIGNED_BYTE << 8) | rank;
  if (magic !== expected) {
    throw new DataError(
      `${name} begins with ${hex(magic)}, but an IDX file of unsigned bytes of rank ${rank} begins with ${hex(expected)}: ` +
        `it is another kind of file.`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length - header !== size) {
    throw new DataError(
      `${name} announces ${shape.join(' × ')} = ${size} values, but ${bytes.length - header} follow: ` +
        `it is ${bytes.length - header < size ? 'cut' : 'damaged'}.`,
    );
  }
  return { shape, values: bytes.subarray(header) };
}

const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
