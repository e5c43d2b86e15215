import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkHygiene } from '../checks/cells/hygiene';
import {
  describeProblem,
  readNotebook,
  type Cell,
  type Notebook,
  type Problem,
} from '../checks/cells/notebook';
import { checkPromises, checkTypes, joinCells, writeModules } from '../checks/cells/program';

const root = resolve(__dirname, '..', '..');
const fixtures = join(root, 'tools', 'test', 'fixtures');
const FILE = 'notebooks/09-sample.ipynb';

let count = 0;
const cell = (cell_type: Cell['cell_type'], source: string, more: Partial<Cell> = {}): Cell => ({
  cell_type,
  id: `cell-${++count}`,
  source,
  metadata: {},
  ...(cell_type === 'code' ? { outputs: [], execution_count: null } : {}),
  ...more,
});
const code = (source: string, more?: Partial<Cell>) => cell('code', source, more);
const notebook = (...cells: Cell[]): Notebook => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { name: 'liandan', language: 'typescript' } },
  cells,
});
const said = (problems: Problem[]) => problems.map(describeProblem);

describe('hygiene', () => {
  const hygiene = (...cells: Cell[]) => said(checkHygiene(FILE, notebook(...cells)));

  it('has nothing to say about the fixtures', () => {
    for (const name of readdirSync(fixtures))
      expect(checkHygiene(name, readNotebook(join(fixtures, name)))).toEqual([]);
  });

  it('finds outputs, execution counts and times that were saved', () => {
    const saved = code('1;', { outputs: [{}], execution_count: 3, metadata: { execution: {} } });
    expect(hygiene(cell('markdown', '# A'), code('0;'), saved)).toEqual([
      `${FILE} cell 2: has outputs; sources are kept without (Edit → Clear Outputs of All Cells)`,
      `${FILE} cell 2: has an execution count; clear the outputs before saving`,
      `${FILE} cell 2: has execution times in its metadata`,
    ]);
  });

  it('finds cells without an id of their own', () => {
    expect(hygiene(code('0;', { id: 'a' }), code('1;', { id: 'a' }), code('2;', { id: 'b c' }))).toEqual([
      `${FILE}: the cell at position 2 has the id "a" of an earlier cell`,
      `${FILE}: the cell at position 3 has no valid id (letters, digits, - and _)`,
    ]);
  });

  it('wants at most 15 lines in a cell, blank ones apart, unless it is tagged', () => {
    const lines = (n: number) => Array.from({ length: n }, (_, i) => `const x${i} = ${i};`).join('\n\n');
    expect(hygiene(code(lines(15)))).toEqual([]);
    expect(hygiene(code(lines(16)))).toEqual([expect.stringContaining('cell 1: has 16 lines; at most 15')]);
    expect(hygiene(code(lines(16), { metadata: { tags: ['long-cell'] } }))).toEqual([]);
  });

  it('finds empty cells, remote images and images without a text alternative', () => {
    const said = hygiene(
      code('  '),
      cell('markdown', 'see [this](https://example.org) and ![a lion](lion.png)'),
      cell('markdown', '![a lion](https://example.org/lion.png)'),
      cell('markdown', '<img alt="a lion" src="//example.org/lion.png">'),
      cell('markdown', '![](lion.png)'),
    );
    expect(said).toEqual([
      `${FILE}: the cell at position 1 is empty`,
      `${FILE}: the cell at position 3 shows a remote image; put the picture into the repository`,
      `${FILE}: the cell at position 4 shows a remote image; put the picture into the repository`,
      `${FILE}: the cell at position 5 shows an image without a text alternative`,
    ]);
  });

  it('finds another format and another kernel', () => {
    const other = { ...notebook(), nbformat_minor: 4, metadata: { kernelspec: { name: 'python3' } } };
    expect(said(checkHygiene(FILE, other))).toEqual([
      `${FILE}: its format is 4.4; expected 4.5`,
      `${FILE}: kernel "python3", language "" in its metadata; expected kernel "liandan", language "typescript"`,
    ]);
  });
});

describe('types and promises of cells', () => {
  const folder = join(root, '.liandan', 'cells', 'test');
  const check = async (...cells: Cell[]) => {
    const options = join(root, 'notebooks', 'tsconfig.json');
    const modules = writeModules(folder, options, [joinCells(FILE, notebook(...cells))]);
    return said([...checkTypes(modules), ...(await checkPromises(modules))]);
  };

  it('see what earlier cells and the library declare, and await at top level', async () => {
    const cells = [
      code("import { tf } from 'liandan';\nconst x = tf.scalar(2)"),
      code('const values = await x.array();\nvalues'),
      code('[values].map((value) => value + 1)'),
    ];
    expect(await check(...cells)).toEqual([]);
  }, 60_000);

  it('are wrong where Jupyter numbers the cell and the line', async () => {
    const problems = await check(
      cell('markdown', '# Errors'),
      code('const width = 3;'),
      code(''),
      code('\nconst label: string = width;\nconst later = async () => width;\nlater();'),
      code('const width = 4;'),
      code('const item = [1].find((x) => x > 0);\nitem.toFixed();'),
    );
    expect(problems).toEqual([
      `${FILE} cell 1 line 1: TS2451: Cannot redeclare block-scoped variable 'width'.`,
      `${FILE} cell 2 line 2: TS2322: Type 'number' is not assignable to type 'string'.`,
      `${FILE} cell 3 line 1: TS2451: Cannot redeclare block-scoped variable 'width'.`,
      `${FILE} cell 4 line 2: TS18048: 'item' is possibly 'undefined'.`,
      expect.stringMatching(/cell 2 line 4: @typescript-eslint\/no-floating-promises: /),
    ]);
  }, 60_000);

  it('a cell that is meant to throw keeps what it declares, and later cells are still checked', async () => {
    const throws = code("const lost = 1;\nthrow new Error('as the lesson shows');", {
      metadata: { tags: ['raises-exception'] },
    });
    expect(await check(throws, code('lost;'))).toEqual([
      `${FILE} cell 2 line 1: TS2304: Cannot find name 'lost'.`,
    ]);
  }, 60_000);
});
