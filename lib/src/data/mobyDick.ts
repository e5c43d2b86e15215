import { readCompressed } from './files';
import { parseText } from './plainText';

const FILE = 'en-moby-dick.txt.gz';

/**
 * The text of Moby Dick, chapters in order: about 216,000 words, 1.2 million characters.
 *
 * @throws DataError if the file is missing, damaged or another one.
 * @see data/SOURCES.md
 *
 * @example
 * const vocabulary = characterVocabulary([loadMobyDick()]);
 */
export function loadMobyDick(): string {
  return parseText(readCompressed(FILE), FILE);
}
