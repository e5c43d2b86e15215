import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cellDocument, outline } from '../src/cell-document';
import { isComplete } from '../src/editor';
import { History } from '../src/history';
import { withoutInsertions } from '../src/insertions';
import { InterruptFlags } from '../src/interrupts';

describe('outline', () => {
  it('finds what a cell declares, mentions and imports', () => {
    const { declared, mentioned, modules, augments } = outline(`
      import tf, { ones as o } from 'tf';
      export const { a, b: [c] } = tf;
      let d = 1; var e;
      if (d) { var f = 2; let hidden = 3; }
      function g() { var inner; }
      interface I {} type T = I; enum E {} namespace N {} class C {}
      await import('./late'); require('./old');
    `);
    expect(declared.map(({ name }) => name).sort()).toEqual(
      ['tf', 'o', 'a', 'c', 'd', 'e', 'f', 'g', 'I', 'T', 'E', 'N', 'C'].sort(),
    );
    expect(declared.filter(({ assignable }) => assignable).map(({ name }) => name)).toEqual(['d', 'e', 'f']);
    expect(declared.filter(({ exported }) => exported).map(({ name }) => name)).toEqual(['a', 'c']);
    expect([mentioned.has('ones'), mentioned.has('nowhere')]).toEqual([true, false]);
    expect(modules).toEqual(['tf', './late', './old']);
    expect([augments, outline('declare global {}').augments]).toEqual([false, true]);
  });
});

describe('cellDocument', () => {
  it('adds imports of what is used and exports of what is declared, below the source', () => {
    const source = 'const c = a + b';
    const origins = new Map([
      ['a', { module: './In[1]', assignable: false }],
      ['b', { module: './In[2]', assignable: true }],
      ['unused', { module: './In[3]', assignable: false }],
    ]);
    const text = cellDocument(source, outline(source), origins);
    expect(text.split('\n').filter((line) => line !== '')).toEqual([
      source,
      'export { c };',
      "import { a } from './In[1]';",
      "import { b as __liandan_let_b } from './In[2]';",
      'declare let b: typeof __liandan_let_b;',
    ]);
  });
});

describe('withoutInsertions', () => {
  it('leaves the code of the author', () => {
    const inserted = [
      'function f(n) {',
      '    __liandan_stop[__liandan_flag[0]];',
      '    let __liandan_n = 0, __liandan_f = __liandan_flag, __liandan_s = __liandan_stop;',
      '    for (;;) {',
      '        (__liandan_n = __liandan_n + 1 & 31) || __liandan_s[__liandan_f[0]];',
      '        __liandan_s[__liandan_f[0]];',
      '        list.map((x) => (__liandan_stop[__liandan_flag[0]], f(x)));',
      '        n += (0, __liandan_c0.g)(__liandan_n1.rate);',
      '    }',
      '}',
    ];
    const own = [
      'function f(n) {',
      '    for (;;) {',
      '        list.map((x) => (f(x)));',
      '        n += g(rate);',
      '    }',
      '}',
    ];
    expect(withoutInsertions(inserted.join('\n'))).toBe(own.join('\n'));
  });
});

describe('isComplete', () => {
  it.each([
    ['complete', ['1', 'const a = [1,\n2]', '`a\nb`', '', '// c']],
    ['incomplete', ['f(', 'const a =', '`abc', "log('hi", '/* open', 'if (true) {']],
    ['invalid', ['let 1x = 2', '}', 'a b c', 'const = 3']],
  ])('%s', (status, codes) => {
    for (const code of codes) expect(isComplete(code), code).toMatchObject({ status });
  });
});

describe('InterruptFlags', () => {
  it('keep the flag of an abandoned cell raised, and promise one signal only', () => {
    const flags = new InterruptFlags();
    const other = new InterruptFlags(flags.memory);
    other.raise();
    expect([flags.pending, flags.flag(7)[0]]).toEqual([1, 1]);
    flags.abandon(7);
    flags.clear();
    expect([flags.pending, flags.flag(7)[0], flags.flag(8)[0]]).toEqual([0, 1, 0]);
    expect(other.promiseSignal()).toBe(false);
    flags.openToSignal();
    expect([other.promiseSignal(), other.promiseSignal()]).toEqual([true, false]);
    expect(flags.closeToSignal()).toBe(false);
    flags.afterSignal();
  });

  it('reach requests that have arrived and not begun, and none that arrives later', () => {
    const flags = new InterruptFlags();
    const other = new InterruptFlags(flags.memory);
    for (let request = 1; request <= 3; request++) other.accept();
    flags.start(1);
    other.raise();
    expect(flags.pending).toBe(1);
    flags.clear();
    other.accept();
    for (const request of [2, 3]) expect(() => flags.start(request)).toThrow('interrupted before it began');
    flags.start(4);
    expect(flags.pending).toBe(0);
  });
});

describe('History', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'liandan-history-'));
  afterAll(() => fs.rmSync(folder, { recursive: true }));

  it('goes on where an earlier kernel stopped, even in the middle of a line', () => {
    const file = path.join(folder, 'history.jsonl');
    new History(file).append(1, 'first');
    fs.appendFileSync(file, '[2,1,"torn');
    const second = new History(file);
    second.append(1, 'second');
    expect(second.answer({ hist_access_type: 'tail', n: 9 }).history).toEqual([
      [1, 1, 'first'],
      [2, 1, 'second'],
    ]);
    expect(new History(file).answer({ hist_access_type: 'tail' }).history).toHaveLength(2);
    expect(second.answer({ hist_access_type: 'search', pattern: 'f?rst', output: true }).history).toEqual([
      [1, 1, ['first', null]],
    ]);
  });
});
