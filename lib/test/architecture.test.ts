/** The table of docs/ARCHITECTURE.md is what the folders of the library import. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = join(__dirname, '../src');
const page = readFileSync(join(__dirname, '../../docs/ARCHITECTURE.md'), 'utf8');

const allowed = new Map(
  [...page.matchAll(/^\| `(\w+)\/` \|.*\| (.*?) \|$/gm)].map(([, folder, imports]) => [
    folder!,
    [...imports!.matchAll(/`(\w+)\/`/g)].map(([, name]) => name!),
  ]),
);

const folders = readdirSync(source, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Which other folders the files of a folder import from, with one file that does. */
function importsOf(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(source, folder, file), 'utf8');
    for (const [, target] of text.matchAll(/(?:from|import\() ?'(\.[^']*)'/g)) {
      const [other] = normalize(join(folder, dirname(file), target!)).split('/');
      if (other !== folder) found.set(other!, file);
    }
  }
  return found;
}

describe('the folders of the library', () => {
  it('are all in the table of the architecture', () => {
    expect([...allowed.keys()].sort()).toEqual([...folders].sort());
  });

  it.each(folders)('%s imports only from where the table says', (folder) => {
    const others = [...importsOf(folder)].filter(([other]) => !allowed.get(folder)?.includes(other));
    expect(others).toEqual([]);
  });

  it('import in one direction: no folder imports from one that imports from it', () => {
    const reaches = (from: string, to: string): boolean =>
      (allowed.get(from) ?? []).some((next) => next === to || reaches(next, to));
    expect(folders.filter((folder) => reaches(folder, folder))).toEqual([]);
  });
});
