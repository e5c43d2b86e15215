import { DataError } from './files';

/** Characters that no text here has and that betray a file of another kind or from another system. */
// eslint-disable-next-line no-control-regex
const stray = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffd]/;

const names: Readonly<Record<string, string>> = {
  '\u0000': 'a zero byte',
  '\r': 'a carriage return, as Windows ends lines',
  '\u2028': 'a line separator',
  '\u2029': 'a paragraph separator',
  '\ufeff': 'a byte order mark',
  '\ufffd': 'a replacement character, where another program could not read it',
};

/** A text in which every character can be seen. */
export function visible(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffd]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * The text of a file.
 *
 * @param bytes The whole file: UTF-8 without byte order mark, lines that end in a line feed, no control characters but
 *   tabs.
 * @param name How to call the file in errors.
 * @throws DataError if the file is empty or something else, naming the line.
 */
export function parseText(bytes: Uint8Array, name: string): string {
  if (bytes.length === 0) throw new DataError(`${name} is empty, but a text is expected.`);
  const wrong = (at: number, text: string, what: string) => {
    const line = text.slice(0, at).split('\n').length;
    const shown = visible(text.slice(Math.max(text.lastIndexOf('\n', at - 1) + 1, at - 20), at + 20).split('\n')[0]!);
    return new DataError(`Line ${line} of ${name} holds ${what}, near ${shown}: it is damaged or another kind of file.`);
  };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const guess = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    throw wrong(guess.indexOf('\ufffd'), guess, 'bytes that are not valid UTF-8');
  }
  const found = stray.exec(text);
  if (found) {
    const code = `U+${found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    throw wrong(found.index, text, names[found[0]] ? `${names[found[0]]} (${code})` : `the control character ${code}`);
  }
  return text;
}
