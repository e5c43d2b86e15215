/**
 * The native binding of earlier set-ups. To make it takes a minute and a compiler, and it is the same in every checkout with
 * the same sources: it is kept in the user's cache folder, beside compiled programs. `LIANDAN_CACHE=off` keeps none,
 * `LIANDAN_CACHE=/a/folder` keeps it there.
 *
 * It is machine code that will be run. So it is taken only from a folder that nobody else can write to; what set-up makes
 * of it is verified like what has just been compiled.
 */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Beyond these, those that were not used for longest are removed; each has less than a megabyte. */
const MOST_KEPT = 4;

/** The folder, made if it is missing; undefined if there shall be none or somebody else can write to it. */
function openFolder() {
  const { LIANDAN_CACHE: wanted, XDG_CACHE_HOME: caches } = process.env;
  if (wanted === 'off') return undefined;
  try {
    const folder = join(wanted || join(caches || join(homedir(), '.cache'), 'liandan'), 'bindings');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    return uid === process.getuid?.() && (mode & 0o022) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} key of all that the binding depends on
 * @returns {string | undefined} its file
 */
export function keptBinding(key) {
  const folder = openFolder();
  if (folder === undefined) return undefined;
  const file = join(folder, `${key}.node`);
  try {
    const now = new Date();
    utimesSync(file, now, now);
    return file;
  } catch {
    return undefined;
  }
}

/** Keeps a binding for other checkouts; where that fails, they make it again. @param {string} key @param {string} binding */
export function keepBinding(key, binding) {
  const folder = openFolder();
  if (folder === undefined) return;
  const beside = join(folder, `${key}.${randomBytes(4).toString('hex')}.part`);
  try {
    copyFileSync(binding, beside);
    renameSync(beside, join(folder, `${key}.node`));
    const kept = readdirSync(folder).map((name) => join(folder, name));
    const age = (/** @type {string} */ file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    kept.sort((a, b) => age(b) - age(a));
    for (const file of kept.slice(MOST_KEPT)) rmSync(file, { force: true });
  } catch {
    rmSync(beside, { force: true });
  }
}

/** Forgets a binding that does not work here. @param {string} key */
export function dropBinding(key) {
  const folder = openFolder();
  if (folder !== undefined) rmSync(join(folder, `${key}.node`), { force: true });
}
