import ts from 'typescript';
import { codeCells, hasTag, sourceOf, type Notebook } from '../cells/notebook';
import { calls, descendants, parse, textOf, type Text } from '../cells/syntax';

/** The identifier of a check, or only its claim. */
interface WrittenCheck {
  readonly id: string;
  readonly isComplete: boolean;
}

/** A statement at the top level of a cell. */
interface Unit {
  readonly cell: number;
  readonly text: string;
  /** Names of the top level that it reads. */
  readonly uses: Set<ts.Symbol>;
  /** Names of the top level whose values it may change. */
  readonly touches: Set<ts.Symbol>;
  /** Texts and beginnings of texts in it, among which are identifiers of checks. */
  readonly strings: readonly Text[];
  /** Identifiers of the checks that it makes, as far as they are written; undefined for one that is a variable. */
  readonly checks: readonly (Text | undefined)[];
}

/** What must run for some checks: statements with the cells they come from, in their order. */
export type Slice = readonly { readonly cell: number; readonly text: string }[];

/** Methods that leave their object as it is, or as good as it is. */
const HARMLESS = new Set(
  (
    'map filter reduce reduceRight find findIndex findLast findLastIndex some every flatMap flat slice concat join at ' +
    'includes indexOf lastIndexOf keys values entries forEach get has toSorted toReversed toSpliced with toFixed ' +
    'toPrecision toExponential toLocaleString toString padStart padEnd repeat replace replaceAll split startsWith ' +
    'endsWith trim toLowerCase toUpperCase subarray apply array arraySync data dataSync dispose then'
  ).split(' '),
);

/** Functions of the library that change what they are given: its positional arguments, and these properties. */
const CHANGES = /^(train|fit|minimize|load|restore|resume|apply|assign|set|update|dispose)/;
const CHANGED = new Set(['model', 'models', 'network', 'optimizer', 'optimizers', 'random', 'stream']);

const FILE = 'cells.ts';

/**
 * The statements of a notebook, and which of them others need.
 *
 * A statement is needed if a needed one uses what it declares, or if it may change what a needed one uses later: assigns
 * to it, calls a method of it, hands it to a function that changes its arguments, or refers to a function that does so.
 * What a cell tagged `raises-exception` declares is lost, so it is left out.
 */
export class Statements {
  private readonly units: Unit[] = [];
  private readonly declaredBy = new Map<ts.Symbol, number>();

  constructor(notebook: Notebook) {
    const cells = codeCells(notebook).filter(({ cell }) => !hasTag(cell, 'raises-exception'));
    const ends: { cell: number; end: number }[] = [];
    let text = '';
    for (const { number, cell } of cells) {
      text += `${sourceOf(cell)}\n;\n`;
      ends.push({ cell: number, end: text.length });
    }
    const { file, checker } = parseAlone(text);
    const statements = file.statements.filter((statement) => !ts.isEmptyStatement(statement));
    statements.forEach((statement, index) => {
      for (const name of declaredNames(statement)) {
        const symbol = checker.getSymbolAtLocation(name);
        if (symbol) this.declaredBy.set(symbol, index);
      }
    });
    const scope = new Scope(checker, statements, this.declaredBy);
    for (const [index, statement] of statements.entries()) {
      const { cell } = ends.find(({ end }) => statement.getStart(file) < end)!;
      this.units.push({
        cell,
        text: statement.getText(file),
        uses: scope.uses(statement),
        touches: scope.touches(index),
        strings: [...descendants(statement)].flatMap((node) => textOf(node) ?? []),
        checks: checkCalls(statement).map((call) => textOf(call.arguments[0])),
      });
    }
  }

