import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isolated, python, root, run, SetupError } from './setup.mjs';

/** @param {string} script @param {string[]} args */
const tool = (script, ...args) => run(python, [...isolated, join(root, 'tools', script), ...args]);

/**
 * The arguments of a command, which also takes prefixes of notebooks such as 05.
 *
 * @param {string} usage
 * @param {NonNullable<import('node:util').ParseArgsConfig['options']>} options
 */
export function readArguments(usage, options) {
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    return {
      prefixes: positionals,
      values: /** @type {Record<string, string | boolean | undefined>} */ (values),
    };
  } catch (error) {
    throw new SetupError(`${/** @type {Error} */ (error).message}\n  Usage: ${usage}`);
  }
}

/**
 * Runs notebooks, then builds their HTML reports, the index and the summary, whether or not some of them failed.
 *
 * @param {string[]} [prefixes] which notebooks; default all
 * @param {string[]} [options] for run_notebooks.py
 * @returns {Promise<number>} exit code: 1 where a notebook failed
 */
export async function runAndReport(prefixes = [], options = []) {
  const ran = await tool('run_notebooks.py', ...prefixes, ...options);
  if (ran > 1) return ran;
  return (await tool('build_reports.py', ...prefixes)) || ran;
}

/**
 * Builds one form of the reports of some notebooks; runs those first that changed since they ran.
 *
 * @param {string[]} prefixes
 * @param {string[]} options for build_reports.py
 * @param {boolean} again run them even if they did not change
 */
export async function report(prefixes, options, again) {
  const ran = await tool('run_notebooks.py', ...prefixes, ...(again ? [] : ['--if-changed']));
  if (ran > 1) return ran;
  return (await tool('build_reports.py', ...prefixes, ...options)) || ran;
}
