/** Changes to a cell's code between TypeScript's checker and its execution. */
import type * as TypeScript from '@tslab/typescript-for-tslab';
import type { Ts } from './tslab-internals';

/** Names that the wrapper of a cell defines; see {@link wrapCell}. */
export const CHECKPOINT = '__liandanCheckpoint';
const BINDINGS = '__liandanBindings';
const BIND = '__liandanBind';

/** What a cell's code is called with. */
export type CellFunction = (
  exports: object,
  require: (id: string) => unknown,
  bind: (bindings: object) => void,
  checkpoint: () => void,
) => Promise<void>;

/**
 * Makes names of earlier cells properties of `exports`. tslab does that too, but breaks `{ x }` and
 * `const { x: y } = z` when `x` is such a name; nothing is left for it to rewrite after this.
 */
export function referToEarlierCells(
  ts: Ts,
  checker: TypeScript.TypeChecker,
  declarations: TypeScript.SourceFile,
): TypeScript.TransformerFactory<TypeScript.SourceFile> {
  const isEarlier = (symbol: TypeScript.Symbol | undefined): boolean =>
    symbol?.declarations?.some((declaration) => declaration.getSourceFile() === declarations) ?? false;

  return (context) => {
    const { factory } = context;
    const property = (name: TypeScript.Identifier): TypeScript.Expression =>
      ts.setTextRange(
        factory.createPropertyAccessExpression(
          factory.createIdentifier('exports'),
          factory.createIdentifier(name.text),
        ),
        name,
      );

    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (ts.isExpressionWithTypeArguments(node)) return ts.visitEachChild(node, visit, context);
      if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
        return node;
      if (ts.isShorthandPropertyAssignment(node)) {
        if (!isEarlier(checker.getShorthandAssignmentValueSymbol(node)))
          return ts.visitEachChild(node, visit, context);
        const initial = node.objectAssignmentInitializer;
        const value = initial
          ? factory.createAssignment(
              property(node.name),
              ts.visitNode(initial, visit) as TypeScript.Expression,
            )
          : property(node.name);
        return factory.createPropertyAssignment(factory.createIdentifier(node.name.text), value);
      }
      if (ts.isIdentifier(node) && isEarlier(checker.getSymbolAtLocation(node))) {
        // A new node has no symbol, so that tslab leaves it alone.
        if (!isReference(ts, node)) return ts.setTextRange(factory.createIdentifier(node.text), node);
        // `exports.f()` would pass `exports` as `this`.
        const called = ts.isCallExpression(node.parent) && node.parent.expression === node;
        return called
          ? factory.createParenthesizedExpression(
              factory.createComma(factory.createNumericLiteral(0), property(node)),
            )
          : property(node);
      }
      return ts.visitEachChild(node, visit, context);
    };
    return (file) => ts.visitEachChild(file, visit, context);
  };
}

/** Whether an identifier stands for a variable, and is not the name of a property, a label or a declaration. */
function isReference(ts: Ts, node: TypeScript.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name !== node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isPropertyDeclaration(parent)) {
    return parent.initializer === node;
  }
  return !(
    ts.isQualifiedName(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isExportSpecifier(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isAccessor(parent) ||
    ts.isLabeledStatement(parent) ||
    ts.isBreakOrContinueStatement(parent) ||
    ts.isMetaProperty(parent) ||
    ts.isJsxAttribute(parent)
  );
}

/**
 * Takes the export statements out of a cell's ES module and gives its names a function that returns accessors to
 * them. Accessors leave the variables ordinary local ones: loops over them run at full speed, functions of
 * the cell see what later cells assign, and reading a variable that was never reached throws.
 * Nothing moves, so that positions in the source map stay valid.
 */
export function exportByAccessors(ts: Ts, module: string): { code: string; names: string[] } {
  const file = ts.createSourceFile('cell.js', module, ts.ScriptTarget.ES2022, false);
  const names: string[] = [];
  let code = module;
  const blank = (start: number, end: number) => {
    code = code.slice(0, start) + code.slice(start, end).replace(/\S/g, ' ') + code.slice(end);
  };
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement) && !statement.moduleSpecifier) {
      const { exportClause } = statement;
      if (exportClause && ts.isNamedExports(exportClause)) {
        names.push(...exportClause.elements.map((element) => element.name.text));
      }
      blank(statement.getStart(file), statement.end);
    } else if (ts.isVariableStatement(statement)) {
      const modifier = statement.modifiers?.find(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
      if (!modifier) continue;
      for (const { name } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name)) names.push(name.text);
      }
      blank(modifier.getStart(file), modifier.end);
    }
  }
  const accessors = names.map(
    (name) => `get ${name}() { return ${name}; }, set ${name}(value) { ${name} = value; }`,
  );
  return {
    code: `${code}\nfunction ${BINDINGS}() { return { ${accessors.join(', ')} }; }\nexport {};\n`,
    names,
  };
}

/**
 * Calls the checkpoint in each loop and each function, so that Interrupt also stops code that never looks at the
 * abort signal and never returns to the event loop.
 */
export function insertCheckpoints(ts: Ts): TypeScript.TransformerFactory<TypeScript.SourceFile> {
  return (context) => {
    const { factory } = context;
    const guard = (body: TypeScript.Node): TypeScript.Node => {
      const call = ts.setSourceMapRange(
        factory.createCallExpression(factory.createIdentifier(CHECKPOINT), undefined, []),
        ts.getSourceMapRange(body),
      );
      if (ts.isBlock(body)) {
        return factory.updateBlock(body, [factory.createExpressionStatement(call), ...body.statements]);
      }
      if (ts.isStatement(body))
        return factory.createBlock([factory.createExpressionStatement(call), body], true);
      return factory.createParenthesizedExpression(factory.createComma(call, body as TypeScript.Expression));
    };
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      if (ts.isFunctionDeclaration(node) && node.name?.text === BINDINGS) return node;
      const body = repeatedPart(ts, node);
      const visitChild = (child: TypeScript.Node): TypeScript.Node =>
        child === body ? guard(visit(child)) : visit(child);
      return ts.visitEachChild(node, visitChild, context);
    };
    return (file) => ts.visitEachChild(file, visit, context);
  };
}

function repeatedPart(ts: Ts, node: TypeScript.Node): TypeScript.Node | undefined {
  if (ts.isIterationStatement(node, false)) return node.statement;
  return ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
}

/** The program that defines the cell's function. Its first line is not the cell's. */
export function wrapCell(code: string): string {
  return `(async function (exports, require, ${BIND}, ${CHECKPOINT}) { "use strict"; ${BIND}(${BINDINGS}());\n${code}\n})`;
}
