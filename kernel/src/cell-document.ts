/** A cell as a TypeScript module: its source, followed by what connects it with the cells before it. */
import ts from 'typescript';
import { OWN } from './insertions';

/** A name that a cell declares at its top level. */
export interface Declared {
  name: string;
  /** `let` and `var`, which later cells may assign. */
  assignable: boolean;
  /** Whether the source itself exports it under its name. */
  exported: boolean;
}

/** What a source says about names, found without types. */
export interface Outline {
  declared: Declared[];
  /** Everything that looks like a use of a name. */
  mentioned: Set<string>;
  /** Modules named by import, export, `import()` and `require()`. */
  modules: string[];
  /** Whether it changes types for all others: `declare global`, `declare module`. */
  augments: boolean;
  /** How deeply literals of arrays and objects are nested. */
  depth: number;
}

/** The module that a name of an earlier cell comes from. */
export interface Origin {
  /** Path of the virtual file, without extension, relative to the cell. */
  module: string;
  assignable: boolean;
}

const ASSIGNABLE = `${OWN}let_`;

export function outline(source: string): Outline {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.ESNext, false);
  const declared = new Map<string, Declared>();
  const exported = new Set<string>();
  const mentioned = new Set<string>();
  const modules: string[] = [];
  let augments = false;

  const declare = (name: ts.BindingName | undefined, assignable = false): void => {
    if (!name) return;
    if (ts.isIdentifier(name)) {
      if (name.text !== '') declared.set(name.text, { name: name.text, assignable, exported: false });
    } else {
      for (const element of name.elements)
        if (ts.isBindingElement(element)) declare(element.name, assignable);
    }
  };
  const declareAll = (list: ts.VariableDeclarationList): void => {
    const assignable = (list.flags & ts.NodeFlags.Constant) === 0;
    for (const { name } of list.declarations) declare(name, assignable);
  };
  const named = (specifier: ts.Expression | undefined): void => {
    if (specifier && ts.isStringLiteralLike(specifier)) modules.push(specifier.text);
  };

  for (const statement of file.statements) {
    const isExported =
      ts.canHaveModifiers(statement) &&
      statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) &&
      !statement.modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
    const before = new Set(declared.keys());
    if (ts.isVariableStatement(statement)) declareAll(statement.declarationList);
    else if (
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isEnumDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isImportEqualsDeclaration(statement)
    ) {
      declare(statement.name);
      if (isExported && statement.name) exported.add(statement.name.text);
    } else if (ts.isModuleDeclaration(statement)) {
      if (ts.isIdentifier(statement.name) && !(statement.flags & ts.NodeFlags.GlobalAugmentation)) {
        declare(statement.name);
        if (isExported) exported.add(statement.name.text);
      } else augments = true;
    } else if (ts.isImportDeclaration(statement)) {
      named(statement.moduleSpecifier);
      declare(statement.importClause?.name);
      const bindings = statement.importClause?.namedBindings;
      if (bindings && ts.isNamespaceImport(bindings)) declare(bindings.name);
      else bindings?.elements.forEach(({ name }) => declare(name));
    } else if (ts.isExportDeclaration(statement)) {
      named(statement.moduleSpecifier);
      if (!statement.moduleSpecifier && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
        for (const element of statement.exportClause.elements) exported.add(element.name.text);
      }
    }
    if (isExported) for (const name of declared.keys()) if (!before.has(name)) exported.add(name);
  }

  let depth = 0;
  const visit = (node: ts.Node, inFunction: boolean, level: number): void => {
    if (ts.isIdentifier(node)) mentioned.add(node.text);
    if (ts.isVariableDeclarationList(node) && !inFunction && (node.flags & ts.NodeFlags.BlockScoped) === 0) {
      declareAll(node); // `var` in a block belongs to the cell
    }
    if (ts.isCallExpression(node)) {
      const { expression } = node;
      const loads =
        expression.kind === ts.SyntaxKind.ImportKeyword ||
        (ts.isIdentifier(expression) && expression.text === 'require');
      if (loads) named(node.arguments[0]);
    }
    const inner = inFunction || ts.isFunctionLike(node) || ts.isModuleBlock(node);
    const isLiteral = ts.isArrayLiteralExpression(node) || ts.isObjectLiteralExpression(node);
    const below = isLiteral ? level + 1 : level;
    depth = Math.max(depth, below);
    ts.forEachChild(node, (child) => visit(child, inner, below));
  };
  visit(file, false, 0);
  for (const name of exported) {
    const known = declared.get(name);
    if (known) known.exported = true;
  }
  return { declared: [...declared.values()], mentioned, modules, augments, depth };
}

/**
 * The source of a cell with imports of what it uses of earlier cells, and exports of what it declares. All that is
 * added comes after the source, so that positions stay.
 */
export function cellDocument(
  source: string,
  { declared, mentioned }: Outline,
  origins: ReadonlyMap<string, Origin>,
): string {
  const own = new Set(declared.map(({ name }) => name));
  const imports = new Map<string, string[]>();
  let variables = '';
  for (const name of mentioned) {
    const origin = own.has(name) ? undefined : origins.get(name);
    if (!origin) continue;
    const list = imports.get(origin.module) ?? [];
    imports.set(origin.module, list);
    // An import cannot be assigned, a variable with the type of one can.
    list.push(origin.assignable ? `${name} as ${ASSIGNABLE}${name}` : name);
    if (origin.assignable) variables += `declare let ${name}: typeof ${ASSIGNABLE}${name};\n`;
  }
  const exports = declared.filter(({ exported }) => !exported);
  return [
    source,
    `export { ${exports.map(({ name }) => name).join(', ')} };`,
    ...[...imports].map(([module, names]) => `import { ${names.join(', ')} } from '${module}';`),
    variables,
  ].join('\n');
}
