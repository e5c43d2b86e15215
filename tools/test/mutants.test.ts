import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Notebook } from '../checks/cells/notebook';
import { examine, type Choice, type Report } from '../checks/mutants/mutants';
import { Statements } from '../checks/mutants/slice';
import { mutated, readTable, type Mutant } from '../checks/mutants/table';

const root = resolve(__dirname, '..', '..');

const notebook = (...sources: string[]): Notebook => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: sources.map((source, i) => ({ cell_type: 'code', id: `cell-${i + 1}`, source, metadata: {} })),
});

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'liandan-mutants-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));

describe('the statements that a check needs', () => {
  const needed = (sources: string[], ...names: string[]) =>
    new Statements(notebook(...sources)).neededBy(names).map(({ text }) => text);

  it('are what it uses, whatever else its cells hold', () => {
    const cells = [
      "import { check } from 'liandan';\nconst a = 1;\nconst b = 2;",
      'const c = a + 1;',
      "check('LI-1', c);",
    ];
    expect(needed(cells, 'LI-1')).toEqual([
      "import { check } from 'liandan';",
      'const a = 1;',
      'const c = a + 1;',
      "check('LI-1', c);",
    ]);
  });

  it('tell a parameter from the name that it hides', () => {
    const cells = [
      'const rows = await slow();',
      'const f = (rows: number[]) => rows[0];',
      "check('LI-1', f([1]));",
    ];
    expect(needed(cells, 'LI-1')).toEqual([cells[1], cells[2]]);
  });

  it.each([
    ['an assignment', 'let x = 1;', 'x = 2;'],
    ['an assignment to a part', 'const x = { a: 1 };', 'x.a = 2;'],
    ['an assignment by pattern', 'let x = 1;', '[x] = [2];'],
    ['counting', 'let x = 1;', 'x++;'],
    ['a method', 'const x: number[] = [];', 'x.push(1);'],
    ['a method in a loop', 'const x: number[] = [];', 'for (const y of [1]) x.push(y);'],
    ['a method of an element', 'const x = [[1]];', 'for (const y of x) y.push(1);'],
    ['a method of what an element is given to', 'const x = [[1]];', 'x.forEach((y) => y.push(1));'],
    ['a stream of random numbers', 'const x = random(1);', 'const other = x.normal([2]);'],
    ['training', 'const x = mlp({});', 'await train({ model: x, data });'],
    [
      'training in a function',
      'const x = mlp({});',
      'const go = (m: object) => train({ model: m });\nawait go(x);',
    ],
    [
      'a step that holds it',
      'const x = mlp({});',
      'const step = compile(() => x.minimize());\nfor (const y of [1]) step(y);',
    ],
  ])('include %s', (_, declaration, change) => {
    const cells = [
      "import { check, train, compile, random, mlp } from 'liandan';\nlet data: object;",
      declaration,
      change,
      "check('LI-1', x);",
    ];
    for (const line of change.split('\n')) expect(needed(cells, 'LI-1')).toContain(line);
  });

  it.each([
    ['pictures and tables', 'show(lineChart({ series: [{ y: x }] }));'],
    ['what only reads', 'const y = x.map((one) => one + 1);'],
    ['training on the same data', 'await train({ model: other, data: x });'],
    ['later changes', ''],
  ])('leave out %s', (_, line) => {
    const cells = [
      "import { check, train, show } from 'liandan';\nlet other: object;",
      'const x = [1];',
      line,
      "check('LI-1', x);",
      'x.push(2);',
    ];
    const texts = needed(cells, 'LI-1');
    expect(texts).not.toContain(line);
    expect(texts).not.toContain('x.push(2);');
  });

  it('are those of all cases of a claim, or of one of them', () => {
    const cells = [
      "check('LI-1/a', 1);",
      "check('LI-1/b', 2);",
      "check('LI-10', 3);",
      'for (const k of [1]) check(`LI-2/k${k}`, k);',
    ];
    expect(needed(cells, 'LI-1')).toEqual(cells.slice(0, 2));
    expect(needed(cells, 'LI-1/b')).toEqual([cells[1]]);
    expect(needed(cells, 'LI-2/k1')).toEqual([cells[3]]);
    expect(needed(cells, 'LI-2')).toEqual([cells[3]]);
  });

  it('are found where identifiers come from a list', () => {
    const list = "const cases = [['LI-1', 1], ['LI-2', 2]] as const;";
    const loop = 'for (const [id, value] of cases) check(id, value);';
    expect(needed([list, loop], 'LI-1')).toEqual([list, loop]);
    expect(new Statements(notebook(`${list}\n${loop}`)).writtenChecks.map(({ id }) => id)).toEqual([
      'LI-1',
      'LI-2',
    ]);
  });
});

