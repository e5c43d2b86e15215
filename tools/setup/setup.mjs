import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseDevice } from './device.mjs';
import { checkPlatform, findPrerequisites } from './prerequisites.mjs';
import {
  explainMissing,
  run,
  runShown,
  SetupError,
  showStep,
  startGuardian,
  startLog,
  tryLock,
  unlock,
} from './process.mjs';
import { isolated, steps } from './steps.mjs';

export { isolated, run, runShown, SetupError, showStep };

/** The repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
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

/** @param {string} path */
function isWritable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {import('./steps.mjs').Step[]} due */
function requireWritable(due) {
  const closed = [root, stateFolder, join(root, 'node_modules'), join(root, '.venv')].find(
    (path) => existsSync(path) && !isWritable(path),
  );
  if (!closed) return;
  const owner = statSync(closed).uid;
  const name =
    spawnSync('id', ['-un', String(owner)], { encoding: 'utf8' }).stdout?.trim() || `user ${owner}`;
  const mine = owner === process.getuid?.();
  throw new SetupError(
    `The set-up of this checkout is not finished (${due.map(({ title }) => title).join(', ')}), and you cannot write to\n` +
      `${closed}${mine ? ', which lies on a read-only file system or is closed to writing' : `, which belongs to ${name} (you are ${userInfo().username})`}.\n` +
      `Either ${mine ? 'open it to writing' : `${name} runs "npm start" there once`}, or you work in a copy of your own: git clone ${root}`,
  );
}

/** One set-up at a time in one checkout; a second one waits for the first. */
async function takeLock() {
  for (let said = false; ;) {
    const taken = await tryLock(lockFile);
    if (taken.locked) return;
    if (!said)
      console.log(`Another set-up (process ${taken.owner}) is at work in this checkout; waiting for it.`);
    said = true;
    await setTimeout(500);
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
  const { device, notice } = chooseDevice(readStamps().device);
  if (notice) console.log(notice);
  const all = steps(root, log, device);
  const dueSteps = () => {
    const stamps = readStamps();
    return all.filter(
      (step) => stamps[step.name] !== step.fingerprint() || !step.produces.every((path) => existsSync(path)),
    );
  };
  let due = dueSteps();
  const complete = due.length === 0;
  if (complete) startGuardian(python);
  else {
    requireWritable(due);
    const prerequisites = findPrerequisites(root, {
      disk: due.reduce((sum, { disk = 0 }) => sum + disk, 0),
      compiler: due.some(({ compiles }) => compiles?.()),
    });
    startGuardian(prerequisites.python);
    mkdirSync(stateFolder, { recursive: true });
    await takeLock();
    startLog(log);
    writeStamps({ ...readStamps(), device });
    // A step may undo what a later one has made, so what is due is asked anew after each.
    for (let done = 0; (due = dueSteps()).length > 0; done++) {
      const [step] = /** @type {[import('./steps.mjs').Step]} */ (due);
      const stamps = readStamps();
      delete stamps[step.name];
      writeStamps(stamps);
      await showStep(`${done + 1}/${done + due.length} ${step.title}`, (note) =>
        step.run({ prerequisites, note, isDue: (name) => dueSteps().some((other) => other.name === name) }),
      );
      const missing = step.produces.find((path) => !existsSync(path));
      if (missing) throw new SetupError(explainMissing(step.title, missing, log));
      writeStamps({ ...stamps, [step.name]: step.fingerprint() });
    }
    unlock(lockFile);
  }
  const took = `${((Date.now() - start) / 1000).toFixed(1)} s`;
  console.log(`set-up ${complete ? 'complete' : 'done'} (${took})`);
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