  /**
   * The checks that stand in the source. Of those with a computed ending, such as `LI-5/beta${beta}`, it is the claim,
   * `LI-5`; of those whose identifiers come from a list, the identifiers in their cell.
   */
  get writtenChecks(): WrittenCheck[] {
    return this.units.flatMap(({ cell, checks }) =>
      checks.flatMap((id): WrittenCheck[] => {
        if (id?.isComplete) return [{ id: id.text, isComplete: true }];
        const claim = /^[A-Z]{2}-[A-Z]?\d+(?=\/)/.exec(id?.text ?? '')?.[0];
        if (id) return claim === undefined ? [] : [{ id: claim, isComplete: false }];
        const others = this.units.filter((unit) => unit.cell === cell).flatMap(({ strings }) => strings);
        return others
          .filter(({ text, isComplete }) => isComplete && /^[A-Z]{2}-[A-Z]?\d+(\/[\w.+-]+)*$/.test(text))
          .map(({ text }) => ({ id: text, isComplete: true }));
      }),
    );
  }

  /** The whole notebook. */
  all(): Slice {
    return this.units;
  }

  /**
   * What the named checks need.
   *
   * @param names identifiers, or beginnings of identifiers up to a slash
   */
  neededBy(names: readonly string[]): Slice {
    const needed = new Set<number>();
    const spoken = this.units.map(({ strings }) =>
      strings.some((string) => names.some((name) => isNamed(string, name))),
    );
    this.units.forEach((unit, index) => {
      // Where identifiers come from a list of cases, the check stands in another statement.
      if (spoken[index]) needed.add(index);
      else if (unit.checks.includes(undefined)) {
        const below = this.close(new Set([index]));
        if ([...below].some((other) => other !== index && spoken[other])) needed.add(index);
      }
    });
    return [...this.close(needed)].sort((a, b) => a - b).map((index) => this.units[index]!);
  }

  /** Adds what is needed until nothing is missing. */
  private close(needed: Set<number>): Set<number> {
    for (let size = -1; size !== needed.size;) {
      size = needed.size;
      const lastUse = new Map<ts.Symbol, number>();
      for (const index of needed) {
        for (const symbol of this.units[index]!.uses) {
          const declared = this.declaredBy.get(symbol);
          if (declared !== undefined) needed.add(declared);
          lastUse.set(symbol, Math.max(index, lastUse.get(symbol) ?? -1));
        }
      }
      this.units.forEach(({ touches }, index) => {
        if ([...touches].some((symbol) => index < (lastUse.get(symbol) ?? -1))) needed.add(index);
      });
    }
    return needed;
  }
}

const isCheckId = /^[A-Z]{2}-[A-Z]?\d/;

function isNamed({ text, isComplete }: Text, name: string): boolean {
  if (!isCheckId.test(text)) return false;
  if (text === name || text.startsWith(`${name}/`)) return true;
  return !isComplete && name.startsWith(text);
}

const checkCalls = (statement: ts.Node): ts.CallExpression[] =>
  calls(statement).filter(({ expression }) => ts.isIdentifier(expression) && expression.text === 'check');

/** One file alone: names are resolved in it, types are not needed. */
function parseAlone(text: string): { file: ts.SourceFile; checker: ts.TypeChecker } {
  const file = parse(text, FILE);
  const program = ts.createProgram(
    [FILE],
    { noLib: true, noResolve: true, types: [], target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    {
      ...ts.createCompilerHost({}),
      getSourceFile: (name) => (name === FILE ? file : undefined),
      fileExists: (name) => name === FILE,
    },
  );
  return { file, checker: program.getTypeChecker() };
}

function declaredNames(statement: ts.Statement): ts.Identifier[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(name));
  if (
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isEnumDeclaration(statement)
  )
    return statement.name ? [statement.name] : [];
  if (!ts.isImportDeclaration(statement)) return [];
  const { name, namedBindings } = statement.importClause ?? {};
  const more = namedBindings
    ? ts.isNamedImports(namedBindings)
      ? namedBindings.elements.map((element) => element.name)
      : [namedBindings.name]
    : [];
  return name ? [name, ...more] : more;
}

function boundNames(name: ts.BindingName): ts.Identifier[] {
  if (ts.isIdentifier(name)) return [name];
  return name.elements.flatMap((element) =>
    ts.isOmittedExpression(element) ? [] : boundNames(element.name),
  );
}

