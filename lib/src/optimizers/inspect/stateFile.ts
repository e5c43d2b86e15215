import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { tensor, type Optimizer } from '@tensorflow/tfjs-core';

const format = 'liandan-optimizer-state';
const version = 1;

interface Header {
  readonly optimizer: string;
  readonly tensors: readonly {
    readonly name: string;
    readonly dtype: 'float32' | 'int32';
    readonly shape: number[];
  }[];
}

/**
 * Writes the state of an optimizer to one file: a line with format, version and checksum, a line of JSON with names,
 * types and shapes, then the numbers (4 bytes each, little-endian). It is written beside its place and then renamed, so
 * that a crash leaves the old file or the new one, never half a file.
 *
 * @param path Where to; the folder must exist.
 *
 * @example
 * await saveState(optimizer, 'run/optimizer.state');
 */
export async function saveState(optimizer: Optimizer, path: string): Promise<void> {
  const weights = await optimizer.getWeights();
  const arrays = await Promise.all(weights.map(({ tensor: of }) => of.data()));
  const header: Header = {
    optimizer: optimizer.getClassName(),
    tensors: weights.map(({ name, tensor: { dtype, shape } }) => ({
      name,
      dtype: dtype as 'float32',
      shape,
    })),
  };
  // iter is made for each call of getWeights; all others are the state itself.
  for (const { name, tensor: of } of weights) if (name.split('/').at(-1) === 'iter') of.dispose();
  const bytes = arrays.map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength));
  const content = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...bytes]);
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(beside, 'w');
    try {
      await file.writeFile(
        Buffer.concat([Buffer.from(`${format} ${version} ${checksum(content)}\n`), content]),
      );
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw new Error(`The state of the optimizer could not be written to ${path}.`, { cause: error });
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
export async function loadState(optimizer: Optimizer, path: string): Promise<void> {
  const file = await readFile(path);
  const [first, content] = splitLine(file);
  const [name, fileVersion, sum] = first.split(' ');
  if (name !== format) throw new Error(`${path} is not the state of an optimizer.`);
  if (Number(fileVersion) !== version) {
    throw new Error(`${path} has format version ${fileVersion}; this program reads version ${version}.`);
  }
  if (sum !== checksum(content))
    throw new Error(`${path} is damaged: its checksum does not match its content.`);
  const [line, numbers] = splitLine(content);
  const header = JSON.parse(line) as Header;
  if (header.optimizer !== optimizer.getClassName()) {
    throw new Error(`${path} is the state of ${header.optimizer}, not of ${optimizer.getClassName()}.`);
  }
  let offset = 0;
  const weights = header.tensors.map(({ name: of, dtype, shape }) => {
    const length = shape.reduce((size, axis) => size * axis, 1);
    const aligned = new Uint8Array(numbers.subarray(offset, offset + 4 * length)).buffer;
    offset += 4 * length;
    const values = dtype === 'int32' ? new Int32Array(aligned) : new Float32Array(aligned);
    return { name: of, tensor: tensor(values, shape, dtype) };
  });
  try {
    await optimizer.setWeights(weights);
  } finally {
    for (const { tensor: of } of weights) of.dispose();
  }
}

const checksum = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

function splitLine(content: Buffer): [line: string, rest: Buffer] {
  const end = content.indexOf('\n');
  return end < 0 ? ['', content] : [content.subarray(0, end).toString('utf8'), content.subarray(end + 1)];
}
