/**
 * Compiled programs as files: XLA takes seconds to compile what is read in a fraction of one. They lie in the user's cache
 * folder; `LIANDAN_CACHE=off` in the environment keeps none, `LIANDAN_CACHE=/a/folder` keeps them there.
 *
 * A file holds machine code that will be run. So it is read only from a folder that nobody else can write to, only if its
 * checksum is right, and only on the processor and with the TensorFlow for which it was compiled.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';

/** Files beyond this are removed, those first that were not used for longest. */
const MOST_BYTES = 256 * 2 ** 20;
const DIGEST_BYTES = 32;
/** Of what `lib/native` makes of a graph; it rises when that changes. */
const VERSION = 3;

let processor: string | undefined;
let hasWarned = false;

/**
 * The name of a program's file.
 *
 * @param tensorflow The version.
 * @param parts What the program is made of.
 */
export function programName(tensorflow: string, parts: readonly (string | Uint8Array)[]): string {
  processor ??= describeProcessor();
  const { XLA_FLAGS, TF_XLA_FLAGS } = process.env;
  // XLA divides the work of a program among the cores when it compiles it.
  const circumstances = [VERSION, tensorflow, processor, os.availableParallelism(), XLA_FLAGS, TF_XLA_FLAGS];
  const hash = createHash('sha256').update(JSON.stringify(circumstances));
  for (const part of parts) hash.update(`\n${part.length}\n`).update(part);
  return hash.digest('hex');
}

/** @returns Undefined if there is none that can be trusted. */
export function readProgram(name: string): Uint8Array | undefined {
  const folder = openFolder();
  if (folder === undefined) return undefined;
  const file = join(folder, name);
  let content;
  try {
    content = fs.readFileSync(file);
    const now = new Date();
    fs.utimesSync(file, now, now);
  } catch {
    return undefined;
  }
  const program = content.subarray(DIGEST_BYTES);
  if (content.subarray(0, DIGEST_BYTES).equals(digestOf(name, program))) return program;
  rejectProgram(name, 'its checksum is wrong');
  return undefined;
}

/** Says that a program's file is of no use, and removes it. */
export function rejectProgram(name: string, reason: string): void {
  const folder = openFolder();
  if (folder === undefined) return;
  fs.rmSync(join(folder, name), { force: true });
  if (!hasWarned)
    console.warn(
      `A compiled program in ${folder} cannot be used (${reason}): it is compiled again. ` +
        `LIANDAN_CACHE=off keeps no compiled programs.`,
    );
  hasWarned = true;
}

/** Keeps a program for later processes; where that fails, they compile it again. */
export function writeProgram(name: string, serialize: () => Uint8Array): void {
  const folder = openFolder();
  if (folder === undefined) return;
  const beside = join(folder, `${name}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    const program = serialize();
    fs.writeFileSync(beside, Buffer.concat([digestOf(name, program), program]), { flag: 'wx', mode: 0o600 });
    fs.renameSync(beside, join(folder, name));
    prune(folder);
  } catch {
    fs.rmSync(beside, { force: true });
  }
}

/** The folder, made if it is missing; undefined if there shall be none or somebody else can write to it. */
function openFolder(): string | undefined {
  const { LIANDAN_CACHE: wanted, XDG_CACHE_HOME: caches } = process.env;
  if (wanted === 'off') return undefined;
  try {
    const folder = wanted || join(caches || join(os.homedir(), '.cache'), 'liandan', 'programs');
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = fs.statSync(folder);
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Removes files, also what killed processes left, until the rest is small enough. */
function prune(folder: string): void {
  const files = fs.readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    // Set-up keeps a folder of its own there.
    return stat?.isFile() ? [{ path, size: stat.size, used: stat.mtimeMs }] : [];
  });
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.sort((a, b) => a.used - b.used)) {
    if (bytes <= MOST_BYTES) return;
    fs.rmSync(path, { force: true });
    bytes -= size;
  }
}

function digestOf(name: string, program: Uint8Array): Buffer {
  return createHash('sha256').update(name).update(program).digest();
}

/** What XLA compiles for: the model alone does not tell which instructions a virtual machine offers. */
function describeProcessor(): string {
  let flags;
  try {
    flags = /^(?:flags|Features)\s*:.*$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[0];
  } catch {
    // Not Linux: there the model tells.
  }
  return `${os.arch()} ${os.cpus()[0]?.model} ${flags}`;
}
