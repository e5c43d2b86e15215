import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Language } from '../src/language';

const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'liandan-language-')));
afterAll(() => fs.rmSync(root, { recursive: true }));
fs.mkdirSync(path.join(root, 'notebooks'));
const project = path.resolve(__dirname, '../..');
fs.symlinkSync(path.join(project, 'node_modules'), path.join(root, 'node_modules'));
const options = { strict: true, moduleResolution: 'bundler', lib: ['ES2022'], types: ['node'] };
fs.writeFileSync(path.join(root, 'notebooks', 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
const write = (name: string, text: string) => fs.writeFileSync(path.join(root, name), text);

let language: Language;
let count: number;
beforeEach(() => {
  language = new Language(root, () => false);
  count = 0;
});

/** What TypeScript says of a cell; it is defined if that is nothing. */
function run(source: string, unreached: string[] = []): string[] {
  const name = `In[${++count}]`;
  const compiled = language.compile(name, source);
  if (Array.isArray(compiled)) return compiled.map(({ code, message }) => `${code} ${message[0]}`);
  language.settle(name, unreached);
  return [];
}

function program(): ts.Program {
  return language.editor('').service.getProgram()!;
}

/** The type that an editor shows for an expression. */
function typeOf(expression: string): string {
  const { service, file } = language.editor(`const shown = ${expression};`);
  return ts.displayPartsToString(service.getQuickInfoAtPosition(file, 'const '.length)?.displayParts);
}

describe('cells join one program', () => {
  it('as long as they import what it has', () => {
    expect(run("import fs from 'node:fs'; import ts from 'typescript';")).toEqual([]);
    const before = program();
    expect(run('const kind = ts.SyntaxKind.Unknown; let total = fs.existsSync("/") ? 1 : 2;')).toEqual([]);
    expect(
      run('interface Run { loss: number } function runs(): Run[] { return [{ loss: total }]; }'),
    ).toEqual([]);
    expect(run('const [first] = runs(); total += first!.loss;')).toEqual([]);
    expect(run('total.length')).toEqual(["2339 Property 'length' does not exist on type 'number'."]);
    expect(run('const broken = ;')).toEqual(['1109 Expression expected.']);
    expect(typeOf('runs()')).toBe('const shown: Run[]');
    expect(program()).toBe(before);
  });

  it('and see each name as the last cell defined it', () => {
    run('const value = 1; const other = value;');
    run('const value = "text";');
    expect(typeOf('value')).toBe('const shown: "text"');
    expect(typeOf('other')).toBe('const shown: 1');
    expect(run('other.toFixed(), value.trim()')).toEqual([]);
  });

  it('but not what a failed cell did not reach, or what was wrong', () => {
    run('const reached = 1; const lost = 2;', ['lost']);
    expect(run('const wrong: string = 1;')).toHaveLength(1);
    expect(run('reached')).toEqual([]);
    expect(run('lost')).toEqual(["2304 Cannot find name 'lost'."]);
    expect(run('wrong')).toEqual(["2304 Cannot find name 'wrong'."]);
  });

  it('also when hundreds have gone through it', () => {
    run('const kept = [1, 2];');
    const before = program();
    for (let i = 0; i < 300; i++) expect(run(`const value = kept.map((x) => x + ${i});`)).toEqual([]);
    expect(program()).not.toBe(before);
    expect(typeOf('[kept, value]')).toBe('const shown: number[][]');
  });
});

describe('a program is made anew', () => {
  it('for types of all others, which go with a cell that is wrong', () => {
    expect(run('declare global { interface Array<T> { wrong(): T } } const x: string = 1;')).toHaveLength(1);
    expect(run('[1].wrong()')).toHaveLength(1);
    expect(run('declare global { interface Array<T> { total(): T } }')).toEqual([]);
    expect(run('const sum = [1].total();')).toEqual([]);
    expect(typeOf('sum')).toBe('const shown: number');
  });

  it('for a file that changes, with all that import it', () => {
    write('layers.ts', 'export const scale = 1;');
    write('model.ts', "import { scale } from './layers'; export const doubled = scale as typeof scale;");
    expect(run("import { doubled } from './model'; const one: 1 = doubled;")).toEqual([]);
    write('layers.ts', 'export const scale = "two";');
    expect(run("import { doubled } from './model'; const one: 1 = doubled;")).toEqual([
      `2322 Type '"two"' is not assignable to type '1'.`,
    ]);
    expect(run("import { doubled } from './model'; const two: 'two' = doubled;")).toEqual([]);
  });

  it('for a module that appears, or appears elsewhere', () => {
    expect(run("import { late } from './late';")[0]).toMatch(/^2307 Cannot find module '.\/late'/);
    fs.mkdirSync(path.join(root, 'late'));
    write('late/index.ts', 'export const late = 1;');
    expect(run("import { late } from './late'; const one: 1 = late;")).toEqual([]);
    write('late.ts', 'export const late = 2;');
    expect(run("import { late } from './late'; const two: 2 = late;")).toEqual([]);
  });

  it('after an exception in TypeScript', () => {
    run('const before = 1;');
    expect(() => run(`const deep = ${'['.repeat(600)}${']'.repeat(600)};`)).toThrow('nested 600 deep');
    language.renew();
    expect(run('const after = before + 1;')).toEqual([]);
    expect(typeOf('after')).toBe('const shown: number');
  });
});

describe('an editor', () => {
  it('sees what is imported by a cell that has not run', () => {
    expect(typeOf('late')).toBe('const shown: any');
    const { service, file } = language.editor("import { join } from 'node:path';\njoin(");
    const help = service.getSignatureHelpItems(file, "import { join } from 'node:path';\njoin(".length, {});
    expect(help?.items).toHaveLength(1);
  });
});