describe('a table of mutants', () => {
  const mutant: Mutant = { kills: ['LI-1'], what: 'a sign', cell: 'a', find: 'x', replace: 'y' };
  const read = (table: unknown) => () => {
    write('table.json', table);
    return readTable(join(folder, 'table.json'));
  };

  it('is read', () => expect(read([mutant])()).toEqual([mutant]));

  it.each([
    [{}, 'expected an array'],
    [[{ ...mutant, kills: [] }], 'mutant 1 must say which checks it kills'],
    [[mutant, { ...mutant, what: '' }], 'mutant 2 must say what the mistake is'],
    [[{ ...mutant, file: 'lib/src/a.ts' }], 'needs either a file or a cell'],
    [[{ ...mutant, cell: undefined, file: 'lib/dist/a.js' }], 'must be in a file below lib/src'],
    [[{ ...mutant, replace: 'x' }], 'must replace a text by another one'],
    [[{ ...mutant, slow: 'yes' }], 'must be slow: true'],
    [[{ ...mutant, kill: 'LI-2' }], 'has a property kill'],
  ])('%j is refused: %s', (table, message) => expect(read(table)).toThrow(message));

  it('says a text that occurs once', () => {
    expect(mutated('a x b', { ...mutant, replace: '$&' }, 'cell a')).toBe('a $& b');
    expect(() => mutated('x x', mutant, 'cell a')).toThrow('"x" occurs 2 times in cell a');
    expect(() => mutated('', mutant, 'cell a')).toThrow('"x" occurs nowhere in cell a');
  });
});

