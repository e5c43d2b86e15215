import { tensor, type Optimizer } from '@tensorflow/tfjs-core';
import type { FileHandle } from 'node:fs/promises';
import { writeAtomically } from '../../runtime/atomicFile';
import { nodeModule } from '../../runtime/nodeModule';
import { isCount } from '../base/optimizer';
import type { NamedTensor } from '../parameters/gradients';

const format = 'liandan-optimizer-state';
const version = 1;

/** What has state that a file can hold: an optimizer, averages of weights. */
export interface Stateful {
  /** Names what the state is of; a file is loaded by the same only. */
  getClassName(): string;
  /** The state, named. */
  getWeights(): Promise<NamedTensor[]>;
  /** Takes over state that {@link getWeights} gave. */
  setWeights(weights: NamedTensor[]): Promise<void>;
  /** The state of this moment as copies that are the caller's; undefined where that is not to be had. */
  snapshot?(): NamedTensor[] | undefined;
}

interface Header {
  readonly optimizer: string;
  readonly tensors: readonly {
    readonly name: string;
    readonly dtype: 'float32' | 'int32';
    readonly shape: number[];
  }[];
}

/** Saves that wait for one to the same file, so that what is saved last stays. */
const pending = new Map<string, Promise<void>>();

/**
 * Writes the state of an optimizer, or of a `WeightAverage`, to one file: a line with format, version and checksum, a
 * line of JSON with names, types and shapes, then the numbers (4 bytes each, little-endian). The state is that of the
 * call, whatever steps are made until the promise resolves. A crash leaves the old file or the new one, never half a
 * file, and so do several saves to one file at a time.
 *
 * @param path Where to; the folder is made if it is missing. A link is followed; the file keeps its permissions.
 * @throws Error if the file cannot be written; for an optimizer of TensorFlow.js, whose state cannot be had at once, also
 *   if it makes a step while it is read.
 *
 * @example
 * await saveState(optimizer, 'run/optimizer.state');
 */
export async function saveState(optimizer: Stateful, path: string): Promise<void> {
  const kind = optimizer.getClassName();
  // Before the first await: the program may go on with another step.
  const snapshot = optimizer.snapshot?.();
  const { iterations } = optimizer as Partial<Optimizer>;
  const place = nodeModule('node:path').resolve(path);
  const turn = (pending.get(place) ?? Promise.resolve())
    .catch(() => undefined)
    .then(async () =>
      write(kind, snapshot ?? (await read(optimizer as unknown as Optimizer, iterations)), place),
    );
  pending.set(place, turn);
  try {
    await turn;
  } catch (error) {
    throw new Error(`The state of the optimizer could not be written to ${path}.`, { cause: error });
  } finally {
    if (pending.get(place) === turn) pending.delete(place);
  }
}

/**
 * Resumes from a file that {@link saveState} wrote.
 *
 * @throws Error if the file is no such file, of another version, damaged, of another optimizer, or does not fit the
 *   parameters; the optimizer is unchanged.
 *
 * @example
 * const optimizer = tiger(options);
 * await loadState(optimizer, 'run/optimizer.state');
 */
export async function loadState(optimizer: Stateful, path: string): Promise<void> {
  const { header, arrays } = await parse(path);
  if (header.optimizer !== optimizer.getClassName()) {
    throw new Error(`${path} is the state of ${header.optimizer}, not of ${optimizer.getClassName()}.`);
  }
  const weights = header.tensors.map(({ name, dtype, shape }, index) => ({
    name,
    tensor: tensor(arrays[index] as Float32Array, shape, dtype),
  }));
  try {
    await optimizer.setWeights(weights);
  } finally {
    for (const { tensor: of } of weights) of.dispose();
  }
}

/** The state of an optimizer of TensorFlow.js; it must not make a step meanwhile. */
async function read(optimizer: Optimizer, iterations: number | undefined): Promise<NamedTensor[]> {
  const weights = await optimizer.getWeights();
  const copies = weights.map(({ name, tensor: of }) => ({ name, tensor: of.clone() }));
  for (const { name, tensor: of } of weights) if (isCount(name)) of.dispose();
  if (optimizer.iterations === iterations) return copies;
  for (const { tensor: copy } of copies) copy.dispose();
  throw new Error(
    `${optimizer.getClassName()} made a step while its state was read. Await saveState before the next step.`,
  );
}

