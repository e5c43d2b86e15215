import { readFileSync } from 'node:fs';

/** A cell as nbformat 4.5 stores it. */
export interface Cell {
  cell_type: 'code' | 'markdown' | 'raw';
  id?: string;
  source: string | string[];
  metadata: { tags?: string[]; execution?: unknown };
  outputs?: unknown[];
  execution_count?: number | null;
}

export interface Notebook {
  nbformat: number;
  nbformat_minor: number;
  metadata: { kernelspec?: { name?: string; language?: string } };
  cells: Cell[];
}

/** Something wrong with a notebook. `cell` is the n of In[n] after Run All, `line` counts from 1 inside the cell. */
export interface Problem {
  file: string;
  cell?: number | undefined;
  line?: number | undefined;
  message: string;
}

export const sourceOf = (cell: Cell): string =>
  Array.isArray(cell.source) ? cell.source.join('') : cell.source;

export const hasTag = (cell: Cell, tag: string): boolean => cell.metadata.tags?.includes(tag) ?? false;

/** The cells that run, with the numbers that Jupyter gives them; empty cells get none. */
export function codeCells(notebook: Notebook): { number: number; cell: Cell }[] {
  return notebook.cells
    .filter((cell) => cell.cell_type === 'code' && sourceOf(cell).trim() !== '')
    .map((cell, index) => ({ number: index + 1, cell }));
}

/** The solutions of the exercises: the blocks of TypeScript that are folded away in Markdown cells. */
export function solutionsOf({ cells }: Notebook): string[] {
  const text = cells.filter(({ cell_type }) => cell_type === 'markdown').map(sourceOf);
  const folded = [...text.join('\n').matchAll(/<details>(.*?)<\/details>/gs)].map((match) => match[0]);
  return [...folded.join('\n').matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1] ?? '');
}

/** @throws Error that names the file when it is not a notebook */
export function readNotebook(file: string): Notebook {
  try {
    const notebook = JSON.parse(readFileSync(file, 'utf8')) as Notebook;
    if (!Array.isArray(notebook.cells)) throw new Error('it has no cells');
    return notebook;
  } catch (error) {
    throw new Error(`${file} is not a notebook: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

export function describeProblem({ file, cell, line, message }: Problem): string {
  const place = cell === undefined ? '' : ` cell ${cell}${line === undefined ? '' : ` line ${line}`}`;
  return `${file}${place}: ${message}`;
}