describe('mutants of a notebook', () => {
  const cells = [
    "import { check } from 'liandan/notebook';\nimport { mean } from 'liandan/statistics';\nconst claim = 'c';\nconst source = 's';",
    'const average = mean([1, 2, 6]);',
    "check('LI-1', { claim, source, value: average, equals: 3 });",
    "const fail = () => { throw new RangeError('five'); };\nconst product = 2 * 2;\nconst double = product === 5 ? fail() : product;\ncheck('LI-2', { claim, source, value: double, equals: 4 });",
    'for (const k of [1, 2]) check(`LI-3/k${k}`, { claim, source, value: k, interval: [0, 5] });',
    "throw new Error('a cell that no check needs');",
  ];
  const killers: Mutant[] = [
    {
      kills: ['LI-1'],
      what: 'a sum for a mean',
      file: 'lib/src/statistics/index.ts',
      find: 'return sum(values) / values.length;',
      replace: 'return sum(values);',
    },
    { kills: ['LI-2'], what: 'three times', cell: 'cell-4', find: '2 * 2', replace: '2 * 3' },
    { kills: ['LI-3'], what: 'another end', cell: 'cell-5', find: '[0, 5]', replace: '[5, 9]' },
  ];
  const run = async (table: Mutant[], choice: Choice = {}): Promise<Report> => {
    write('09-sample.ipynb', notebook(...cells));
    write('09-sample.json', table);
    return examine({ root, notebooks: folder, tables: folder }, '09-sample', choice);
  };

  it('are killed in the library and in cells', async () => {
    const { verdicts, problems } = await run(killers);
    expect(problems).toEqual([]);
    expect(verdicts.map(({ fate, failed, words }) => [fate, failed, words])).toEqual([
      ['killed', ['LI-1'], 'LI-1 3 → 9, accepted 3'],
      ['killed', ['LI-2'], 'LI-2 4 → 6, accepted 4'],
      ['killed', ['LI-3/k1', 'LI-3/k2'], expect.stringContaining('accepted 5 to 9')],
    ]);
  });

  it('survive, and leave their check unproven', async () => {
    const survivor = { ...killers[1]!, find: 'value: double', replace: 'value: 4' };
    const { verdicts, problems } = await run([killers[0]!, survivor, { ...killers[2]!, replace: '[2, 9]' }]);
    expect(verdicts.map(({ fate }) => fate)).toEqual(['killed', 'survived', 'killed']);
    expect(problems).toEqual([
      'LI-2: three times: survived: LI-2 4 → 4, accepted 4',
      'LI-2: no mutant kills it',
      'LI-3/k2: no mutant kills it',
    ]);
  });

  it('are not killed by an error before the check, nor by one that says they are no program', async () => {
    const throws = { ...killers[1]!, replace: '2 + 3' };
    const noProgram = { ...killers[1]!, replace: '2 * two' };
    const noSyntax = { ...killers[1]!, replace: '2 * (' };
    const { verdicts, problems } = await run([throws, noProgram, noSyntax]);
    expect(verdicts.map(({ fate, words, failed }) => [fate, words, failed])).toEqual([
      ['crashed', 'cell 4: RangeError: five; LI-2 was not reached', []],
      ['invalid', 'cell 4: ReferenceError: two is not defined', []],
      ['invalid', expect.stringContaining('expected'), []],
    ]);
    expect(problems).toContain('LI-2: no mutant kills it');
  });

  it('are killed by the value of a check, whatever is thrown after it', async () => {
    const after = { ...killers[1]!, find: 'equals: 4 });', replace: 'equals: 5 });\nfail();' };
    const { verdicts } = await run([after]);
    expect(verdicts).toMatchObject([{ fate: 'killed', failed: ['LI-2'] }]);
  });

  it.each([
    ['a text that is not there', { find: '3 * 3' }, '"3 * 3" occurs nowhere in cell cell-4'],
    ['a text that is there twice', { find: 'double' }, '"double" occurs 2 times in cell cell-4'],
    ['a cell that is not there', { cell: 'cell-9' }, 'there is no code cell "cell-9"'],
    ['a check that is not there', { kills: ['LI-9'] }, 'the notebook makes no check LI-9'],
    ['a check that fails anyway', { kills: ['LI-4'] }, 'LI-4 fails without a mistake: 1'],
    ['a cell that throws anyway', { kills: ['LI-5'] }, 'without a mistake: cell 8: Error: anyway'],
  ])('are not valid with %s', async (_, change, words) => {
    cells[6] = "check('LI-4', { claim, source, value: 1, equals: 2 });";
    cells[7] =
      "const fails = () => { throw new Error('anyway'); };\ncheck('LI-5', { claim, source, value: fails(), equals: 2 });";
    const { verdicts } = await run([{ ...killers[1]!, ...change }]);
    cells.length = 6;
    expect(verdicts).toMatchObject([{ fate: 'invalid', words }]);
  });

  it('that are slow wait for a run without --fast', async () => {
    const { verdicts, problems } = await run([...killers.slice(0, 2), { ...killers[2]!, slow: true }], {
      fast: true,
    });
    expect(verdicts.map(({ fate }) => fate)).toEqual(['killed', 'killed', 'skipped']);
    expect(problems).toEqual([]);
  });

  it('that are slow are not valid without a place for their mistake, with --fast too', async () => {
    const lost = { ...killers[2]!, find: '[0, 6]', slow: true };
    const { verdicts, problems } = await run([lost], { fast: true });
    expect(verdicts).toMatchObject([{ fate: 'invalid', words: '"[0, 6]" occurs nowhere in cell cell-5' }]);
    expect(problems[0]).toContain('invalid');
  });

  it('are compared with the whole notebook', async () => {
    const { problems } = await run(killers, { verify: true });
    expect(problems).toEqual(['the whole notebook: cell 6: Error: a cell that no check needs']);
  });
});
