import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Slice } from './slice';

/** A file of the library as it is loaded instead of the one on the disk. */
export interface Replacement {
  /** Absolute path of the compiled file. */
  readonly file: string;
  readonly code: string;
}

/**
 * The statements as a program for Node: the body of an asynchronous function of `cell`, which it calls with the number of
 * the cell whose statements follow.
 */
export function programOf(slice: Slice): string {
  let cell = 0;
  const lines = slice.map((statement) => {
    const begins = statement.cell !== cell && !statement.text.startsWith('import');
    if (begins) cell = statement.cell;
    return `${begins ? `cell(${cell});\n` : ''}${statement.text}\n;`;
  });
  return transpiled(`${lines.join('\n')}\nexport {};`, 'cells.ts');
}

/**
 * A file of the library, compiled from another text.
 *
 * @param root folder of the repository
 * @param file below `lib/src`, relative to the repository
 * @throws SyntaxError when the text is no TypeScript
 */
export function replacementFor(root: string, file: string, text: string): Replacement {
  const compiled = file.replace(/^lib\/src\//, 'lib/dist/').replace(/\.ts$/, '.js');
  return { file: join(root, compiled), code: transpiled(text, file) };
}

export const readSource = (root: string, file: string): string => readFileSync(join(root, file), 'utf8');

function transpiled(text: string, fileName: string): string {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    fileName,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      esModuleInterop: true,
    },
  });
  // Await at the top level, which the program's function allows.
  const [first] = diagnostics.filter(({ code }) => code < 1300);
  if (first) throw new SyntaxError(ts.flattenDiagnosticMessageText(first.messageText, '\n'));
  return outputText;
}
