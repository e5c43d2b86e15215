/**
 * The only module that knows how tslab is built inside. tslab has no public way to compile a cell without also
 * running and reporting it, so this module takes its converter and the TypeScript that it was built for.
 * `kernel/test/tslab-internals.test.ts` names each of these internals, so that an upgrade fails there first.
 */
import Module from 'node:module';
import path from 'node:path';
import type * as TypeScript from '@tslab/typescript-for-tslab';
import type { Converter, ConverterOptions, Diagnostic, IsCompleteResult } from 'tslab/dist/converter';

export type { Converter, Diagnostic, IsCompleteResult };
export type Ts = typeof TypeScript;

/** The release whose internals are used here. */
export const TSLAB_VERSION = '1.0.22';
/** tslab's name of the cell that it compiles. */
export const CELL_FILE = '__tslab__.ts';
/** tslab's name of the file with the declarations of all earlier cells. */
export const DECLARATIONS_FILE = '__prev__.d.ts';
/** tslab puts one line in front of a cell and of the declarations, so that both are modules. */
export const PREFIX_LINES = 1;

const TYPESCRIPT = '@tslab/typescript-for-tslab';

/** Functions of TypeScript that the converter calls and that the kernel replaces. */
export type Overrides = Partial<Pick<Ts, 'createWatchCompilerHost' | 'transpileModule'>>;

export interface Tslab {
  createConverter(options: ConverterOptions): Converter;
  isCompleteCode(code: string): IsCompleteResult;
  printQuickInfo(info: TypeScript.QuickInfo): string;
}

const requireHere = Module.createRequire(__filename);

function tslabFolder(): string {
  return path.dirname(requireHere.resolve('tslab/package.json'));
}

function requireFromTslab(): NodeJS.Require {
  return Module.createRequire(path.join(tslabFolder(), 'dist', 'converter.js'));
}

/** The TypeScript that tslab compiles cells with; not the one that builds this project. */
export function loadTypeScript(): Ts {
  return requireFromTslab()(TYPESCRIPT) as Ts;
}

/**
 * Loads tslab's converter on a TypeScript whose functions are replaced by `overrides`. Works once per process, before
 * anything else has loaded tslab.
 *
 * @throws Error naming what is missing, when the installed tslab is not the one this kernel was written for.
 */
export function loadTslab(overrides: Overrides): Tslab {
  const folder = tslabFolder();
  const { version } = requireHere(path.join(folder, 'package.json')) as { version: string };
  const fail = (what: string): never => {
    throw new Error(
      `The kernel needs tslab ${TSLAB_VERSION}, but ${what} (tslab ${version} in ${folder}). Run \`npm ci\` in the repository.`,
    );
  };
  if (version !== TSLAB_VERSION) fail(`found tslab ${version}`);

  replaceTypeScript(overrides, fail);
  const load = (file: string, names: string[]): Record<string, unknown> => {
    const exports = requireHere(path.join(folder, 'dist', file)) as Record<string, unknown>;
    for (const name of names) {
      if (typeof exports[name] !== 'function') fail(`dist/${file} has no function ${name}`);
    }
    return exports;
  };
  return {
    ...load('converter.js', ['createConverter', 'isCompleteCode']),
    ...load('inspect.js', ['printQuickInfo']),
  } as unknown as Tslab;
}

/** The functions on TypeScript's namespace are read-only, so the module's exports are replaced as a whole. */
function replaceTypeScript(overrides: Overrides, fail: (what: string) => never): void {
  const file = requireFromTslab().resolve(TYPESCRIPT);
  const original = requireHere(file) as Record<string, unknown>;
  const facade: Record<string, unknown> = {};
  for (const name of Object.keys(original)) {
    Object.defineProperty(facade, name, {
      enumerable: true,
      get: () => overrides[name as keyof Overrides] ?? original[name],
    });
  }
  for (const name of Object.keys(overrides)) {
    if (typeof original[name] !== 'function') fail(`its TypeScript has no function ${name}`);
  }
  const cached = requireHere.cache[file];
  if (!cached) return fail('its TypeScript is not in the module cache');
  cached.exports = facade;
}
