/** The file format safetensors: a line of JSON that says what lies where, then the numbers. */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { writeAtomically } from '../runtime/atomicFile';

const types = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Types of numbers that are written and read. */
export type StoredType = keyof typeof types;

/** A tensor in a file. */
export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/** What a file holds: tensors by name, in the order of the file, and texts. */
export interface Stored {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether a checksum vouched for the whole file; other writers write none. */
  readonly isVerified?: boolean;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const LENGTH_BYTES = 8;
/** The limit of the reference implementation. */
const LONGEST_HEADER = 100_000_000;
const PIECE = 2 ** 30;
const UNSIGNED = '0'.repeat(64);

/**
 * Writes tensors to a file that every reader of safetensors reads, with a checksum of the whole file among its texts.
 * The old file or the new one is there at every moment; see {@link writeAtomically}.
 *
 * @see https://github.com/huggingface/safetensors
 */
export async function writeSafetensors(path: string, { tensors, metadata }: Stored): Promise<void> {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, values }]) => {
    const start = end;
    end += values.byteLength;
    return [name, { dtype, shape, data_offsets: [start, end] }] as const;
  });
  const data = [...tensors.values()].map(
    ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  const header = (checksum: string) => {
    const json = Buffer.from(
      JSON.stringify({ __metadata__: { ...metadata, checksum }, ...Object.fromEntries(entries) }),
    );
    // The numbers start at a multiple of 8, so that they can be read where they lie.
    const padded = Buffer.alloc(LENGTH_BYTES + 8 * Math.ceil(json.length / 8), ' ');
    padded.writeBigUInt64LE(BigInt(padded.length - LENGTH_BYTES));
    json.copy(padded, LENGTH_BYTES);
    return padded;
  };
  const hash = createHash('sha256');
  for (const part of [header(UNSIGNED), ...data]) update(hash, part);
  await writeAtomically(path, [header(hash.digest('hex')), ...data]);
}

/**
 * Reads a file that {@link writeSafetensors} or another writer of safetensors wrote.
 *
 * @throws Error if the file is none, damaged, or holds types of numbers that TensorFlow.js does not have.
 */
export async function readSafetensors(path: string): Promise<Stored> {
  const file = await open(path);
  try {
    return await read(path, file);
  } finally {
    await file.close();
  }
}

async function read(path: string, file: FileHandle): Promise<Stored> {
  const { size } = await file.stat();
  const damaged = (what: string) => new Error(`${path} is damaged or no safetensors file: ${what}.`);
  if (size < LENGTH_BYTES + 2) throw damaged(`it has ${size} bytes`);
  const prefix = await readBytes(file, 0, LENGTH_BYTES);
  const length = Number(prefix.readBigUInt64LE());
  const start = LENGTH_BYTES + length;
  if (length > LONGEST_HEADER || start > size) {
    throw damaged(`its header would have ${length} bytes, and the file has ${size}`);
  }
  const json = await readBytes(file, LENGTH_BYTES, length);
  let header: Record<string, Entry>;
  let metadata: Record<string, string>;
  try {
    ({ __metadata__: metadata = {}, ...header } = JSON.parse(json.toString('utf8')) as Record<
      string,
      Entry
    > & {
      __metadata__?: Record<string, string>;
    });
  } catch {
    throw damaged('its header is not JSON');
  }
  const { checksum, ...texts } = metadata;
  const hash = createHash('sha256');
  if (checksum !== undefined) {
    const at = json.indexOf(`"checksum":"${checksum}"`);
    if (at < 0) throw damaged('its checksum is not where it belongs');
    update(hash, prefix);
    update(
      hash,
      Buffer.concat([
        json.subarray(0, at),
        Buffer.from(`"checksum":"${UNSIGNED}"`),
        json.subarray(at + 13 + checksum.length),
      ]),
    );
  }
  const entries = Object.entries(header);
  const bad = entries.find(([, entry]) => !isEntry(entry));
  if (bad) throw damaged(`its header does not describe ${bad[0]}`);
  const inOrder = entries.sort(
    ([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1],
  );
  const tensors = new Map<string, StoredTensor>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets: offsets }] of inOrder) {
    const Type = Object.hasOwn(types, dtype) ? types[dtype as StoredType] : undefined;
    if (!Type) {
      if (checksum !== undefined) throw damaged(`${name} has the unknown type ${dtype}`);
      throw new Error(
        `${path}: ${name} has the type ${dtype}, but only ${Object.keys(types).join(', ')} can be read. ` +
          'Convert it where it was written.',
      );
    }
    const bytes = shape.reduce((product, axis) => product * axis, Type.BYTES_PER_ELEMENT);
    if (offsets[0] !== end || offsets[1] !== end + bytes || start + offsets[1] > size) {
      throw damaged(`${name} of the shape [${shape.join(', ')}] does not lie where its header says`);
    }
    const content = await readBytes(file, start + end, bytes);
    end += bytes;
    if (checksum !== undefined) update(hash, content);
    const values = new Type(
      content.buffer as ArrayBuffer,
      content.byteOffset,
      bytes / Type.BYTES_PER_ELEMENT,
    );
    tensors.set(name, { dtype: dtype as StoredType, shape, values });
  }
  if (start + end !== size) throw damaged(`it has ${size - start - end} bytes too many`);
  if (checksum !== undefined && hash.digest('hex') !== checksum) {
    throw damaged('its checksum does not match its content');
  }
  return { tensors, metadata: texts, isVerified: checksum !== undefined };
}

function isEntry(entry: unknown): entry is Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Entry>;
  const areSizes = (values: unknown) =>
    Array.isArray(values) && values.every((value) => Number.isSafeInteger(value) && value >= 0);
  return typeof dtype === 'string' && areSizes(shape) && areSizes(offsets) && offsets?.length === 2;
}

/** Fresh memory, aligned for numbers of 8 bytes. */
async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, Math.min(PIECE, length - at), position + at);
    if (bytesRead === 0) throw new Error('The file ended while it was being read.');
    at += bytesRead;
  }
  return bytes;
}

/** A hash takes less than 2 GiB at once. */
function update(hash: ReturnType<typeof createHash>, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += PIECE) hash.update(bytes.subarray(at, at + PIECE));
}
