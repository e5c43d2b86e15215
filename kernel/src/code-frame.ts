/** A few lines of source with a mark below the place in question, coloured for a terminal or a notebook. */

const CODES = { red: 31, gray: 90, bold: 1 } as const;

/** Colours a piece of a traceback. */
export function styleText(style: keyof typeof CODES, text: string): string {
  return `\u001b[${CODES[style]}m${text}\u001b[0m`;
}

const LINES_BEFORE = 2;
const LINES_AFTER = 1;

/**
 * @param line Counted from 1.
 * @param column Counted from 1.
 * @param length How much to mark; the rest of the line at most. Default: the word that starts there.
 */
export function codeFrame(lines: string[], line: number, column: number, length?: number): string[] {
  const marked = lines[line - 1];
  if (marked === undefined) return [];
  const first = Math.max(1, line - LINES_BEFORE);
  const last = Math.min(lines.length, line + LINES_AFTER);
  const digits = String(last).length;
  const word = /^[\w$]+/.exec(marked.slice(column - 1))?.[0].length ?? 1;
  const width = Math.max(1, Math.min(length ?? word, marked.length - column + 1));

  return lines.slice(first - 1, last).flatMap((text, index) => {
    const number = first + index;
    const isMarked = number === line;
    const gutter = `${isMarked ? styleText('red', '→') : ' '} ${styleText('gray', String(number).padStart(digits))}  `;
    const row = gutter + text.replaceAll('\t', ' ');
    return isMarked
      ? [row, ' '.repeat(4 + digits + column - 1) + styleText('red', '~'.repeat(width))]
      : [row];
  });
}
