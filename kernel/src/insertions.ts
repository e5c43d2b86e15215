/** What the kernel adds to the code of cells, and how it is taken out again. */

/** Prefix of everything that the kernel adds to the names of a cell. */
export const OWN = '__liandan_';

/** Names that the wrapper gives to the code of a cell or module. */
export const NAME = {
  flag: `${OWN}flag`,
  stop: `${OWN}stop`,
  localFlag: `${OWN}f`,
  localStop: `${OWN}s`,
  kept: `${OWN}kept`,
  guard: `${OWN}guard`,
  awaited: `${OWN}awaited`,
  output: `${OWN}output`,
  bind: `${OWN}bind`,
  importer: `${OWN}import`,
  meta: `${OWN}meta`,
  counter: `${OWN}n`,
  piece: `${OWN}p`,
  default: `${OWN}default`,
} as const;

const INSERTED = [
  String.raw`\n?[ \t]*(?:\((?:${NAME.counter} = ${NAME.counter} \+ 1|[\w$\u0080-\uffff]+) & \d+\) \|\| )?${NAME.localStop}\[${NAME.localFlag}\[0\]\];`,
  String.raw`\n?[ \t]*${NAME.stop}\[${NAME.flag}\[0\]\];`,
  String.raw`${NAME.stop}\[${NAME.flag}\[0\]\], `,
  String.raw`\n?[ \t]*let ${NAME.counter} = 0, ${NAME.localFlag} = ${NAME.flag}, ${NAME.localStop} = ${NAME.stop};`,
].map((pattern) => new RegExp(pattern, 'g'));

/** The head of the inner one of two loops that were one, with what that one counted by. */
const PIECES = new RegExp(
  String.raw`;\)\s*for \(const ${NAME.piece} = \(${NAME.localStop}\[${NAME.localFlag}\[0\]\], [^;]*\); [^;]*; ([^)]*)\)`,
  'g',
);

/** The text of a function as its author wrote it, but for the types. */
export function withoutInsertions(text: string): string {
  if (!text.includes(OWN)) return text;
  let clean = text.replace(PIECES, '; $1)');
  for (const pattern of INSERTED) clean = clean.replace(pattern, '');
  return clean
    .replaceAll(`${NAME.importer}(`, 'import(')
    .replaceAll(NAME.meta, 'import.meta')
    .replace(new RegExp(String.raw`\(0, ${OWN}[cdn]\d+\.([\w$\u0080-\uffff]+)\)`, 'g'), '$1')
    .replace(new RegExp(String.raw`${OWN}[cdn]\d+\.`, 'g'), '');
}

/**
 * What loops and functions look up their flag in: as long as it is 0 there is nothing to do, and 1 calls `check`. A
 * test of the flag would cost more: V8 leaves a loop by a branch that was never taken, does not peel it for that, and
 * boxes its numbers.
 */
export function stopper(check: () => void): readonly unknown[] {
  const prototype = {
    get 1() {
      check();
      return undefined;
    },
  };
  return Object.setPrototypeOf([undefined], prototype) as readonly unknown[];
}
