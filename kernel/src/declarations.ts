import type * as TypeScript from '@tslab/typescript-for-tslab';
import type { Ts } from './tslab-internals';

/**
 * Declarations after a cell that failed half-way: what it reached is defined, what it did not reach is as before.
 *
 * @param before Declarations before the cell.
 * @param after Declarations that the whole cell would have led to.
 * @param unreached Names of the cell that got no value.
 */
export function declarationsAfterFailure(
  ts: Ts,
  before: string,
  after: string,
  unreached: ReadonlySet<string>,
): string {
  return (
    select(ts, after, (name) => !unreached.has(name)) + select(ts, before, (name) => unreached.has(name))
  );
}

/** `import 'module'` declares no name that could be unreached. */
const NAMELESS = '';

function select(ts: Ts, declarations: string, wanted: (name: string) => boolean): string {
  const file = ts.createSourceFile('declarations.d.ts', declarations, ts.ScriptTarget.ES2022, true);
  const printer = ts.createPrinter({ newLine: ts.NewLineKind.LineFeed });
  return file.statements
    .flatMap((statement) => reduce(ts, statement, wanted) ?? [])
    .map((statement) => `${printer.printNode(ts.EmitHint.Unspecified, statement, file)}\n`)
    .join('');
}

function reduce(
  ts: Ts,
  statement: TypeScript.Statement,
  wanted: (name: string) => boolean,
): TypeScript.Statement | undefined {
  const { factory } = ts;
  if (ts.isVariableStatement(statement)) {
    const list = statement.declarationList;
    const kept = list.declarations.filter(({ name }) => ts.isIdentifier(name) && wanted(name.text));
    return kept.length === 0
      ? undefined
      : factory.updateVariableStatement(
          statement,
          statement.modifiers,
          factory.updateVariableDeclarationList(list, kept),
        );
  }
  if (ts.isImportDeclaration(statement)) return reduceImport(ts, statement, wanted);
  const { name } = statement as { name?: TypeScript.Node };
  return name && ts.isIdentifier(name) && wanted(name.text) ? statement : undefined;
}

function reduceImport(
  ts: Ts,
  statement: TypeScript.ImportDeclaration,
  wanted: (name: string) => boolean,
): TypeScript.ImportDeclaration | undefined {
  const { factory } = ts;
  const clause = statement.importClause;
  if (!clause) return wanted(NAMELESS) ? statement : undefined;
  const name = clause.name && wanted(clause.name.text) ? clause.name : undefined;
  let bindings = clause.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) {
    if (!wanted(bindings.name.text)) bindings = undefined;
  } else if (bindings) {
    const elements = bindings.elements.filter((element) => wanted(element.name.text));
    bindings = elements.length > 0 ? factory.updateNamedImports(bindings, elements) : undefined;
  }
  if (!name && !bindings) return undefined;
  return factory.updateImportDeclaration(
    statement,
    statement.modifiers,
    factory.updateImportClause(clause, clause.isTypeOnly, name, bindings),
    statement.moduleSpecifier,
    statement.assertClause,
  );
}
