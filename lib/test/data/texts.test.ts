import { describe, expect, it } from 'vitest';
import {
  characterVocabulary,
  DataError,
  loadReviews,
  loadTangAndSong,
  parseLabelledTexts,
  textTensors,
} from '../../src/data';

const parse = (content: string) => parseLabelledTexts(Buffer.from(content), 2, 'poems');

describe('parseLabelledTexts', () => {
  it('reads labels and texts, with or without a last line break', () => {
    const expected = { count: 2, texts: ['很好', 'a\tb'], labels: Uint8Array.of(1, 0) };
    expect(parse('1\t很好\n0\ta\tb\n')).toEqual(expected);
    expect(parse('1\t很好\n0\ta\tb')).toEqual(expected);
  });

  it('names the line that is wrong', () => {
    expect(() => parse('1\t好\n很好\n')).toThrow('Line 2 of poems is "很好", but "label<TAB>text"');
    expect(() => parse('2\t好\n')).toThrow('with a label from 0 to 1');
    expect(() => parse('0\t\n')).toThrow('Line 1 of poems');
    expect(() => parse('')).toThrow('poems is empty');
    expect(() => parseLabelledTexts(Uint8Array.of(0x31, 0x09, 0xff), 2, 'poems')).toThrow(DataError);
    expect(() => parse('00\t好\n')).toThrow('Line 1 of poems is "00\\t好"');
  });

  it.each([
    ['1\t好\r\n', 'Line 1 of poems holds a carriage return, as Windows ends lines (U+000D), near "1\\t好\\r"'],
    ['1\t好\n0\ta\0b\n', 'Line 2 of poems holds a zero byte (U+0000), near "0\\ta\\u0000b"'],
    ['1\ta\u2028b\n', 'holds a line separator (U+2028), near "1\\ta\\u2028b"'],
    ['\ufeff1\ta\n', 'holds a byte order mark (U+FEFF)'],
    ['1\ta\ufffd\n', 'holds a replacement character'],
    ['1\t\u001b[31m\n', 'holds the control character U+001B'],
  ])('shows the character that does not belong in %j', (content, message) => {
    expect(() => parse(content)).toThrow(message);
  });

  it('names the line of bytes that are no UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('1\ta\n0\tcaf'), Buffer.of(0xe9), Buffer.from(' x\n')]);
    expect(() => parseLabelledTexts(bytes, 2, 'poems')).toThrow(
      'Line 2 of poems holds bytes that are not valid UTF-8, near "0\\tcaf\\ufffd x"',
    );
  });
});

describe('the text data sets', () => {
  it('hold as many texts of each class as SOURCES.md says', () => {
    for (const [data, counts] of [
      [loadReviews(), [11_522, 1_440, 1_440]],
      [loadTangAndSong(), [18_934, 2_366, 2_366]],
    ] as const) {
      const parts = [data.train, data.valid, data.test];
      expect(parts.map(({ count }) => count)).toEqual(counts);
      const ones = parts.flatMap(({ labels }) => [...labels]).filter((label) => label === 1).length;
      expect(ones).toBe(counts.reduce((sum, count) => sum + count, 0) / 2);
    }
  });
});

describe('characterVocabulary', () => {
  const vocabulary = characterVocabulary(['abba', 'a𠮷c', '𠮷'], { size: 5 });

  it('numbers characters by frequency, then code point, from 2', () => {
    expect(vocabulary.characters).toEqual(['', '\uFFFD', 'a', 'b', '𠮷']);
    expect(vocabulary.size).toBe(5);
  });

  it('encodes characters outside of the basic plane as one, unknown ones as 1', () => {
    expect(vocabulary.encode('a𠮷c')).toEqual([2, 4, 1]);
    expect(vocabulary.decode([0, 0, 2, 4, 1])).toBe('a𠮷\uFFFD');
  });

  it('refuses a size without room for a character', () => {
    expect(() => characterVocabulary(['a'], { size: 2 })).toThrow('but 2 was given');
  });
});

describe('textTensors', () => {
  const vocabulary = characterVocabulary(['abcd']);
  const split = { count: 2, texts: ['ab', 'abcd'], labels: Uint8Array.of(1, 0) };

  it('pads and cuts at the start by default', () => {
    const { inputs, labels } = textTensors(split, vocabulary, { length: 3 });
    expect([inputs.dtype, ...inputs.shape]).toEqual(['int32', 2, 3]);
    expect([...inputs.dataSync()]).toEqual([0, 2, 3, 3, 4, 5]);
    expect([...labels.dataSync()]).toEqual([1, 0]);
  });

  it('pads and cuts at the end on demand', () => {
    const { inputs } = textTensors(split, vocabulary, { length: 3, side: 'end' });
    expect([...inputs.dataSync()]).toEqual([2, 3, 0, 2, 3, 4]);
  });

  it('refuses an empty text', () => {
    expect(() => textTensors(split, vocabulary, { length: 0 })).toThrow('but 0 was given');
  });
});
