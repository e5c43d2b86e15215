import { isRunning } from './isRunning';
import { nodeModule } from './nodeModule';

/** What one system call writes or reads at most is a little less than 2 GiB. */
const PIECE = 2 ** 30;

/**
 * Writes a file so that at every moment, also after a crash, the old content or the new one is there: beside its place, to
 * the disk, then renamed. The folder is made if it is missing; a symbolic link and the permissions of the file stay, and
 * a file that must not be written is not replaced. What killed processes left beside it is removed.
 *
 * @throws Error with the cause if the file could not be written; what was there before is unchanged.
 */
export async function writeAtomically(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const files = nodeModule('node:fs/promises');
  const paths = nodeModule('node:path');
  try {
    await files.mkdir(paths.dirname(paths.resolve(path)), { recursive: true });
    const target = await files.realpath(path).catch(() => paths.resolve(path));
    await removeAbandoned(target);
    const beside = `${target}.${process.pid}-${nodeModule('node:crypto').randomBytes(4).toString('hex')}.tmp`;
    const existing = await files.stat(target).catch(() => undefined);
    if (existing) await files.access(target, files.constants.W_OK);
    try {
      const file = await files.open(beside, 'wx', (existing?.mode ?? 0o666) & 0o777);
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
      if (existing) await files.chmod(beside, existing.mode & 0o777);
      await files.rename(beside, target);
    } catch (error) {
      await files.rm(beside, { force: true });
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
  const files = nodeModule('node:fs/promises');
  const paths = nodeModule('node:path');
  const name = paths.basename(target);
  for (const entry of await files.readdir(paths.dirname(target))) {
    if (!entry.startsWith(`${name}.`)) continue;
    const [, pid] = /^\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(entry.slice(name.length)) ?? [];
    const path = paths.join(paths.dirname(target), entry);
    if (pid !== undefined && (await isAbandoned(path, Number(pid)))) await files.rm(path, { force: true });
  }
}

async function isAbandoned(path: string, pid: number): Promise<boolean> {
  if (pid === process.pid) {
    // In a container a new process often has the number of the one before it.
    const written = await nodeModule('node:fs/promises')
      .stat(path)
      .then(
        ({ mtimeMs }) => mtimeMs,
        () => Infinity,
      );
    return written < performance.timeOrigin;
  }
  return !isRunning(pid);
}