/** The object at the beginning of `a.b[i].c()`: `a`. */
function rootOf(node: ts.Node): ts.Identifier | undefined {
  if (ts.isIdentifier(node)) return node;
  if (
    ts.isPropertyAccessExpression(node) ||
    ts.isElementAccessExpression(node) ||
    ts.isCallExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isParenthesizedExpression(node) ||
    ts.isAwaitExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isSpreadElement(node)
  )
    return rootOf(node.expression);
  return undefined;
}

/** What statements do to the names of the top level. */
class Scope {
  /** What happens when a function is called that a statement declares, as far as the statement itself says. */
  private readonly closures: Set<ts.Symbol>[];
  private readonly direct: Set<ts.Symbol>[];
  private readonly references: Set<ts.Symbol>[];

  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly statements: readonly ts.Statement[],
    private readonly declaredBy: ReadonlyMap<ts.Symbol, number>,
  ) {
    this.references = statements.map((statement) => this.uses(statement));
    this.direct = statements.map((statement) => this.changes(statement));
    this.closures = statements.map((statement, index) =>
      isResult(statement) ? new Set<ts.Symbol>() : this.direct[index]!,
    );
  }

  uses(statement: ts.Node): Set<ts.Symbol> {
    const found = new Set<ts.Symbol>();
    for (const node of descendants(statement)) {
      const symbol = ts.isIdentifier(node) ? this.symbol(node) : undefined;
      for (const one of this.withOrigins(symbol)) if (this.declaredBy.has(one)) found.add(one);
    }
    return found;
  }

  /** A name, and what its value is a part of: of `const first = models[0]` also `models`. */
  private withOrigins(symbol: ts.Symbol | undefined): Set<ts.Symbol> {
    const found = new Set<ts.Symbol>();
    let next = symbol;
    while (next && !found.has(next) && !this.isImported(next)) {
      found.add(next);
      const source = next.declarations?.map(originOf).find((origin) => origin !== undefined);
      const root = source && rootOf(source);
      next = root && this.symbol(root);
    }
    return symbol ? found.add(symbol) : found;
  }

  /** With what the functions do that it refers to, and the functions that these refer to. */
  touches(index: number): Set<ts.Symbol> {
    const found = new Set(this.direct[index]);
    const seen = new Set([index]);
    const open = [...this.references[index]!];
    for (let symbol = open.pop(); symbol; symbol = open.pop()) {
      const declared = this.declaredBy.get(symbol)!;
      if (seen.has(declared) || isResult(this.statements[declared]!)) continue;
      seen.add(declared);
      for (const one of this.closures[declared]!) found.add(one);
      open.push(...this.references[declared]!);
    }
    return found;
  }

  private symbol(name: ts.Identifier): ts.Symbol | undefined {
    const { parent } = name;
    if (ts.isShorthandPropertyAssignment(parent))
      return this.checker.getShorthandAssignmentValueSymbol(parent);
    return this.checker.getSymbolAtLocation(name);
  }

  /** Names of the top level, and of parameters, that a node may change. */
  private changes(node: ts.Node): Set<ts.Symbol> {
    const found = new Set<ts.Symbol>();
    const add = (target: ts.Node) => {
      const root = rootOf(target);
      const symbol = root && this.symbol(root);
      if (symbol && !this.isImported(symbol)) for (const one of this.withOrigins(symbol)) found.add(one);
    };
    for (const inner of descendants(node)) {
      if (ts.isBinaryExpression(inner) && isAssignment(inner)) assigned(inner.left).forEach(add);
      else if (ts.isPrefixUnaryExpression(inner) || ts.isPostfixUnaryExpression(inner)) {
        const { operator } = inner;
        if (operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken)
          add(inner.operand);
      } else if (ts.isDeleteExpression(inner)) add(inner.expression);
      else if (ts.isCallExpression(inner)) this.changedByCall(inner).forEach(add);
    }
    return found;
  }

  private changedByCall({ expression, arguments: given }: ts.CallExpression): ts.Node[] {
    if (ts.isPropertyAccessExpression(expression))
      return HARMLESS.has(expression.name.text) ? [] : [expression.expression];
    if (!ts.isIdentifier(expression)) return [];
    const symbol = this.symbol(expression);
    if (!symbol) return [];
    if (this.isImported(symbol)) return CHANGES.test(expression.text) ? given.flatMap(changedArguments) : [];
    const body = this.declaredBy.has(symbol) ? this.statements[this.declaredBy.get(symbol)!] : undefined;
    // A function of the notebook that changes one of its parameters is taken to change all that it is given.
    return body && this.changesParameters(body) ? given.flatMap(namesGiven) : [];
  }

  private readonly parameterChanges = new Map<ts.Node, boolean>();

  private changesParameters(statement: ts.Node): boolean {
    const known = this.parameterChanges.get(statement);
    if (known !== undefined) return known;
    // Functions that call each other in a circle.
    this.parameterChanges.set(statement, false);
    const changed = [...this.changes(statement)].some((symbol) =>
      symbol.declarations?.some((declaration) => ts.isParameter(outermost(declaration))),
    );
    this.parameterChanges.set(statement, changed);
    return changed;
  }

  private isImported(symbol: ts.Symbol): boolean {
    const declared = this.declaredBy.get(symbol);
    return declared !== undefined && ts.isImportDeclaration(this.statements[declared]!);
  }
}

