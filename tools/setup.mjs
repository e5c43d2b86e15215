import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPlatform, findPrerequisites } from './setup/prerequisites.mjs';
import { run, SetupError, showStep, startLog } from './setup/process.mjs';
import { steps } from './setup/steps.mjs';

export { run, SetupError, showStep };

/** The repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The Python of the project's own environment. */
export const python = join(root, '.venv', 'bin', 'python');

const stateFolder = join(root, '.liandan');
const stampFile = join(stateFolder, 'setup.json');
const lockFile = join(stateFolder, 'setup.lock');
const log = join(stateFolder, 'logs', 'setup.log');

/** @returns {Record<string, string>} */
const readStamps = () => {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
};

/** @param {Record<string, string>} stamps */
function writeStamps(stamps) {
  writeFileSync(`${stampFile}.part`, JSON.stringify(stamps, null, 2));
  renameSync(`${stampFile}.part`, stampFile);
}

/** One set-up at a time in one checkout; the lock of a process that no longer runs does not count. */
function lock() {
  mkdirSync(stateFolder, { recursive: true });
  for (;;) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(lockFile, { force: true }));
      return;
    } catch {
      const owner = Number(existsSync(lockFile) && readFileSync(lockFile, 'utf8'));
      let alive = owner > 0;
      try {
        if (alive) process.kill(owner, 0);
      } catch {
        alive = false;
      }
      if (alive)
        throw new SetupError(
          `Another set-up (process ${owner}) is at work in this checkout. Wait for it to end, then run the command again.`,
        );
      rmSync(lockFile, { force: true });
    }
  }
}

/**
 * Does what is missing for everything else to run: packages, Python environment, TensorFlow's libraries, native binding,
 * compiled TypeScript, Jupyter kernel. Finished steps are skipped; an interrupted one is taken up again.
 *
 * @throws {SetupError} whose message says what is missing and what to do
 */
export async function setup() {
  const start = Date.now();
  checkPlatform();
  const all = steps(root, log);
  const stamps = readStamps();
  const todo = all.filter(
    (step) => stamps[step.name] !== step.fingerprint() || !step.produces.every((path) => existsSync(path)),
  );
  if (todo.length > 0) {
    lock();
    startLog(log);
    const prerequisites = findPrerequisites(
      root,
      todo.some((step) => step.downloads),
    );
    for (const [index, step] of todo.entries()) {
      delete stamps[step.name];
      writeStamps(stamps);
      await showStep(`${index + 1}/${todo.length} ${step.title}`, (note) =>
        step.run({ prerequisites, note }),
      );
      stamps[step.name] = step.fingerprint();
      writeStamps(stamps);
    }
    rmSync(lockFile, { force: true });
  }
  console.log(
    `set-up ${todo.length > 0 ? 'done' : 'complete'} (${((Date.now() - start) / 1000).toFixed(1)} s)`,
  );
}

/**
 * The outermost layer of every command: runs it, prints an expected failure without a stack trace, sets the exit code.
 *
 * @param {() => Promise<number | void>} command gives the exit code; default 0
 */
export async function main(command) {
  try {
    process.exitCode = (await command()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
