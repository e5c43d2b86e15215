import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A failure that is explained to the user in its message; no stack trace is printed for it. */
export class SetupError extends Error {}

/**
 * What runs now. Each program leads a process group of its own, so that a signal reaches all that it has started.
 *
 * @type {Set<import('node:child_process').ChildProcess>}
 */
const children = new Set();

/** @type {import('node:child_process').ChildProcess | undefined} */
let guardian;

/**
 * Starts the process that ends our children should this one be killed, and that holds our locks. Until it is started,
 * and where it cannot be, children are ended by signals only.
 *
 * @param {string} python
 */
export function startGuardian(python) {
  if (guardian) return;
  const script = join(dirname(fileURLToPath(import.meta.url)), 'guardian.py');
  const started = spawn(python, ['-I', '-S', script], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const gone = () => {
    if (guardian === started) guardian = undefined;
  };
  started.on('error', gone);
  started.on('exit', gone);
  started.stdin.on('error', gone);
  started.stdout.setEncoding('utf8');
  // It waits for us, not we for it.
  started.unref();
  for (const stream of [started.stdin, started.stdout])
    /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (stream)).unref();
  guardian = started;
}

/** @param {string} line */
const tellGuardian = (line) => guardian?.stdin?.write(`${line}\n`);

/**
 * Takes a lock that lasts as long as this process, or says who has it.
 *
 * @param {string} file
 * @returns {Promise<{ locked: true } | { locked: false, owner: string }>}
 * @throws {SetupError} where the file system cannot lock
 */
export async function tryLock(file) {
  const holder = guardian;
  const answer = await new Promise((resolve) => {
    // The guardian does not keep this process alive; a timer does while its answer is due.
    const patience = setTimeout(() => resolve('impossible: no answer'), 10_000);
    const settle = (/** @type {string} */ text) => {
      clearTimeout(patience);
      resolve(text);
    };
    if (!holder?.stdout) return settle('impossible: Python could not be started');
    holder.stdout.once('data', (/** @type {string} */ text) => settle(text.trim()));
    holder.once('exit', () => settle('impossible: the process that holds it has ended'));
    tellGuardian(`lock ${file}`);
  });
  if (answer === 'locked') return { locked: true };
  const owner = /^held (.*)$/.exec(answer)?.[1];
  if (owner !== undefined) return { locked: false, owner };
  throw new SetupError(`The lock ${file} could not be taken (${answer}).`);
}

/** Gives a lock back before this process ends. @param {string} file */
export const unlock = (file) => void tellGuardian(`unlock ${file}`);

const groups = () => [...children].flatMap(({ pid }) => pid ?? []);

/** @param {NodeJS.Signals} signal @param {number[]} [processGroups] */
function signalChildren(signal, processGroups = groups()) {
  for (const group of processGroups) {
    try {
      process.kill(-group, signal);
    } catch {
      // It has ended.
    }
  }
}

let stopping = false;

/** @param {NodeJS.Signals} signal @param {number} code */
function stop(signal, code) {
  const started = groups();
  const exit = () => {
    // What a program leaves in its group when it ends goes with it.
    signalChildren('SIGKILL', started);
    process.exit(code);
  };
  // Asked twice: no more waiting.
  if (stopping) exit();
  stopping = true;
  let left = children.size;
  if (left === 0) exit();
  for (const child of children) child.once('close', () => --left === 0 && exit());
  signalChildren(signal);
  // A Jupyter server or a kernel needs a moment to stop; nobody waits longer than this for it.
  setTimeout(exit, 10_000);
}

process.on('SIGINT', () => stop('SIGINT', 130));
process.on('SIGTERM', () => stop('SIGTERM', 143));
process.on('SIGHUP', () => stop('SIGHUP', 129));
process.on('SIGTSTP', () => {
  signalChildren('SIGSTOP');
  process.kill(process.pid, 'SIGSTOP');
});
process.on('SIGCONT', () => signalChildren('SIGCONT'));

