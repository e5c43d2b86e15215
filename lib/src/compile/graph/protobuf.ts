/**
 * Writes protocol buffers: a message is the concatenation of its fields, each of them a buffer.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
const wireType = { varint: 0, lengthDelimited: 2, fixed32: 5 } as const;

function varint(value: number): Buffer {
  // Negative numbers are written as 64-bit two's complement, which exceeds what a double holds exactly.
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function tag(field: number, type: number): Buffer {
  return varint((field << 3) | type);
}

/** A field that holds a string, bytes or a message. */
export function bytesField(field: number, content: string | Uint8Array): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([tag(field, wireType.lengthDelimited), varint(bytes.length), bytes]);
}

/** A field that holds a message, given by the message's fields. */
export function messageField(field: number, ...fields: Buffer[]): Buffer {
  return bytesField(field, Buffer.concat(fields));
}

/** A field that holds an integer, an enumeration or a boolean. */
export function integerField(field: number, value: number | boolean): Buffer {
  return Buffer.concat([tag(field, wireType.varint), varint(Number(value))]);
}

/** A repeated field of integers, packed. */
export function integersField(field: number, values: readonly (number | boolean)[]): Buffer {
  return bytesField(field, Buffer.concat(values.map((value) => varint(Number(value)))));
}

/** A field that holds a float. */
export function floatField(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, wireType.fixed32), littleEndian([value])]);
}

/** A repeated field of floats, packed. */
export function floatsField(field: number, values: readonly number[]): Buffer {
  return bytesField(field, littleEndian(values));
}

function littleEndian(values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => buffer.writeFloatLE(value, 4 * i));
  return buffer;
}
