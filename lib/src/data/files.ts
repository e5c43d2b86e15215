import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A data file is missing, cut, or not what its name says. */
export class DataError extends Error {
  override name = 'DataError';
}

const ownFolder = join(__dirname, '..', '..', '..', 'data');
const SOURCES = 'SOURCES.md';

/** The folder of the data sets: `LIANDAN_DATA`, or `data/` of the repository. */
export function dataFolder(): string {
  return resolve(process.env.LIANDAN_DATA ?? ownFolder);
}

/** Files that were found to be the right ones, with size and time of that moment. */
const verified = new Map<string, string>();

/**
 * Reads and unpacks a `.gz` file of the data folder. Its sha256 must be the one that SOURCES.md beside it gives, or that of
 * the repository where there is none beside it.
 *
 * @throws DataError if the file is missing, damaged or another one.
 */
export function readCompressed(file: string): Buffer {
  const path = join(dataFolder(), file);
  if (!existsSync(path)) {
    throw new DataError(
      `The data file ${path} does not exist. The data sets lie in data/ of the liandan repository; ` +
        `where they lie elsewhere, set LIANDAN_DATA to that folder.`,
    );
  }
  const damaged = (how: string, cause?: unknown) =>
    new DataError(`The data file ${path} is damaged (${how}). Restore it: git checkout -- data/${file}`, { cause });
  let packed: Buffer;
  let state: string;
  try {
    const { size, mtimeMs } = statSync(path);
    packed = readFileSync(path);
    state = `${size} ${mtimeMs}`;
  } catch (cause) {
    throw damaged((cause as Error).message, cause);
  }
  let content: Buffer;
  try {
    content = gunzipSync(packed);
  } catch (cause) {
    throw damaged((cause as Error).message, cause);
  }
  if (verified.get(path) !== state) {
    verify(path, file, packed);
    verified.set(path, state);
  }
  return content;
}

function verify(path: string, file: string, packed: Buffer): void {
  const beside = join(dataFolder(), SOURCES);
  const list = existsSync(beside) ? beside : join(ownFolder, SOURCES);
  const expected = new RegExp(`^([0-9a-f]{64})  ${file.replaceAll('.', '\\.')}$`, 'm').exec(readFileSync(list, 'utf8'))?.[1];
  const found = createHash('sha256').update(packed).digest('hex');
  if (found === expected) return;
  throw new DataError(
    expected
      ? `The data file ${path} is not the one that ${list} describes: its sha256 is ${found.slice(0, 12)}…, expected ` +
          `${expected.slice(0, 12)}…. Restore it: git checkout -- data/${file}. If you changed it on purpose, put a ` +
          `${SOURCES} with its sha256 beside it.`
      : `The sha256 of the data file ${path} is not listed in ${list}; add the line "${found}  ${file}".`,
  );
}