/** Whether the names that a statement declares hold results, not functions that can do something later. */
function isResult(statement: ts.Statement): boolean {
  if (!ts.isVariableStatement(statement))
    return !ts.isFunctionDeclaration(statement) && !ts.isClassDeclaration(statement);
  return statement.declarationList.declarations.every(
    ({ initializer }) => initializer !== undefined && ts.isAwaitExpression(initializer),
  );
}

/** The declaration that a name in a pattern belongs to. */
function outermost(declaration: ts.Node): ts.Node {
  let node = declaration;
  while (ts.isBindingElement(node) || ts.isObjectBindingPattern(node) || ts.isArrayBindingPattern(node))
    node = node.parent;
  return node;
}

/** Where the value of a local name comes from: what a loop or a method goes through, or what it is taken out of. */
function originOf(declaration: ts.Node): ts.Node | undefined {
  const node = outermost(declaration);
  if (ts.isVariableDeclaration(node)) {
    const loop = node.parent.parent;
    return ts.isForOfStatement(loop) ? loop.expression : node.initializer;
  }
  if (!ts.isParameter(node)) return undefined;
  const call = node.parent.parent;
  return ts.isCallExpression(call) && ts.isPropertyAccessExpression(call.expression)
    ? call.expression.expression
    : undefined;
}

function isAssignment({ operatorToken }: ts.BinaryExpression): boolean {
  const { kind } = operatorToken;
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

/** The targets of an assignment, those of a pattern one by one. */
function assigned(target: ts.Expression): ts.Node[] {
  if (ts.isArrayLiteralExpression(target)) return target.elements.flatMap(assigned);
  if (!ts.isObjectLiteralExpression(target)) return [target];
  return target.properties.flatMap((property) => {
    if (ts.isShorthandPropertyAssignment(property)) return [property.name];
    return ts.isPropertyAssignment(property) ? assigned(property.initializer) : [];
  });
}

function changedArguments(argument: ts.Expression): ts.Node[] {
  if (!ts.isObjectLiteralExpression(argument)) return namesGiven(argument);
  return argument.properties.flatMap((property) => {
    const name = property.name && ts.isIdentifier(property.name) ? property.name.text : undefined;
    if (name === undefined || !CHANGED.has(name)) return [];
    if (ts.isShorthandPropertyAssignment(property)) return [property.name];
    return ts.isPropertyAssignment(property) ? namesGiven(property.initializer) : [];
  });
}

/** The objects that an argument hands over. */
function namesGiven(argument: ts.Expression): ts.Node[] {
  if (ts.isArrayLiteralExpression(argument)) return argument.elements.flatMap(namesGiven);
  if (!ts.isObjectLiteralExpression(argument)) return [argument];
  return argument.properties.flatMap((property) => {
    if (ts.isShorthandPropertyAssignment(property)) return [property.name];
    if (ts.isSpreadAssignment(property)) return [property.expression];
    return ts.isPropertyAssignment(property) ? namesGiven(property.initializer) : [];
  });
}
