import { tf } from '../runtime';
import { DataError, readCompressed } from './files';
import type { Examples } from './images';
import { parseText, visible } from './plainText';

/** Texts with a class each. */
export interface TextSplit {
  readonly count: number;
  readonly texts: readonly string[];
  /** `count` classes, from 0. */
  readonly labels: Uint8Array;
}

/** A data set of texts: parts to learn from, to choose by and to test on; names of the classes. */
export interface TextDataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: TextSplit;
  readonly valid: TextSplit;
  readonly test: TextSplit;
}

/**
 * Chinese customer reviews, negative (0) or positive (1): 11,522 to learn from, 1,440 to choose by and 1,440 to test on, 20
 * to 400 characters each.
 *
 * @throws DataError if a file is missing or damaged.
 * @see data/SOURCES.md
 */
export function loadReviews(): TextDataset {
  return load('Chinese reviews', 'zh-reviews', ['negative', 'positive']);
}

/**
 * Regulated poems of the Tang (0) and the Song dynasty (1) in equal numbers of each verse form: 18,934 to learn from, 2,366
 * to choose by and 2,366 to test on, 20 to 64 characters each.
 *
 * @throws DataError if a file is missing or damaged.
 * @see data/SOURCES.md
 */
export function loadTangAndSong(): TextDataset {
  return load('Tang and Song poems', 'zh-tang-vs-song', ['Tang', 'Song']);
}

/**
 * Reads lines of `label<TAB>text`.
 *
 * @param bytes The whole file, UTF-8.
 * @param classes Number of classes; labels are 0 … classes − 1.
 * @param name How to call the file in errors.
 * @throws DataError if a line has another form or the file is not a text, naming the line.
 */
export function parseLabelledTexts(bytes: Uint8Array, classes: number, name: string): TextSplit {
  const lines = parseText(bytes, name).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const rows = lines.map((line, index) => {
    const [, label, text] = /^(0|[1-9]\d{0,2})\t(.+)$/.exec(line) ?? [];
    if (label === undefined || text === undefined || Number(label) >= classes) {
      throw new DataError(
        `Line ${index + 1} of ${name} is ${visible(line.slice(0, 40))}, but "label<TAB>text" with a label from 0 to ` +
          `${classes - 1} is expected.`,
      );
    }
    return { label: Number(label), text };
  });
  return {
    count: rows.length,
    texts: rows.map(({ text }) => text),
    labels: Uint8Array.from(rows, ({ label }) => label),
  };
}

/** The characters that a model knows, numbered; 0 is padding, 1 stands for all others. */
export interface Vocabulary {
  /** Number of ids, padding and unknown included. */
  readonly size: number;
  /** The character of each id; those of 0 and 1 are empty and '\uFFFD'. */
  readonly characters: readonly string[];
  /** The ids of a text's characters. */
  encode(text: string): number[];
  /** The text of ids; padding is left out. */
  decode(ids: ArrayLike<number>): string;
}

const PADDING = 0;
const UNKNOWN = 1;

/**
 * The most frequent characters of the texts, by falling frequency (equal frequencies in the order of code points). Take the
 * training texts only.
 *
 * @param options.size Ids at most, padding and unknown included; default 5,000.
 * @throws RangeError if the size leaves no room for a character.
 *
 * @example
 * const vocabulary = characterVocabulary(loadReviews().train.texts);
 * vocabulary.encode('很好'); // two ids
 */
export function characterVocabulary(texts: readonly string[], { size = 5000 } = {}): Vocabulary {
  if (!Number.isInteger(size) || size < 3) {
    throw new RangeError(
      `A vocabulary holds padding, unknown and at least one character, so its size is at least 3, but ${size} was given.`,
    );
  }
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  const frequent = [...counts]
    .sort(([a, n], [b, m]) => m - n || (a.codePointAt(0) as number) - (b.codePointAt(0) as number))
    .slice(0, size - 2)
    .map(([character]) => character);
  const characters = ['', '\uFFFD', ...frequent];
  const ids = new Map(frequent.map((character, index) => [character, index + 2]));
  return {
    size: characters.length,
    characters,
    encode: (text) => Array.from(text, (character) => ids.get(character) ?? UNKNOWN),
    decode: (tokens) => Array.from(tokens, (id) => characters[id] ?? '\uFFFD').join(''),
  };
}

/**
 * Texts as one matrix of ids, labels as a vector. Short texts are filled up with padding, long ones are cut at the side
 * where padding would stand, as Keras' `pad_sequences` does.
 *
 * @param options.length Ids per text.
 * @param options.side Where padding stands and long texts are cut: `'start'` (default) or `'end'`.
 * @returns `inputs` int32 [count, length], `labels` int32 [count].
 * @throws RangeError if the length is not a positive integer.
 *
 * @example
 * const examples = textTensors(train, vocabulary, { length: 128 });
 */
export function textTensors(
  { texts, labels }: TextSplit,
  vocabulary: Vocabulary,
  { length, side = 'start' }: { length: number; side?: 'start' | 'end' },
): Examples {
  if (!Number.isInteger(length) || length < 1) {
    throw new RangeError(`The length of a padded text is a positive integer, but ${length} was given.`);
  }
  const ids = new Int32Array(texts.length * length).fill(PADDING);
  texts.forEach((text, row) => {
    const all = vocabulary.encode(text);
    const kept = side === 'start' ? all.slice(-length) : all.slice(0, length);
    ids.set(kept, row * length + (side === 'start' ? length - kept.length : 0));
  });
  return {
    inputs: tf.tensor2d(ids, [texts.length, length], 'int32'),
    labels: tf.tensor1d(Int32Array.from(labels), 'int32'),
  };
}

function load(name: string, prefix: string, classes: readonly string[]): TextDataset {
  const [train, valid, test] = ['train', 'valid', 'test'].map((part) => {
    const file = `${prefix}-${part}.tsv.gz`;
    return parseLabelledTexts(readCompressed(file), classes.length, file);
  }) as [TextSplit, TextSplit, TextSplit];
  return { name, classes, train, valid, test };
}
