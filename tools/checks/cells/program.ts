import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript';
import tseslint from 'typescript-eslint';
import { codeCells, hasTag, sourceOf, type Notebook, type Problem } from './notebook';

/** The code cells of a notebook as one TypeScript module, with the place each of its lines comes from. */
export interface CellModule {
  file: string;
  text: string;
  places: ({ cell: number; line: number } | undefined)[];
}

/**
 * Joins the code cells of a notebook. Cells see what earlier cells declare, so they form one module; a name can be
 * declared once. A cell tagged `raises-exception` keeps its declarations to itself, as it does in the kernel.
 */
export function joinCells(file: string, notebook: Notebook): CellModule {
  const lines: string[] = [];
  const places: CellModule['places'] = [];
  const add = (line: string, place?: { cell: number; line: number }) => {
    lines.push(line);
    places.push(place);
  };
  for (const { number, cell } of codeCells(notebook)) {
    const fails = hasTag(cell, 'raises-exception');
    if (fails) add('(async () => {');
    for (const [index, line] of sourceOf(cell).split('\n').entries())
      add(line, { cell: number, line: index + 1 });
    // The last expression of a cell may lack its semicolon.
    add(fails ? '});' : ';');
  }
  add('export {};');
  return { file, text: lines.join('\n') + '\n', places };
}

/** Writes modules to a folder, beside a tsconfig.json that makes editors and ESLint see them as the notebooks' kernel does. */
export function writeModules(
  folder: string,
  options: string,
  modules: CellModule[],
): Map<string, CellModule> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const configuration = { extends: relative(folder, options), include: ['*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration, null, 2));
  const written = new Map<string, CellModule>();
  for (const module of modules) {
    const path = join(folder, module.file.replace(/^.*\//, '').replace(/\.ipynb$/, '.ts'));
    writeFileSync(path, module.text);
    written.set(path, module);
  }
  return written;
}

/** The nearest place in a cell at or before a line of a module. */
function place({ places }: CellModule, line: number): { cell: number; line: number } | undefined {
  return places.slice(0, line + 1).findLast((found) => found !== undefined);
}

/** Type-checks written modules with the options of the tsconfig.json beside them. */
export function checkTypes(modules: Map<string, CellModule>): Problem[] {
  const paths = [...modules.keys()];
  const [first] = paths;
  if (first === undefined) return [];
  const configuration = join(dirname(first), 'tsconfig.json');
  const { config } = ts.readConfigFile(configuration, (path) => ts.sys.readFile(path)) as { config: unknown };
  const { options, errors } = ts.parseJsonConfigFileContent(
    config,
    ts.sys,
    dirname(configuration),
    { noEmit: true },
    configuration,
  );
  const program = ts.createProgram(paths, options);
  return [...errors, ...ts.getPreEmitDiagnostics(program)].map((diagnostic) => {
    const message = `TS${diagnostic.code}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n  ')}`;
    const { file: source, start } = diagnostic;
    const module = source && modules.get(source.fileName);
    if (!module || start === undefined) return { file: source?.fileName ?? configuration, message };
    const { line } = ts.getLineAndCharacterOfPosition(source, start);
    return { file: module.file, ...place(module, line), message };
  });
}

/** Lints written modules for promises that nobody awaits: in a notebook their errors surface in some later cell. */
export async function checkPromises(modules: Map<string, CellModule>): Promise<Problem[]> {
  const [first] = modules.keys();
  if (first === undefined) return [];
  const folder = dirname(first);
  const eslint = new ESLint({
    cwd: folder,
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ['**/*.ts'],
        languageOptions: {
          parser: tseslint.parser,
          parserOptions: {
            project: [join(folder, 'tsconfig.json')],
            tsconfigRootDir: folder,
            // With CI=true typescript-eslint would keep the program of an earlier call in this process.
            disallowAutomaticSingleRunInference: true,
          },
        },
        plugins: { '@typescript-eslint': tseslint.plugin },
        rules: {
          '@typescript-eslint/await-thenable': 'error',
          '@typescript-eslint/no-floating-promises': 'error',
          '@typescript-eslint/no-misused-promises': 'error',
        },
      },
    ],
  });
  const results = await eslint.lintFiles(['*.ts']);
  return results.flatMap(({ filePath, messages }) =>
    messages.map(({ line, ruleId, message }) => {
      const module = modules.get(filePath);
      const file = module?.file ?? filePath;
      return { file, ...(module && place(module, line - 1)), message: `${ruleId ?? 'syntax'}: ${message}` };
    }),
  );
}