/** The number of a process' parent and the name of its program. @param {number} pid */
function describeProcess(pid) {
  try {
    // number (name) state parent …
    const [, name = '', parent = '0'] =
      /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { parent: Number(parent), name };
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'ppid=', '-o', 'comm=', '-p', String(pid)], {
      encoding: 'utf8',
    });
    const [, parent = '0', name = ''] = /^\s*(\d+)\s+(.*)$/.exec(stdout ?? '') ?? [];
    return { parent: Number(parent), name: basename(name.trim()) };
  }
}

if (process.env.npm_lifecycle_event) {
  // npm can be killed without a word to us; between it and us there may be a shell. Who loses its parent gets another one.
  const shell = process.ppid;
  const { parent: npm, name } = describeProcess(shell);
  const isNpm = (/** @type {string} */ program) => /^(npm|node)/.test(program);
  const hasShell = !isNpm(name);
  const wasGone = hasShell && npm === 1 && !isNpm(describeProcess(1).name);
  const isGone = () =>
    wasGone || process.ppid !== shell || (hasShell && npm > 0 && describeProcess(shell).parent !== npm);
  setInterval(() => !stopping && isGone() && stop('SIGTERM', 143), 1000).unref();
}

// Runs its arguments once it is told to, and never should this process end before.
const gate = 'read -r go <&3 && exec "$@" 3<&-';

/**
 * Starts a program that does not outlive this process: it begins when the guardian knows of it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & { stdio: import('node:child_process').IOType[] }} options
 */
function start(command, args, options) {
  const stdio = [...options.stdio, /** @type {const} */ ('pipe')];
  const child = spawn('sh', ['-c', gate, 'sh', command, ...args], { ...options, stdio, detached: true });
  children.add(child);
  if (child.pid) tellGuardian(`start ${child.pid}`);
  const opening = /** @type {import('node:stream').Writable} */ (child.stdio[3]);
  // It may have been ended before it began.
  opening.on('error', () => {});
  opening.end('go\n');
  const ended = () => {
    children.delete(child);
    if (child.pid) tellGuardian(`end ${child.pid}`);
  };
  child.on('error', ended);
  child.on('close', ended);
  return child;
}

/** 128 + n where a signal ended the program. @param {number | null} code @param {NodeJS.Signals | null} signal */
const exitCode = (code, signal) => code ?? 128 + (signal ? constants.signals[signal] : 0);

/**
 * Runs a program whose output appears in this terminal.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code (128 + n where a signal ended it)
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.on('error', (error) => reject(new SetupError(`${command} could not be started: ${error.message}`)));
    child.on('close', (code, signal) => resolve(exitCode(code, signal)));
  });
}

/** As much of what a program printed as says why it failed. */
const LINES_KEPT = 60;

/**
 * Runs a program whose output appears in this terminal, and keeps the end of it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{ code: number, end: string }>} its exit code (128 + n where a signal ended it), its last lines
 */
export function runShown(command, args, options = {}) {
  const colors = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  return new Promise((resolve, reject) => {
    const child = start(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
      env: { ...colors, ...(options.env ?? process.env) },
    });
    let end = '';
    const show = (/** @type {NodeJS.WriteStream} */ stream) => (/** @type {Buffer} */ chunk) => {
      stream.write(chunk);
      end = (end + chunk.toString())
        .split('\n')
        .slice(-LINES_KEPT - 1)
        .join('\n');
    };
    child.stdout?.on('data', show(process.stdout));
    child.stderr?.on('data', show(process.stderr));
    child.on('error', (error) => reject(new SetupError(`${command} could not be started: ${error.message}`)));
    child.on('exit', (code, signal) => {
      const result = () => resolve({ code: exitCode(code, signal), end: end.trimEnd() });
      // A process that it left behind may keep its output open.
      const timer = setTimeout(result, 2000);
      child.on('close', () => {
        clearTimeout(timer);
        result();
      });
    });
  });
}

/** A full disk must not hide what the program says about it. @param {string} log @param {string | Buffer} text */
function append(log, text) {
  try {
    appendFileSync(log, text);
  } catch {
    // Its last lines are shown anyway.
  }
}

/**
 * Runs a program whose output goes to a log file; a failure names the log and shows its last lines.
 *
 * @param {string} log path of the log file
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<string>} what it printed
 */
