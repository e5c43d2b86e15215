import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { codeFrame } from '../src/code-frame';
import { codePointOffset, utf16Offset } from '../src/text-positions';
import { toJson, toMimeBundle } from '../src/values';

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
