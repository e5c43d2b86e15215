/** What the kernel adds to the code of cells, and how it is taken out again. */

/** Prefix of everything that the kernel adds to the names of a cell. */
export const OWN = '__liandan_';

/** Names that the wrapper gives to the code of a cell or module. */
export const NAME = {
  flag: `${OWN}flag`,
  check: `${OWN}check`,
  output: `${OWN}output`,
  bind: `${OWN}bind`,
  importer: `${OWN}import`,
  meta: `${OWN}meta`,
  counter: `${OWN}n`,
  default: `${OWN}default`,
} as const;

const INSERTED = [
  new RegExp(String.raw`\n?[ \t]*\(${NAME.counter} = [^;]*?${NAME.check}\(\);`, 'g'),
  new RegExp(String.raw`\n?[ \t]*${NAME.flag}\[0\] && ${NAME.check}\(\);`, 'g'),
  new RegExp(String.raw`${NAME.flag}\[0\] && ${NAME.check}\(\), `, 'g'),
  new RegExp(String.raw`\n?[ \t]*let ${NAME.counter} = 0;`, 'g'),
];

/** The text of a function as its author wrote it, but for the types. */
export function withoutInsertions(text: string): string {
  if (!text.includes(OWN)) return text;
  let clean = text;
  for (const pattern of INSERTED) clean = clean.replace(pattern, '');
  return clean
    .replaceAll(`${NAME.importer}(`, 'import(')
    .replaceAll(NAME.meta, 'import.meta')
    .replace(new RegExp(String.raw`\(0, ${OWN}[cdn]\d+\.([\w$\u0080-\uffff]+)\)`, 'g'), '$1')
    .replace(new RegExp(String.raw`${OWN}[cdn]\d+\.`, 'g'), '');
}
