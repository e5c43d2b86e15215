import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatNotebook } from '../checks/cells/check';
import { checkForm } from '../checks/cells/form';
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
const cell = (cell_type: Cell['cell_type'], source: Cell['source'], more: Partial<Cell> = {}): Cell => ({
  cell_type,
  id: `cell-${++count}`,
  source,
  metadata: {},
  ...(cell_type === 'code' ? { outputs: [], execution_count: null } : {}),
  ...more,
});
const code = (source: Cell['source'], more?: Partial<Cell>) => cell('code', source, more);
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

describe('the form of a lesson', () => {
  const form = async (...cells: Cell[]) =>
    said(await checkForm(FILE, notebook(...cells, code('appendix();'))));
  const statements = (n: number) => Array.from({ length: n }, (_, i) => `const x${i} = ${i};`).join('\n');

  it('has at most 12 statements in a cell, those inside functions counted, braces not', async () => {
    expect(await form(code(statements(12)))).toEqual([]);
    expect(await form(code(statements(13)))).toEqual([
      `${FILE} cell 1: has 13 statements; at most 12 (move what the lesson does not teach to lib/)`,
    ]);
    const inside =
      'for (const i of [1]) {\n  f(i);\n  if (i) g(i);\n}\nconst h = () => {\n  f(1);\n  return 2;\n};';
    expect(await form(code(`${statements(5)}\n${inside}`))).toEqual([]);
    expect(await form(code(`${statements(6)}\n${inside}`))).toEqual([
      expect.stringContaining('13 statements'),
    ]);
  });

  it('has lines of at most 80 characters, as they are counted by a reader', async () => {
    const text = (n: number) => `// ${'𝛽'.repeat(n)}`;
    expect(await form(code(text(77)))).toEqual([]);
    expect(await form(code(`1;\n${text(78)}`))).toEqual([
      `${FILE} cell 1 line 2: is 81 characters wide; at most 80 are seen without scrolling`,
    ]);
  });

  it('has solutions of that width, too', async () => {
    const solution = (n: number) =>
      `<details><summary>Solution</summary>\n\n\`\`\`ts\n1;\n// ${'x'.repeat(n)}\n\`\`\`\n\n</details>`;
    const open = `\`\`\`ts\n// ${'x'.repeat(78)}\n\`\`\``;
    expect(await form(cell('markdown', `${open}\n\n${solution(77)}`))).toEqual([]);
    expect(await form(cell('markdown', solution(1)), cell('markdown', solution(78)))).toEqual([
      `${FILE}: solution 2 line 2: is 81 characters wide; at most 80 are seen without scrolling`,
    ]);
  });

  it('has no casts and no assertions that a value exists', async () => {
    expect(await form(code('const a = [1] as const;\nconst b = !a;\nconst c = a !== b;'))).toEqual([]);
    expect(await form(code('const a = b as number[];\nc[0]!.d();\nlet e!: number;'))).toEqual([
      `${FILE} cell 1 line 1: casts to number[]; only "as const" does not hide a mistake`,
      `${FILE} cell 1 line 2: asserts with ! that a value exists`,
      `${FILE} cell 1 line 3: asserts with ! that a value exists`,
    ]);
  });

  it('is that of Prettier at 80 columns', async () => {
    expect(await form(code('const a = "b"'))).toEqual([
      `${FILE} cell 1: is not formatted; node tools/dist/checks/cells/check.js --write NOTEBOOK does it`,
    ]);
    expect(await form(code('const a = ;'))).toEqual([
      `${FILE} cell 1: cannot be formatted: Expression expected. (1:11)`,
    ]);
  });

  it('has at most 40 code cells and 300 lines of code to read', async () => {
    const cells = (n: number, source: string) => Array.from({ length: n }, () => code(source));
    expect(await form(...cells(39, 'f();'))).toEqual([]);
    expect(await form(...cells(40, 'f();'))).toEqual([`${FILE}: it has 41 code cells; at most 40`]);
    const longest = cells(25, statements(12));
    const skimmed = code("import { check } from 'liandan';\n\ncheck('AB-1', {\n  value: 1,\n});");
    expect(await form(skimmed, ...longest)).toEqual([]);
    expect(await form(code('f();'), ...longest)).toEqual([
      `${FILE}: it has 301 lines of code to read, without imports, checks, figures and tables; at most 300`,
    ]);
  });

  it('ends with its appendix', async () => {
    expect(said(await checkForm(FILE, notebook(code('appendix();'), code('f();'))))).toEqual([
      `${FILE} cell 2: is the last one; it must be appendix(); alone`,
    ]);
  });

  it('is written into a file on demand, which changes nothing else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'liandan-cells-'));
    const path = join(folder, '09-sample.ipynb');
    const text = cell('markdown', ['# A\n', 'b  c']);
    writeFileSync(path, JSON.stringify(notebook(text, code(['const a = "b"\n', 'f( a )']), code('f( )'))));
    await formatNotebook(path);
    const written = readFileSync(path, 'utf8');
    rmSync(folder, { recursive: true });
    const { cells, metadata } = JSON.parse(written) as Notebook;
    expect(cells[0]).toEqual(text);
    expect(cells.slice(1).map(({ source }) => source)).toEqual([["const a = 'b';\n", 'f(a);'], 'f();']);
    expect(metadata).toEqual(notebook().metadata);
    expect(written).toMatch(/^\{\n "nbformat"[^]*\}\n$/);
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
