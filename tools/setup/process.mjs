import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** A failure that is explained to the user in its message; no stack trace is printed for it. */
export class SetupError extends Error {}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    const exit = () => process.exit(signal === 'SIGINT' ? 130 : 143);
    let left = children.size;
    if (left === 0) exit();
    for (const child of children) {
      child.once('close', () => --left === 0 && exit());
      child.kill(signal);
    }
    // A Jupyter server or a kernel needs a moment to stop; nobody waits longer than this for it.
    setTimeout(exit, 10_000);
  });
}

/**
 * Runs a program that shares this terminal.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code (128 + n where a signal ended it)
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    children.add(child);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      children.delete(child);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
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
  appendFileSync(log, `\n$ ${[command, ...args].join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    children.add(child);
    let output = '';
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      appendFileSync(log, chunk);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => {
      children.delete(child);
      reject(new SetupError(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      children.delete(child);
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
  const cut = /EINTEGRITY|DO NOT MATCH THE HASHES|TAR_BAD_ARCHIVE|unexpected end of file|BadZipFile|zlib: /i;
  const hint = network.test(output)
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

/** @param {string} file */
export function startLog(file) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${new Date().toISOString()} ${process.version} ${process.platform}-${process.arch}\n`);
}