export function runLogged(log, command, args, options = {}) {
  append(log, `\n$ ${[command, ...args].join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      append(log, chunk);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => reject(new SetupError(`${command} could not be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new SetupError(
            explain(output, `${programName(command, args)} ended with ${signal ?? `exit code ${code}`}`, log),
          ),
        );
    });
  });
}

/**
 * Why a product is missing though its program reported no error, as npm does on a full disk.
 *
 * @param {string} title of the step
 * @param {string} product a path
 * @param {string} log
 */
export function explainMissing(title, product, log) {
  const output = readFileSync(log, 'utf8').split('\n$ ').at(-1) ?? '';
  return explain(output, `${title}: no error was reported, but ${product} is not there`, log);
}

/** @param {string} command @param {string[]} args */
const programName = (command, args) =>
  args[0] === '-m'
    ? args[1]
    : basename(command === process.execPath && args[0] !== '-e' ? (args[0] ?? '') : command);

/**
 * @param {string} output
 * @param {string} what
 * @param {string} log
 */
function explain(output, what, log) {
  const lines = output.trimEnd().split('\n');
  // npm ends with its usage; what happened stands in its first error lines.
  const errors = lines.filter((line) => line.startsWith('npm error')).slice(0, 8);
  const shown = (errors.length > 0 ? errors : lines.slice(-8)).join('\n    ');
  const network =
    /ENOTFOUND|EAI_AGAIN|ECONNRE|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|Connection(Error| refused| broken| aborted| reset)|NewConnectionError|Max retries exceeded|Read ?timed? ?out|IncompleteRead|Temporary failure in name resolution|Name or service not known|network (request|is unreachable)/i;
  const full = /ENOSPC|No space left on device|Disk quota exceeded|EDQUOT/i;
  const cut = /EINTEGRITY|DO NOT MATCH THE HASHES|TAR_BAD_ARCHIVE|unexpected end of file|BadZipFile|zlib: /i;
  const hint = full.test(output)
    ? '\n  The disk is full. Free some space and run the same command again: what is finished is kept.'
    : network.test(output)
      ? '\n  The network could not be reached, or a download was cut. Check the connection (and the proxy settings of npm and pip)\n  and run the same command again: what is finished is kept.'
      : cut.test(output)
        ? '\n  A downloaded file is not what the lockfile says (a cut download, or a proxy that changes files).\n  Run the same command again; if it stays, clear the cache: npm cache clean --force, python3 -m pip cache purge.'
        : '';
  return `${what}.\n    ${shown}${hint}\n  Whole output: ${log}`;
}

const seconds = (/** @type {number} */ since) => `${((Date.now() - since) / 1000).toFixed(1).padStart(6)} s`;

/**
 * Shows one step of several with the time it takes: in place on a terminal, as one line elsewhere.
 *
 * @template T
 * @param {string} title
 * @param {(note: (text: string) => void) => Promise<T>} action `note` adds a remark to the line
 * @returns {Promise<T>}
 */
export async function showStep(title, action) {
  const start = Date.now();
  const live = process.stdout.isTTY;
  let remark = '';
  const line = (/** @type {string} */ mark) =>
    `${mark} ${title.padEnd(44)} ${seconds(start)}${remark && `   ${remark}`}`;
  const timer = live ? setInterval(() => process.stdout.write(`\r\x1b[K${line('…')}`), 200) : undefined;
  if (!live) console.log(`… ${title}`);
  let mark = '✗';
  try {
    const result = await action((text) => (remark = text));
    mark = '✓';
    return result;
  } finally {
    clearInterval(timer);
    console.log(`${live ? '\r\x1b[K' : ''}${line(mark)}`);
  }
}

/** A folder that only its owner can enter, whatever it was before. @param {string} folder */
export function makePrivate(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/** Begins a log that only its owner can read. @param {string} file */
export function startLog(file) {
  makePrivate(dirname(file));
  rmSync(file, { force: true });
  const head = `${new Date().toISOString()} ${process.version} ${process.platform}-${process.arch}\n`;
  writeFileSync(file, head, { flag: 'wx', mode: 0o600 });
}
