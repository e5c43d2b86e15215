import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { codeCells, describeProblem, readNotebook, sourceOf, type Problem } from '../cells/notebook';
import { calls, descendants, parse, textOf } from '../cells/syntax';

/** An article as claims.json lists it: identifier → the claim in a sentence. Experiments may be left out, claims not. */
export interface Article {
  readonly notebook: string;
  readonly source: string;
  readonly claims: Readonly<Record<string, string>>;
  readonly experiments: Readonly<Record<string, string>>;
}

/** A test or a notebook check, named after a claim. */
export interface Evidence {
  readonly id: string;
  readonly place: Problem;
}

const identifier = /^[A-Z]{2}-[A-Z]?\d+/;
const checkName = /^([A-Z]{2}-[A-Z]?\d+)(\/|$)/;

/** `it`, `test` or `describe`, with `.each(…)` and the like; what is skipped or still to do is no evidence. */
const isTest = (callee: string): boolean =>
  /^(it|test|describe)\b/.test(callee) && !/\.(skip|todo)\b/.test(callee);

/** The tests of a file whose names begin with an identifier. */
export function evidenceInTests(file: string, text: string): Evidence[] {
  const source = parse(text);
  return calls(source).flatMap((call) => {
    const id = identifier.exec(textOf(call.arguments[0])?.text ?? '')?.[0];
    if (id === undefined || !isTest(call.expression.getText(source))) return [];
    const line = source.getLineAndCharacterOfPosition(call.getStart(source)).line + 1;
    return [{ id, place: { file: `${file}:${line}`, message: id } }];
  });
}

/**
 * The checks of one cell. Where the identifier is not written in the call itself, it is looked for among the strings of
 * the cell, which is where a list of cases has it.
 */
export function evidenceInCell(file: string, cell: number, text: string): Evidence[] {
  const source = parse(text);
  const made = calls(source).filter((call) => call.expression.getText(source) === 'check');
  const written = made.map((call) => textOf(call.arguments[0]));
  const named = written.includes(undefined) ? [...descendants(source)].map(textOf) : written;
  return named.flatMap((name) => {
    const id = checkName.exec(name?.text ?? '')?.[1];
    return id === undefined ? [] : [{ id, place: { file, cell, message: id } }];
  });
}

/** Reads the list, the tests and the notebooks of a repository. */
export function readEvidence(root: string): {
  articles: Article[];
  evidence: Evidence[];
  notebooks: Set<string>;
} {
  const articles = JSON.parse(
    readFileSync(join(root, 'tools', 'checks', 'claims', 'claims.json'), 'utf8'),
  ) as Article[];
  const tests = readdirSync(join(root, 'lib', 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(root, 'lib', 'test', name));
  const notebooks = articles.filter(({ notebook }) => existsSync(notebookFile(root, notebook)));
  return {
    articles,
    evidence: [
      ...tests.flatMap((file) => evidenceInTests(relative(root, file), readFileSync(file, 'utf8'))),
      ...notebooks.flatMap(({ notebook }) => {
        const file = notebookFile(root, notebook);
        return codeCells(readNotebook(file)).flatMap(({ number, cell }) =>
          evidenceInCell(relative(root, file), number, sourceOf(cell)),
        );
      }),
    ],
    notebooks: new Set(notebooks.map(({ notebook }) => notebook)),
  };
}

const notebookFile = (root: string, name: string): string => join(root, 'notebooks', `${name}.ipynb`);

/** What is wrong: a claim of an article with a notebook that nothing covers, or evidence for a claim that is in no list. */
export function problemsOf(
  articles: readonly Article[],
  evidence: readonly Evidence[],
  notebooks: ReadonlySet<string>,
): string[] {
  const known = new Set(
    articles.flatMap(({ claims, experiments }) => [...Object.keys(claims), ...Object.keys(experiments)]),
  );
  const covered = new Set(evidence.map(({ id }) => id));
  const unknown = evidence
    .filter(({ id }) => !known.has(id))
    .map(({ id, place }) =>
      describeProblem({ ...place, message: `${id} is in no list of tools/checks/claims/claims.json` }),
    );
  const missing = articles
    .filter(({ notebook }) => notebooks.has(notebook))
    .flatMap(({ notebook, claims }) =>
      Object.entries(claims)
        .filter(([id]) => !covered.has(id))
        .map(
          ([id, claim]) =>
            `notebooks/${notebook}.ipynb: nothing covers ${id} (${claim}); name a test or a check ${id}`,
        ),
    );
  return [...new Set(unknown), ...missing];
}
