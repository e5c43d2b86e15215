import { readFileSync } from 'node:fs';

/** A plausible mistake, in a file of the library or in a cell, and the checks that must notice it. */
export interface Mutant {
  /** Identifiers of checks: `LI-2`, or `LI-5` for its cases `LI-5/…`, of which at least one must fail. */
  readonly kills: readonly string[];
  /** The mistake in words. */
  readonly what: string;
  /** A file below `lib/src`, relative to the repository; or else `cell`. */
  readonly file?: string;
  /** Identifier of a code cell of the notebook; or else `file`. */
  readonly cell?: string;
  /** The text that is replaced. It occurs exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Whether it takes more than about ten seconds; left out with `--fast`. */
  readonly slow?: boolean;
}

const allowed = new Set(['kills', 'what', 'file', 'cell', 'find', 'replace', 'slow']);

/**
 * Reads a table of mutants.
 *
 * @throws Error that names the file and the place of what is malformed
 */
export function readTable(file: string): Mutant[] {
  let table: unknown;
  try {
    table = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(table)) throw new Error(`${file}: expected an array of mutants`);
  table.forEach((mutant: unknown, index) => {
    const problem = problemOf(mutant);
    if (problem) throw new Error(`${file}: mutant ${index + 1} ${problem}`);
  });
  return table as Mutant[];
}

function problemOf(mutant: unknown): string | undefined {
  if (typeof mutant !== 'object' || mutant === null) return 'is no object';
  const { kills, what, file, cell, find, replace, slow, ...rest } = mutant as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return `has a property ${unknown}; there are: ${[...allowed].join(', ')}`;
  if (!Array.isArray(kills) || kills.length === 0 || !kills.every(isText))
    return 'must say which checks it kills';
  if (!isText(what)) return 'must say what the mistake is';
  if (isText(file) === isText(cell)) return 'needs either a file or a cell';
  if (isText(file) && !/^lib\/src\/[^.]+\.ts$/.test(file))
    return `must be in a file below lib/src, not in ${file}`;
  if (!isText(find) || typeof replace !== 'string' || find === replace)
    return 'must replace a text by another one';
  if (slow !== undefined && typeof slow !== 'boolean') return 'must be slow: true, or say nothing';
  return undefined;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/**
 * The text with the mistake in it.
 *
 * @throws Error when `find` does not occur exactly once
 */
export function mutated(text: string, { find, replace }: Mutant, where: string): string {
  const count = text.split(find).length - 1;
  if (count !== 1)
    throw new Error(`"${find}" occurs ${count === 0 ? 'nowhere' : `${count} times`} in ${where}`);
  return text.replace(find, () => replace);
}
