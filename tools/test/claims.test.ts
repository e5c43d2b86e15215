import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  evidenceInCell,
  evidenceInTests,
  problemsOf,
  readEvidence,
  type Article,
} from '../checks/claims/evidence';

const ids = (evidence: readonly { id: string }[]) => evidence.map(({ id }) => id);

describe('tests', () => {
  const read = (text: string) => ids(evidenceInTests('a.test.ts', text));

  it('count by the identifier that their name begins with, tables of cases and suites too', () => {
    const text = `
      it('LI-1: a', () => {});
      it.each([1, 2])('LI-2: %d', (x) => {});
      describe(\`LI-3\`, () => { test('LI-10', () => {}); });
      it('is like LI-4', () => {});
      expect('LI-5').toBe('LI-5');
    `;
    expect(read(text)).toEqual(
      ['LI-2', 'LI-1', 'LI-3', 'LI-10'].sort((a, b) => text.search(a) - text.search(b)),
    );
  });

  it('do not count when they are skipped or still to do', () => {
    expect(read(`it.skip('LI-1', f); it.todo('LI-2'); describe.skip('LI-3', f); // it('LI-4', f)`)).toEqual(
      [],
    );
  });
});

describe('checks of a cell', () => {
  const read = (text: string) => ids(evidenceInCell('05.ipynb', 2, text));

  it('count by their claim, whatever the case', () => {
    expect(read("check('LI-5/beta0.9', {}); check(`LI-10/batch${b}`, {}); check('LI-L2', {});")).toEqual([
      'LI-5',
      'LI-10',
      'LI-L2',
    ]);
  });

  it('are found in the list of cases that they loop over', () => {
    const text =
      "for (const [id, name] of [['AF-1/a', 'not AF-2'], ['AF-3', 'x']]) check(id, { claim: name });";
    expect(read(text)).toEqual(['AF-1', 'AF-3']);
  });

  it('do not count in comments, or without a call', () => {
    expect(read("// check('LI-1', {});\nconst id = 'LI-2'; other('LI-3');")).toEqual([]);
  });
});

describe('a repository', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'claims-'));
    for (const folder of ['tools/checks/claims', 'notebooks', 'lib/test/deep'])
      mkdirSync(join(root, folder), { recursive: true });
    const article: Article = {
      notebook: '05-lion',
      source: 'https://kexue.fm/archives/9473',
      claims: { 'LI-1': 'It is a sign', 'LI-2': 'It is small' },
      experiments: { 'LI-L2': 'Digits' },
    };
    writeFileSync(join(root, 'tools', 'checks', 'claims', 'claims.json'), JSON.stringify([article]));
    writeFileSync(join(root, 'lib/test/deep/lion.test.ts'), "it('LI-1: is a sign', () => {});");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const problems = () => {
    const { articles, evidence, notebooks } = readEvidence(root);
    return problemsOf(articles, evidence, notebooks);
  };
  const writeNotebook = (source: string) =>
    writeFileSync(
      join(root, 'notebooks', '05-lion.ipynb'),
      JSON.stringify({ cells: [{ cell_type: 'code', metadata: {}, source }] }),
    );

  it('owes nothing for an article without a notebook', () => {
    expect(problems()).toEqual([]);
  });

  it('owes every claim of an article with a notebook, and no experiment', () => {
    writeNotebook('1;');
    expect(problems()).toEqual([
      'notebooks/05-lion.ipynb: nothing covers LI-2 (It is small); name a test or a check LI-2',
    ]);
    writeNotebook("check('LI-2/case', {});");
    expect(problems()).toEqual([]);
  });

  it('may not name what is in no list', () => {
    writeNotebook("check('LI-2', {}); check('LI-L2', {}); check('LI-3', {});");
    writeFileSync(join(root, 'lib/test/deep/lion.test.ts'), "it('LI-1', () => {});\nit('TG-1', () => {});");
    expect(problems()).toEqual([
      'lib/test/deep/lion.test.ts:2: TG-1 is in no list of tools/checks/claims/claims.json',
      'notebooks/05-lion.ipynb cell 1: LI-3 is in no list of tools/checks/claims/claims.json',
    ]);
  });
});
