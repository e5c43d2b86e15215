/** Every optimizer of the library is in all the places that CONTRIBUTING.md names; else the test says which are missing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as optimizers from '../src/optimizers';
import { subjects } from './optimizers/subjects';

const root = join(__dirname, '..', '..');
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const source = join('lib', 'src', 'optimizers');
const tests = join('lib', 'test');

/** No article of the notebooks has their equation. */
const withoutNotebook = ['sgd', 'lamb'];

/** The file that defines an optimizer, without its ending. */
const fileOf = (name: string): string | undefined =>
  readdirSync(join(root, source))
    .filter((file) => file.endsWith('.ts'))
    .find((file) => read(source, file).includes(`export const ${name} = optimizer(`))
    ?.slice(0, -'.ts'.length);

/** The optimizer of which this one is a variant with other defaults, or itself. */
const ruleOf = (name: string): string =>
  optimizerNames().find((other) => other.length < name.length && fileOf(other) === fileOf(name)) ?? name;

const optimizerNames = (): string[] =>
  Object.entries(optimizers)
    .filter(([, value]) => typeof value === 'function' && 'definition' in value)
    .map(([name]) => name);

const section = (page: string, heading: string): string =>
  page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

/** Whether a row of a table on the page begins with this optimizer. */
const hasRow = (table: string, name: string): boolean =>
  new RegExp(`^\\| [^|]*\`${name}[\`(]`, 'm').test(table);

/** By the first cells of the rows of CONTRIBUTING.md: whether an optimizer is there. */
const places: Record<string, (name: string) => boolean> = {
  '`lib/src/optimizers/<file>.ts`': (name) => fileOf(name) !== undefined,
  '`lib/src/optimizers/index.ts`': (name) => {
    const options = `${ruleOf(name).replace(/^./, (first) => first.toUpperCase())}Options`;
    return optimizerNames().includes(name) && read(source, 'index.ts').includes(`type ${options} }`);
  },
  '`lib/src/optimizers/reference/<file>.ts`': (name) =>
    ruleOf(name) in optimizers.reference && existsSync(join(root, source, 'reference', `${fileOf(name)}.ts`)),
  '`lib/test/optimizers/subjects.ts`': (name) => subjects.some((subject) => subject.name === name),
  '`lib/test/optimizers/goldens/`': (name) => {
    const own = `${fileOf(name)}.test.ts`;
    const folder = join(tests, 'optimizers');
    return (
      ['optax', 'torch'].some((of) =>
        read(folder, 'goldens', `${of}.json`).includes(`"optimizer": "${name}"`),
      ) ||
      [own, 'golden.test.ts'].some(
        (file) => existsSync(join(root, folder, file)) && read(folder, file).includes(`${name}(`),
      )
    );
  },
  '`lib/test/equations/equations.test.ts`': (name) =>
    withoutNotebook.includes(name) ||
    (fileOf(name) !== undefined &&
      /\/\/ \(\d\.\d+\)/.test(read(source, `${fileOf(name)}.ts`)) &&
      read(tests, 'equations', 'equations.test.ts').includes(`make: ${ruleOf(name)},`)),
  '`lib/OPTIMIZERS.md`, Features': (name) => hasRow(section(read('lib', 'OPTIMIZERS.md'), 'Features'), name),
  '`lib/OPTIMIZERS.md`, State': (name) =>
    hasRow(section(read('lib', 'OPTIMIZERS.md'), 'State'), ruleOf(name)),
  '`lib/OPTIMIZERS.md`, From AdamW': (name) =>
    ruleOf(name) === 'sgd' || hasRow(section(read('lib', 'OPTIMIZERS.md'), 'From AdamW'), ruleOf(name)),
  '`README.md`': (name) => hasRow(read('README.md'), name),
  '`tools/bench/implementations.ts`': (name) =>
    new RegExp(`^  ${name}: \\(\\) => ${name}\\(`, 'm').test(read('tools', 'bench', 'implementations.ts')),
  '`CHANGELOG.md`': (name) =>
    new RegExp(`\\b${name.replace('X', '-?X').replace(/W$/, '-?W')}\\b`, 'i').test(read('CHANGELOG.md')),
};

/** The rows of CONTRIBUTING.md that an optimizer still needs. */
const missing = (name: string): string[] =>
  [...section(read('CONTRIBUTING.md'), 'An optimizer').matchAll(/^\| (`[^|]*) \| (.*) \|$/gm)]
    .filter(([, place]) => !places[place!]?.(name))
    .map(
      ([, place, what]) => `${name} is missing in ${place!.replace('<file>', fileOf(name) ?? name)}: ${what}`,
    );

describe('CONTRIBUTING.md', () => {
  it('names the places that are looked at here, all of them', () => {
    const rows = [...section(read('CONTRIBUTING.md'), 'An optimizer').matchAll(/^\| (`[^|]*) \|/gm)];
    expect(rows.map(([, place]) => place)).toEqual(Object.keys(places));
  });

  it('tells of an optimizer that is nowhere where it belongs', () => {
    expect(missing('yogi').map((line) => /in (.*?): /.exec(line)?.[1])).toEqual(
      Object.keys(places).map((place) => place.replace('<file>', 'yogi')),
    );
  });

  it.each(optimizerNames())('%s is in all of them', (name) => {
    expect(missing(name)).toEqual([]);
  });

  it('exempts only what exists', () => {
    expect(withoutNotebook.filter((name) => !optimizerNames().includes(name))).toEqual([]);
  });
});
