import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { codeFrame } from '../src/code-frame';
import { declarationsAfterFailure } from '../src/declarations';
import { codePointOffset, utf16Offset } from '../src/text-positions';
import { exportByAccessors } from '../src/transforms';
import { loadTypeScript } from '../src/tslab-internals';
import { toJson, toMimeBundle } from '../src/values';

const ts = loadTypeScript();

describe('codeFrame', () => {
  const lines = ['one', 'two', 'three', '\tfour(five)', 'six', 'seven'];
  const plain = (...args: Parameters<typeof codeFrame>) => codeFrame(...args).map(stripVTControlCharacters);

  it('marks the word at the place, with two lines before and one after', () => {
    expect(plain(lines, 4, 2)).toEqual([
      '  2  two',
      '  3  three',
      '→ 4   four(five)',
      '      ~~~~',
      '  5  six',
    ]);
  });

  it('marks a given length, at most to the end of the line', () => {
    expect(plain(lines, 1, 2, 99)).toEqual(['→ 1  one', '      ~~', '  2  two']);
    expect(plain(lines, 6, 1, 2).at(-1)).toBe('     ~~');
  });

  it('aligns numbers and is empty where there is no such line', () => {
    expect(plain([...lines, '8', '9', 'ten', 'eleven'], 9, 1)).toContain('→  9  ten');
    expect(plain(lines, 7, 1)).toEqual([]);
  });
});

describe('text positions', () => {
  it('count a character beyond the basic plane once for Jupyter and twice for JavaScript', () => {
    const text = 'a🦁b';
    expect([0, 1, 2, 3, 9].map((position) => utf16Offset(text, position))).toEqual([0, 1, 3, 4, 4]);
    expect([0, 1, 3, 4].map((position) => codePointOffset(text, position))).toEqual([0, 1, 2, 3]);
  });
});

describe('exportByAccessors', () => {
  it('takes out exports without moving anything', () => {
    const module = 'const a = 1;\nexport const last = a;\nexport { a, f };\nfunction f() {}\n';
    const { code, names } = exportByAccessors(ts, module);
    expect(names).toEqual(['last', 'a', 'f']);
    expect(code.slice(0, module.length)).toBe(
      'const a = 1;\n       const last = a;\n                \nfunction f() {}\n',
    );
    expect(code.slice(module.length)).toContain('get a() { return a; }, set a(value) { a = value; }');
  });
});

describe('declarationsAfterFailure', () => {
  const before =
    'declare const kept: number;\nimport { join, sep } from "path";\ndeclare const both: string;\n';
  const after = [
    'declare let kept: boolean, fresh: Date;',
    'import os, { cpus, EOL } from "os";',
    'import * as join from "fs";',
    'import "side-effect";',
    'interface Shape { sides: number }',
    'declare class Late {}',
    'declare function early(): void;',
    'import { sep } from "path";',
    'declare const both: string;',
  ].join('\n');

  it('is what came after, less what was not reached, plus what that had replaced', () => {
    const unreached = new Set(['kept', 'cpus', 'os', 'join', 'Late']);
    expect(declarationsAfterFailure(ts, before, after, unreached).split('\n')).toEqual([
      'declare let fresh: Date;',
      'import { EOL } from "os";',
      'import "side-effect";',
      'interface Shape {',
      '    sides: number;',
      '}',
      'declare function early(): void;',
      'import { sep } from "path";',
      'declare const both: string;',
      'declare const kept: number;',
      'import { join } from "path";',
      '',
    ]);
  });
});

describe('values', () => {
  it('turns typed arrays and bytes into JSON that clients understand', () => {
    expect(toJson({ x: new Float64Array([1, NaN]), i: new Int32Array([3]), b: Buffer.from([1]) })).toBe(
      '{"x":[1,null],"i":[3],"b":"AQ=="}',
    );
  });

  it('falls back to inspection when toString throws', async () => {
    class Disposed {
      shape = [2];
      toString(): string {
        throw new Error('disposed');
      }
    }
    expect(await toMimeBundle(new Disposed())).toEqual({ 'text/plain': 'Disposed { shape: [ 2 ] }' });
  });
});
