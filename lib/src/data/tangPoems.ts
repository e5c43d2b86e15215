import { readCompressed } from './files';
import { parseText } from './plainText';

const FILE = 'zh-tang-regulated.txt.gz';

/**
 * 36,404 regulated poems of the Tang dynasty, without line breaks: 1.62 million characters in Traditional script, 6,855 different
 * ones, of which 1,108 occur once.
 *
 * @throws DataError if the file is missing, damaged or another one.
 * @see data/SOURCES.md
 *
 * @example
 * const vocabulary = characterVocabulary(loadTangPoems(), { size: 7000 });
 */
export function loadTangPoems(): string[] {
  return parseText(readCompressed(FILE), FILE).trimEnd().split('\n');
}
