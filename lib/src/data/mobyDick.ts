import { readCompressed } from './files';

/**
 * The text of Moby Dick, chapters in order: about 216,000 words, 1.2 million characters.
 *
 * @throws DataError if the file is missing or damaged.
 * @see data/SOURCES.md
 *
 * @example
 * const vocabulary = characterVocabulary([loadMobyDick()]);
 */
export function loadMobyDick(): string {
  return readCompressed('en-moby-dick.txt.gz').toString('utf8');
}
