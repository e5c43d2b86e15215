import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './process.mjs';

/** The first with `process.getBuiltinModule`. */
const MINIMUM_NODE = [20, 16];
const MINIMUM_PYTHON = [3, 10];

/**
 * @typedef {object} Prerequisites
 * @property {string} python
 * @property {number[]} pythonVersion
 * @property {string} [compiler]
 * @property {string} [nodeHeaders]
 */

/** @param {string} command @param {string[]} args */
const capture = (command, args, input = '') => spawnSync(command, args, { encoding: 'utf8', input });

/** @param {string} what @param {string} debian @param {string} mac */
const missing = (what, debian, mac) =>
  `${what} Install it with: ${process.platform === 'darwin' ? mac : debian}` +
  (process.platform === 'darwin' ? '' : ` (macOS: ${mac})`);

/** @param {string[]} problems */
const missingAll = (problems) => new SetupError(['Something is missing:', ...problems].join('\n  - '));

/** The first Python that is new enough and can create virtual environments; what is wrong with the best one otherwise. */
function findPython() {
  const names = process.env.PYTHON
    ? [process.env.PYTHON]
    : ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14'];
  let old;
  let bare;
  for (const name of names) {
    const version = capture(name, ['-E', '-s', '-c', 'import sys; print(*sys.version_info[:2])']);
    if (version.status !== 0) continue;
    const [major = 0, minor = 0] = version.stdout.trim().split(' ').map(Number);
    if (major < 3 || (major === 3 && minor < /** @type {number} */ (MINIMUM_PYTHON[1]))) {
      old ??= `${name} is ${major}.${minor}`;
      continue;
    }
    if (capture(name, ['-E', '-s', '-c', 'import venv, ensurepip']).status === 0)
      return { python: name, pythonVersion: [major, minor] };
    bare ??= `${major}.${minor}`;
  }
  if (bare)
    return missing(
      `Python ${bare} is here, but its venv module is not complete.`,
      `sudo apt install python${bare}-venv`,
      'brew install python@3.12',
    );
  return missing(
    `Python ${MINIMUM_PYTHON.join('.')} or newer with venv was not found${old ? ` (${old})` : ''}.`,
    'sudo apt install python3 python3-venv',
    'brew install python@3.12',
  );
}

function findCompiler() {
  for (const name of process.env.CXX ? [process.env.CXX] : ['g++', 'clang++', 'c++']) {
    const source = '#include <optional>\nint main() { return std::optional<int>(0).value(); }\n';
    if (capture(name, ['-std=c++17', '-fsyntax-only', '-x', 'c++', '-'], source).status === 0)
      return { compiler: name };
  }
  return missing('A C++17 compiler was not found.', 'sudo apt install g++', 'xcode-select --install');
}

function findNodeHeaders() {
  const candidates = [join(dirname(process.execPath), '..', 'include', 'node'), '/usr/include/node'];
  const found = candidates.find((folder) => existsSync(join(folder, 'node_api.h')));
  if (found) return { nodeHeaders: found };
  return missing(
    `The headers of Node.js (node_api.h) were not found in ${candidates.join(' or ')}.`,
    'sudo apt install libnode-dev, or install Node from nodejs.org or nvm, which bring them',
    'brew install node@22',
  );
}

/** Node's version and the platform: what must hold even for a finished set-up. */
export function checkPlatform() {
  if (process.platform === 'win32')
    throw new SetupError(
      'Native Windows is not supported: TensorFlow offers no library there that TensorFlow.js could be linked to.\n' +
        'Install WSL (in an administrator PowerShell: wsl --install) and clone the repository inside it.',
    );
  if (process.platform !== 'linux' && process.platform !== 'darwin')
    throw new SetupError(`${process.platform} is not supported; Linux, macOS (Apple silicon) and WSL are.`);
  if (process.platform === 'darwin' && process.arch !== 'arm64')
    throw new SetupError('macOS on Intel is not supported: TensorFlow 2.21 has no build for it.');
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = MINIMUM_NODE;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor))
    throw new SetupError(
      missing(
        `Node.js ${MINIMUM_NODE.join('.')} or newer is needed; this is ${process.version}.`,
        'curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt install nodejs',
        'brew install node@22',
      ),
    );
}

/**
 * What native code is compiled with.
 *
 * @param {Prerequisites} prerequisites
 * @throws {SetupError} naming what is missing
 */
export function requireCompiler({ compiler, nodeHeaders }) {
  if (compiler !== undefined && nodeHeaders !== undefined) return { compiler, nodeHeaders };
  throw missingAll([findCompiler(), findNodeHeaders()].filter((result) => typeof result === 'string'));
}

/**
 * Looks for everything that the set-up needs and names all that is missing in one message.
 *
 * @param {string} root
 * @param {object} needs
 * @param {number} needs.disk bytes that must be free below it
 * @param {boolean} needs.compiler
 * @returns {Prerequisites}
 */
export function findPrerequisites(root, { disk, compiler }) {
  const compilers = [findCompiler(), findNodeHeaders()];
  const results = [findPython(), ...compilers];
  const optional = compiler ? [] : compilers;
  const problems = results.filter((result) => typeof result === 'string' && !optional.includes(result));
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < disk)
    problems.push(
      `Only ${((bavail * bsize) / 1e9).toFixed(1)} GB are free below ${root}; ${(disk / 1e9).toFixed(1)} GB are needed. Free some space.`,
    );
  if (problems.length > 0) throw missingAll(problems);
  return Object.assign({}, ...results.filter((result) => typeof result !== 'string'));
}
