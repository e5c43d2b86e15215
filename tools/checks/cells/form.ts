import { format } from 'prettier';
import ts from 'typescript';
import { codeCells, solutionsOf, sourceOf, type Cell, type Notebook, type Problem } from './notebook';
import { parse } from './syntax';

const MOST_CELLS = 40;
const MOST_LINES = 300;
const MOST_STATEMENTS = 12;
/** What a code cell shows on a laptop without scrolling sideways. */
const WIDEST_LINE = 80;

/** How the code of a lesson is written: short, of one style, readable without knowing TypeScript's type system. */
export async function checkForm(file: string, notebook: Notebook): Promise<Problem[]> {
  const cells = codeCells(notebook);
  const problems = checkSize(file, cells);
  for (const { number, cell } of cells) {
    const source = sourceOf(cell);
    const found = [...checkWidth(source), ...checkSyntax(source), ...(await checkFormat(source))];
    problems.push(...found.map((problem) => ({ file, cell: number, ...problem })));
  }
  return [...problems, ...checkSolutions(file, notebook), ...checkAppendix(file, cells)];
}

type Place = Omit<Problem, 'file' | 'cell'>;

function checkSize(file: string, cells: ReturnType<typeof codeCells>): Problem[] {
  const problems: Problem[] = [];
  const lines = cells.reduce((sum, { cell }) => sum + linesOf(sourceOf(cell)), 0);
  if (cells.length > MOST_CELLS)
    problems.push({ file, message: `it has ${cells.length} code cells; at most ${MOST_CELLS}` });
  if (lines > MOST_LINES)
    problems.push({
      file,
      message: `it has ${lines} lines of code to read, without imports, checks, figures and tables; at most ${MOST_LINES}`,
    });
  return problems;
}

/** What is called to check or to show a result; a reader can pass over it and still follow the argument. */
const SKIMMED = new Set(['appendix', 'check', 'show', 'table']);

/** How many lines of a cell a reader must read: not those of imports, checks, figures and closing brackets. */
function linesOf(source: string): number {
  const parsed = parse(source);
  const skimmed = parsed.statements.filter(
    (statement) => ts.isImportDeclaration(statement) || SKIMMED.has(calledBy(statement) ?? ''),
  );
  const lineOf = (position: number): number => parsed.getLineAndCharacterOfPosition(position).line;
  const isSkimmed = (line: number): boolean =>
    skimmed.some((node) => lineOf(node.getStart(parsed)) <= line && line <= lineOf(node.end));
  return source.split('\n').filter((text, line) => /\w/.test(text) && !isSkimmed(line)).length;
}

/** The name of the function that a statement does nothing but call. */
function calledBy(statement: ts.Statement): string | undefined {
  if (!ts.isExpressionStatement(statement) || !ts.isCallExpression(statement.expression)) return undefined;
  return statement.expression.expression.getText();
}

function checkWidth(source: string): Place[] {
  return source.split('\n').flatMap((text, index) => {
    const width = [...text].length;
    const message = `is ${width} characters wide; at most ${WIDEST_LINE} are seen without scrolling`;
    return width > WIDEST_LINE ? [{ line: index + 1, message }] : [];
  });
}

function checkSyntax(source: string): Place[] {
  const parsed = parse(source);
  const problems: Place[] = [];
  let statements = 0;
  const visit = (node: ts.Node) => {
    const message = forbidden(node);
    const line = parsed.getLineAndCharacterOfPosition(node.getStart(parsed)).line + 1;
    if (message) problems.push({ line, message });
    if (isCounted(node)) statements += 1;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(parsed, visit);
  if (statements > MOST_STATEMENTS)
    problems.push({
      message: `has ${statements} statements; at most ${MOST_STATEMENTS} (move what the lesson does not teach to lib/)`,
    });
  return problems;
}

/** What a reader counts: each statement and declaration, those inside functions and loops too; not the braces. */
function isCounted(node: ts.Node): boolean {
  return ts.isStatement(node) && !ts.isBlock(node) && !ts.isEmptyStatement(node);
}

function forbidden(node: ts.Node): string | undefined {
  if (ts.isNonNullExpression(node) || (ts.isVariableDeclaration(node) && node.exclamationToken))
    return 'asserts with ! that a value exists';
  if (ts.isTypeAssertionExpression(node) || (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)))
    return `casts to ${node.type.getText()}; only "as const" does not hide a mistake`;
  return undefined;
}

async function checkFormat(source: string): Promise<Place[]> {
  try {
    return (await formatted(source)) === source
      ? []
      : [{ message: 'is not formatted; node tools/dist/checks/cells/check.js --write NOTEBOOK does it' }];
  } catch (error) {
    return [{ message: `cannot be formatted: ${(error as Error).message.split('\n')[0]}` }];
  }
}

/** The code of a cell as Prettier writes it. */
const formatted = async (source: string): Promise<string> =>
  (await format(source, { parser: 'typescript', printWidth: WIDEST_LINE, singleQuote: true })).trimEnd();

/** A reader opens a solution in the page, where it has the width of a cell. */
function checkSolutions(file: string, notebook: Notebook): Problem[] {
  return solutionsOf(notebook).flatMap((source, index) =>
    checkWidth(source).map(({ line, message }) => ({
      file,
      message: `solution ${index + 1} line ${line}: ${message}`,
    })),
  );
}

function checkAppendix(file: string, cells: ReturnType<typeof codeCells>): Problem[] {
  const last = cells.at(-1);
  if (!last || sourceOf(last.cell).trim() === 'appendix();') return [];
  return [{ file, cell: last.number, message: 'is the last one; it must be appendix(); alone' }];
}

/** The notebook with all code cells formatted. */
export async function withFormattedCells(notebook: Notebook): Promise<Notebook> {
  const cells = await Promise.all(notebook.cells.map(withFormattedSource));
  return { ...notebook, cells };
}

async function withFormattedSource(cell: Cell): Promise<Cell> {
  const source = sourceOf(cell);
  if (cell.cell_type !== 'code' || source.trim() === '') return cell;
  const text = await formatted(source);
  return { ...cell, source: Array.isArray(cell.source) ? text.split(/(?<=\n)/) : text };
}
