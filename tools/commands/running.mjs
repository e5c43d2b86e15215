import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isolated, python, root, run, SetupError } from '../setup/setup.mjs';

/**
 * An option of a command, as `parseArgs` takes it, and which values it accepts.
 *
 * @typedef {{ type: 'string' | 'boolean', accepts?: string[] | RegExp }} Option
 */

/** The options that all commands have which run notebooks. @type {Record<string, Option>} */
export const running = {
  profile: { type: 'string', accepts: ['lesson', 'full'] },
  jobs: { type: 'string', accepts: /^[1-9]\d{0,2}$/ },
  again: { type: 'boolean' },
  'cell-timeout': { type: 'string', accepts: /^[1-9]\d{0,5}$/ },
};

/**
 * The arguments of a command, which also takes prefixes of notebooks such as 05. What cannot be done is refused here,
 * before anything is installed or run.
 *
 * @param {string} usage
 * @param {Record<string, Option>} options
 * @returns {string[]} the same arguments, for run_notebooks.py
 * @throws {SetupError}
 */
export function readArguments(usage, options) {
  const refuse = (/** @type {string} */ why) => new SetupError(`${why}\n  Usage: ${usage}`);
  const parse = () => {
    try {
      return parseArgs({ options, allowPositionals: true });
    } catch (error) {
      throw refuse(/** @type {Error} */ (error).message);
    }
  };
  const { values, positionals } = parse();
  const given = /** @type {[string, string | boolean][]} */ (Object.entries(values));
  for (const [name, value] of given) {
    const accepts = options[name]?.accepts;
    if (Array.isArray(accepts) && !accepts.includes(String(value)))
      throw refuse(`--${name} is "${value}"; it must be ${accepts.join(' or ')}.`);
    if (accepts instanceof RegExp && !accepts.test(String(value)))
      throw refuse(`--${name} is "${value}"; it must be a positive number.`);
  }
  const profile = process.env.LIANDAN_PROFILE;
  if (profile && !['lesson', 'full'].includes(profile))
    throw refuse(`LIANDAN_PROFILE is "${profile}"; it must be lesson or full.`);
  const names = readdirSync(join(root, 'notebooks')).filter((name) => /^\d\d-.*\.ipynb$/.test(name));
  const unknown = positionals.find((prefix) => !names.some((name) => name.startsWith(prefix)));
  if (unknown !== undefined)
    throw refuse(
      `No notebook starts with "${unknown}"; there are: ${names.map((name) => name.slice(0, -6)).join(', ')}.`,
    );
  return [
    ...given.flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)])),
    ...positionals,
  ];
}

/**
 * Runs the notebooks that changed since they passed, and builds reports while results come in.
 *
 * @param {string[]} args of run_notebooks.py
 * @returns {Promise<number>} exit code: 1 where a notebook failed
 */
export const runAndReport = (args) =>
  run(python, [...isolated, join(root, 'tools', 'reports', 'run_notebooks.py'), '--build', ...args], {
    env: { ...process.env, LIANDAN_COMMAND: String(process.pid) },
  });