async function write(kind: string, state: readonly NamedTensor[], path: string): Promise<void> {
  let arrays: Awaited<ReturnType<typeof dataOf>>[];
  const header: Header = {
    optimizer: kind,
    tensors: state.map(({ name, tensor: { dtype, shape } }) => ({ name, dtype: dtype as 'float32', shape })),
  };
  try {
    arrays = await Promise.all(state.map(({ tensor: of }) => dataOf(of)));
  } finally {
    for (const { tensor: of } of state) of.dispose();
  }
  const chunks = [Buffer.from(`${JSON.stringify(header)}\n`), ...arrays];
  const hash = nodeModule('node:crypto').createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  await writeAtomically(path, [Buffer.from(`${format} ${version} ${hash.digest('hex')}\n`), ...chunks]);
}

async function dataOf(of: NamedTensor['tensor']): Promise<Buffer> {
  const { buffer, byteOffset, byteLength } = await of.data();
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Header and numbers of a file that is whole. */
async function parse(path: string): Promise<{ header: Header; arrays: (Float32Array | Int32Array)[] }> {
  const file = await nodeModule('node:fs/promises').open(path);
  try {
    const { size } = await file.stat();
    const [first, start] = await readLine(file, 0, size);
    const [name, fileVersion, sum] = first.toString('utf8').split(' ');
    if (name !== format) throw new Error(`${path} is not the state of an optimizer.`);
    if (Number(fileVersion) !== version) {
      throw new Error(`${path} has format version ${fileVersion}; this program reads version ${version}.`);
    }
    const damaged = new Error(`${path} is damaged: its checksum does not match its content.`);
    const hash = nodeModule('node:crypto').createHash('sha256');
    const [line, end] = await readLine(file, start, size);
    hash.update(line).update('\n');
    const header = headerOf(line);
    const bytes = header?.tensors.map(({ shape }) => 4 * shape.reduce((count, length) => count * length, 1));
    if (!header || !bytes || bytes.reduce((all, own) => all + own, end) !== size) throw damaged;
    let position = end;
    const arrays: (Float32Array | Int32Array)[] = [];
    for (const [index, { dtype }] of header.tensors.entries()) {
      const chunk = await readExactly(file, position, bytes[index] as number);
      position += chunk.length;
      hash.update(chunk);
      arrays.push(dtype === 'int32' ? new Int32Array(chunk.buffer) : new Float32Array(chunk.buffer));
    }
    if (hash.digest('hex') !== sum) throw damaged;
    return { header, arrays };
  } finally {
    await file.close();
  }
}

/** The header, if the line is one. */
function headerOf(line: Buffer): Header | undefined {
  const isLength = (length: unknown): boolean => Number.isSafeInteger(length) && Number(length) >= 0;
  try {
    const header = JSON.parse(line.toString('utf8')) as Header;
    const isSound =
      typeof header.optimizer === 'string' &&
      header.tensors.every(
        ({ name, dtype, shape }) =>
          typeof name === 'string' && ['float32', 'int32'].includes(dtype) && shape.every(isLength),
      );
    return isSound ? header : undefined;
  } catch {
    return undefined;
  }
}

/** The line from a position, and where the next one starts; the whole file if it has none. */
async function readLine(
  file: FileHandle,
  start: number,
  size: number,
): Promise<[line: Buffer, next: number]> {
  const chunks: Buffer[] = [];
  for (let position = start; position < size;) {
    const chunk = await readExactly(file, position, Math.min(65_536, size - position));
    const end = chunk.indexOf('\n');
    if (end >= 0) return [Buffer.concat([...chunks, chunk.subarray(0, end)]), position + end + 1];
    chunks.push(chunk);
    position += chunk.length;
    // The first line is short: what has none is no file of this format.
    if (start === 0) break;
  }
  return [Buffer.concat(chunks), size];
}

/** Bytes in memory of their own, in pieces, because one read is at most 2 GiB. */
async function readExactly(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), start + done);
    if (bytesRead === 0) throw new Error('The file became shorter while it was read.');
    done += bytesRead;
  }
  return bytes;
}
