/**
 * Checks the sources of the notebooks without running them: format and hygiene, types, floating promises.
 * `node tools/dist/checks/cells/check.js [folder]`; the folder is notebooks/ by default. Exit code 1 where something is wrong.
 * `node tools/dist/checks/cells/check.js --write notebook.ipynb …` formats the code cells in place.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { checkForm, withFormattedCells } from './form';
import { checkHygiene } from './hygiene';
import { describeProblem, readNotebook, type Problem } from './notebook';
import { checkPromises, checkTypes, joinCells, writeModules } from './program';

const root = resolve(__dirname, '..', '..', '..', '..');

/**
 * Checks all notebooks of a folder.
 *
 * @param folder absolute path
 * @returns what is wrong, in the order of notebooks and cells
 * @throws Error when the folder has no notebooks, or a file in it is none
 */
export async function checkNotebooks(folder: string): Promise<{ problems: Problem[]; count: number }> {
  const names = readdirSync(folder).filter((name) => /^\d\d-.*\.ipynb$/.test(name));
  if (names.length === 0) throw new Error(`no notebook named NN-name.ipynb in ${folder}`);
  const notebooks = names.sort().map((name) => {
    const path = join(folder, name);
    return { file: relative(root, path), notebook: readNotebook(path) };
  });
  const hygiene = notebooks.flatMap(({ file, notebook }) => checkHygiene(file, notebook));
  const form = await Promise.all(notebooks.map(({ file, notebook }) => checkForm(file, notebook)));
  const modules = writeModules(
    join(root, '.liandan', 'cells', basename(folder)),
    join(root, 'notebooks', 'tsconfig.json'),
    notebooks.map(({ file, notebook }) => joinCells(file, notebook)),
  );
  const problems = [...hygiene, ...form.flat(), ...checkTypes(modules), ...(await checkPromises(modules))];
  const order = ({ file, cell = 0, line = 0 }: Problem) => [file, cell, line] as const;
  problems.sort((a, b) => {
    const [fileA, cellA, lineA] = order(a);
    const [fileB, cellB, lineB] = order(b);
    return fileA.localeCompare(fileB) || cellA - cellB || lineA - lineB;
  });
  return { problems, count: notebooks.length };
}

/** Formats the code cells of a notebook in its file. */
export async function formatNotebook(path: string): Promise<void> {
  const notebook = await withFormattedCells(readNotebook(path));
  // One blank of indentation, as Jupyter writes it.
  writeFileSync(path, `${JSON.stringify(notebook, null, 1)}\n`);
}

async function main(): Promise<number> {
  const [first = join(root, 'notebooks'), ...others] = process.argv.slice(2);
  if (first === '--write') {
    for (const path of others) await formatNotebook(resolve(path));
    return 0;
  }
  const { problems, count } = await checkNotebooks(resolve(first));
  for (const problem of problems) console.error(describeProblem(problem));
  console.log(`${count} notebooks checked, ${problems.length} problems`);
  return problems.length > 0 ? 1 : 0;
}

if (require.main === module) {
  main().then(
    (code) => (process.exitCode = code),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    },
  );
}
