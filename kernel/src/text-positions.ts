/** Jupyter counts characters as code points, JavaScript as UTF-16 units. */

export function utf16Offset(text: string, codePoints: number): number {
  let offset = 0;
  for (const character of text) {
    if (codePoints-- <= 0) break;
    offset += character.length;
  }
  return offset;
}

export function codePointOffset(text: string, utf16: number): number {
  return [...text.slice(0, utf16)].length;
}
