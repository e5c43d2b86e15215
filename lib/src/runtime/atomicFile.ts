import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** What one system call writes or reads at most is a little less than 2 GiB. */
const PIECE = 2 ** 30;

/**
 * Writes a file so that at every moment, also after a crash, the old content or the new one is there: beside its place, to
 * the disk, then renamed. The folder is made if it is missing; a symbolic link and the permissions of the file stay.
 *
 * @throws Error with the cause if the file could not be written; what was there before is unchanged.
 */
export async function writeAtomically(path: string, parts: readonly Uint8Array[]): Promise<void> {
  try {
    await mkdir(dirname(resolve(path)), { recursive: true });
    const target = await realpath(path).catch(() => resolve(path));
    await removeAbandoned(target);
    const beside = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
    const mode = await stat(target).then(
      (existing) => existing.mode & 0o777,
      () => 0o666,
    );
    try {
      const file = await open(beside, 'wx', mode);
      try {
        for (const part of parts) {
          for (let at = 0; at < part.byteLength;) {
            at += (await file.write(part, at, Math.min(PIECE, part.byteLength - at))).bytesWritten;
          }
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, target);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} could not be written (${reason}). What was there before is unchanged.`, {
      cause: error,
    });
  }
}

/** Removes what processes that were killed while they wrote this file left beside it. */
async function removeAbandoned(target: string): Promise<void> {
  const name = basename(target);
  for (const entry of await readdir(dirname(target))) {
    if (!entry.startsWith(`${name}.`)) continue;
    const [, pid] = /^\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(entry.slice(name.length)) ?? [];
    const path = join(dirname(target), entry);
    if (pid !== undefined && (await isAbandoned(path, Number(pid)))) await rm(path, { force: true });
  }
}

async function isAbandoned(path: string, pid: number): Promise<boolean> {
  if (pid === process.pid) {
    // In a container a new process often has the number of the one before it.
    const written = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    return written < performance.timeOrigin;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
