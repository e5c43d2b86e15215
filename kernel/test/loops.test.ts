import path from 'node:path';
import vm from 'node:vm';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { stopper, withoutInsertions } from '../src/insertions';
import { Language } from '../src/language';

const language = new Language(path.resolve(__dirname, '../..'), () => false);
let count = 0;

/** The value of a function of a cell, how often it looked at its flag, and its text. */
function asCell(source: string): { value: unknown; looks: number; text: string } {
  const name = `In[${++count}]`;
  const compiled = language.compile(name, source);
  if (Array.isArray(compiled)) throw new Error(`${compiled[0]!.message.join(' ')}\n${source}`);
  const make = vm.runInThisContext(compiled.code) as (...given: unknown[]) => () => void;
  let looks = 0;
  // Raised from the beginning, the flag has each look counted.
  const check = () => {
    looks += 1;
  };
  const output: { value?: (() => unknown) | undefined } = {};
  const flag = Int32Array.of(1);
  make(
    {},
    require,
    {},
    '',
    '',
    flag,
    stopper(check),
    output,
    () => undefined,
    {},
    () => undefined,
    {},
  )();
  const value = output.value!();
  language.settle(name, []);
  return { value, looks, text: String(output.value) };
}

function asScript(source: string): { value: unknown; text: string } {
  const code = ts.transpile(`"use strict"; ${source}`, { target: ts.ScriptTarget.ES2022 });
  const run = vm.runInThisContext(code) as () => unknown;
  return { value: run(), text: String(run) };
}

/** But for spaces, and for parentheses around what a short function gives. */
const bare = (text: string) => text.replace(/[\s()]+/g, ' ');

/** Programs of nested loops, of all kinds that count or do not. */
function* programs(amount: number): Generator<string> {
  let state = 11;
  const draw = (below: number) => {
    state = (state * 48271) % 2147483647;
    return Math.floor((state / 2147483647) * below);
  };
  const one = <T>(...choices: T[]): T => choices[draw(choices.length)]!;
  const loop = (depth: number): string => {
    const i = 'ijk'[depth]!;
    const up = draw(3) > 0;
    const [start, end] = up
      ? [
          one('0', '1', '-3', '0.5', '1023', '1024'),
          one('7', '2050', 'n', 'm', 'n + 1', 'list.length', '3000'),
        ]
      : [one('7', '2050', 'n', 'm', '2047.5'), one('0', '-5', '1', 'm - 2000')];
    const step = up
      ? one(`${i}++`, `++${i}`, `${i} += 2`, `${i} += 12`, `${i} += 0.5`, `${i} += 1 + (seen & 1)`)
      : one(`${i}--`, `--${i}`, `${i} -= 3`, `${i} -= 16`);
    const compare = up ? one('<', '<=') : one('>', '>=');
    const label = one('', '', `at${depth}`);
    const body = [
      one(`seen = (seen * 31 + ${i} * 8) | 0;`, `seen ^= ${i};`, `total += ${i};`),
      one('', '', `if ((seen & 7) === 3) continue;`, `if (seen % 1009 === 5) break;`),
      one('', '', '', `if (seen % 97 === 3) ${i} ${up ? '+=' : '-='} 1;`, `m = Math.max(m - 1, 5);`),
      one('', '', '', `if (kept.length < 9) kept[kept.length] = () => ${i};`),
      one('', '', '', `switch (seen & 3) { case 1: total++; break; default: seen++; }`),
      one('', '', '', `outer: for (const x of list) { if (x > 2) continue outer; total += x; }`),
      one(
        '',
        '',
        '',
        `if ((seen & 15) === 7) continue ${label || 'all'};`,
        `if (seen % 211 === 9) break ${label || 'all'};`,
      ),
      depth < 2 && draw(3) === 0 && calls++ < 3 ? loop(depth + 1) : '',
    ];
    return `${label && `${label}: `}for (let ${i} = ${start}; ${i} ${compare} ${end}; ${step}) { ${body.join(' ')} if (++rounds > 20000) return [seen, total, rounds]; }`;
  };
  let calls = 0;
  for (let each = 0; each < amount; each++) {
    calls = 0;
    const loops = `all: do { ${loop(0)} ${one('', loop(0))} } while (seen === 0);`;
    yield (
      `(function work() { const n: number = ${one(5, 1024, 2500)}; let m: number = ${one(3, 1025, 1999)}; const list = [1, 2, 3, 4]; ` +
      `const kept: (() => number)[] = []; let seen = 1, total = 0, rounds = 0; ${loops} ` +
      `return [seen, total, rounds, n, m, ...kept.map((get) => get())]; })`
    );
  }
}

describe('loops of a cell', () => {
  it('compute what they say, whatever they count by, and show it', () => {
    for (const source of programs(400)) {
      const cell = asCell(source);
      const script = asScript(source);
      expect(cell.value, source).toEqual(script.value);
      expect(bare(withoutInsertions(cell.text)), source).toBe(bare(script.text));
    }
  });

  it.each([
    ['a fixed end', 'for (let i = 0; i < 100_000; i++) n++;', 98],
    ['a fixed end below', 'for (let i = 100_000; i >= 0; i -= 5) n++;', 98],
    ['a constant end', 'const end = 1e5; for (let i = 0; i < end; i += 3) n++;', 98],
    ['an end of its own', 'for (let i = 1; i < list.length + 1e5; i += 2) n++;', 1562],
    ['an end that moves', 'let end = 1e5; for (let i = 0; i < end; i++) { n++; if (i === 5) end--; }', 3125],
    ['a number that moves', 'for (let i = 0; i < 1e5; i++) { n++; i++; }', 1562],
    ['a way out', 'for (let i = 0; i < 1e5; i++) { n++; if (n > 1e6) break; }', 3125],
    ['a wrong direction', 'for (let i = 0; i < 1; i--) if (++n > 1e5) return n;', 3125],
    ['a fraction', 'for (let i = 0; i < 1; i += 1e-5) n++;', 3125],
    ['no number', 'while (n < 1e5) n++;', 3125],
    ['long work', 'for (let i = 0; i < 100; i++) list.forEach(() => n++);', 300],
  ])('with %s look at their flag often enough', (_, loop, least) => {
    const { looks } = asCell(`(function work() { let n = 0; const list = [1, 2]; ${loop} return n; })`);
    expect(looks).toBeGreaterThanOrEqual(least);
    expect(looks).toBeLessThan(1.1 * least + 2);
  });
});
