import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A data file is missing, cut, or not what its name says. */
export class DataError extends Error {
  override name = 'DataError';
}

/** The folder of the data sets: `LIANDAN_DATA`, or `data/` of the repository. */
export function dataFolder(): string {
  return resolve(process.env.LIANDAN_DATA ?? join(__dirname, '..', '..', '..', 'data'));
}

/**
 * Reads and unpacks a `.gz` file of the data folder.
 *
 * @throws DataError if the file is missing or damaged.
 */
export function readCompressed(file: string): Buffer {
  const path = join(dataFolder(), file);
  if (!existsSync(path)) {
    throw new DataError(
      `The data file ${path} does not exist. The data sets lie in data/ of the liandan repository; ` +
        `where they lie elsewhere, set LIANDAN_DATA to that folder.`,
    );
  }
  try {
    return gunzipSync(readFileSync(path));
  } catch (cause) {
    throw new DataError(
      `The data file ${path} is damaged (${(cause as Error).message}). Restore it: git checkout -- data/${file}`,
      { cause },
    );
  }
}
