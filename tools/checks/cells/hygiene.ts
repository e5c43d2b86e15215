import { codeCells, sourceOf, type Notebook, type Problem } from './notebook';

const REMOTE_IMAGE = /!\[[^\]]*\]\(\s*<?(?:https?:)?\/\/|<img[^>]+src\s*=\s*["']?(?:https?:)?\/\//i;
const IMAGE_WITHOUT_ALTERNATIVE = /!\[\s*\]\(/;

/** What a notebook must be like before it is committed: no outputs, stable cell ids, nothing remote. */
export function checkHygiene(file: string, notebook: Notebook): Problem[] {
  return [...checkFormat(file, notebook), ...checkCells(file, notebook), ...checkCode(file, notebook)];
}

function checkFormat(file: string, { nbformat, nbformat_minor, metadata }: Notebook): Problem[] {
  const problems: Problem[] = [];
  if (nbformat !== 4 || nbformat_minor !== 5)
    problems.push({ file, message: `its format is ${nbformat}.${nbformat_minor}; expected 4.5` });
  const { name, language } = metadata.kernelspec ?? {};
  if (name !== 'liandan' || language !== 'typescript') {
    const given = `kernel "${name ?? ''}", language "${language ?? ''}"`;
    problems.push({
      file,
      message: `${given} in its metadata; expected kernel "liandan", language "typescript"`,
    });
  }
  return problems;
}

function checkCells(file: string, { cells }: Notebook): Problem[] {
  const problems: Problem[] = [];
  const ids = new Set<string>();
  for (const [index, cell] of cells.entries()) {
    const say = (message: string) => problems.push({ file, message: `${ordinal(index)} ${message}` });
    if (cell.id === undefined || !/^[\w-]{1,64}$/.test(cell.id))
      say('has no valid id (letters, digits, - and _)');
    else if (ids.has(cell.id)) say(`has the id "${cell.id}" of an earlier cell`);
    else ids.add(cell.id);
    const source = sourceOf(cell);
    if (source.trim() === '') say('is empty');
    if (cell.cell_type === 'markdown') {
      if (REMOTE_IMAGE.test(source)) say('shows a remote image; put the picture into the repository');
      if (IMAGE_WITHOUT_ALTERNATIVE.test(source)) say('shows an image without a text alternative');
    }
  }
  return problems;
}

const ordinal = (index: number) => `the cell at position ${index + 1}`;

function checkCode(file: string, notebook: Notebook): Problem[] {
  const problems: Problem[] = [];
  for (const { number, cell } of codeCells(notebook)) {
    const say = (message: string) => problems.push({ file, cell: number, message });
    if (cell.outputs?.length)
      say('has outputs; sources are kept without (Edit → Clear Outputs of All Cells)');
    if ((cell.execution_count ?? null) !== null)
      say('has an execution count; clear the outputs before saving');
    if (cell.metadata.execution !== undefined) say('has execution times in its metadata');
  }
  return problems;
}
