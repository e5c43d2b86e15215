/** From checked TypeScript to the code that the kernel runs. */
import ts from 'typescript';
import {
  bodyOf,
  breaks,
  isAmbientInCell,
  isAssignment,
  isDeclaration,
  isDirective,
  isOfMath,
  isOnce,
  isReference,
  isTarget,
  loops,
  mayTakeLong,
  some,
  stepOf,
  waits,
  type Count,
} from './syntax';
import { NAME, OWN } from './insertions';

/** A variable that code outside can read, and may be able to assign. */
export interface Binding {
  name: string;
  expression: string;
  assignable: boolean;
  /** Its value is copied where it changes, because a variable that an accessor captures is slow. */
  copied?: boolean;
}

/** A name of an earlier cell whose value cannot change. */
export interface Alias {
  name: string;
  /** Index in `earlier`. */
  cell: number;
}

/** What the code needs to run, and what it gives. */
export interface Transformed {
  /** Modules in the order in which they are loaded before the code runs. */
  imports: string[];
  /** Modules of `imports` whose exports are passed on: `export * from`. */
  reexports: number[];
  /** Modules of earlier cells whose variables it uses. */
  earlier: string[];
  aliases: Alias[];
  bindings: Binding[];
  /** Whether it has to wait at its top level. */
  waits: boolean;
}

interface Options {
  checker: ts.TypeChecker;
  file: ts.SourceFile;
  /** Where the source ends and what the kernel added begins. */
  end: number;
  /** A cell gives all its names and its last value; a module gives its exports. */
  kind: 'cell' | 'module';
}

/** Iterations of a loop between two looks at the flag, less one; a power of two, less one. */
const COUNTER_MASK = 31;
/** How far a loop counts between two looks at the flag. */
const PIECE = 1024;
const UPWARD = new Set([ts.SyntaxKind.LessThanToken, ts.SyntaxKind.LessThanEqualsToken]);
const DOWNWARD = new Set([ts.SyntaxKind.GreaterThanToken, ts.SyntaxKind.GreaterThanEqualsToken]);

/** What has a value that nothing can change. */
const FIXED =
  ts.SymbolFlags.Function | ts.SymbolFlags.Class | ts.SymbolFlags.Enum | ts.SymbolFlags.ValueModule;

/** The transformers of one emit, and what they found out, complete once the file is emitted. */
export function transformers({ checker, file, end, kind }: Options): {
  result: Transformed;
  transformers: ts.CustomTransformers;
} {
  const result: Transformed = {
    imports: [],
    reexports: [],
    earlier: [],
    aliases: [],
    bindings: [],
    waits: false,
  };
  const isCell = kind === 'cell';

  const transform: ts.TransformerFactory<ts.SourceFile> = (context) => {
    const { factory } = context;
    /** Added by the kernel; what is between two statements counts as the beginning of the second. */
    const isAdded = (statement: ts.Statement) => isCell && statement.getStart(file) >= end;
    const id = (text: string) => factory.createIdentifier(text);
    const property = (object: string, name: string) =>
      factory.createPropertyAccessExpression(id(object), name);
    /** The variable's place for names that come from a module or an earlier cell. */
    const places = new Map<ts.Symbol, () => ts.Expression>();
    /** Variables of earlier cells that may be assigned. */
    const earlierLets = new Map<ts.Symbol, { name: string; place: ts.Expression }>();
    const indices = new Map<string, number>();

    const indexOf = (specifier: ts.Expression): number => {
      const name = (specifier as ts.StringLiteral).text;
      const known = indices.get(name);
      if (known !== undefined) return known;
      indices.set(name, result.imports.length);
      return result.imports.push(name) - 1;
    };
    const hasValue = (symbol: ts.Symbol): boolean => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return (target.flags & ts.SymbolFlags.Value) !== 0;
    };

    /** Notes where the names of an import come from. */
    const readImport = (statement: ts.ImportDeclaration): void => {
      const clause = statement.importClause;
      if (clause?.isTypeOnly) return;
      const isEarlier = isAdded(statement);
      const named = clause?.namedBindings;
      const elements = named && ts.isNamedImports(named) ? named.elements : [];
      if (isEarlier) {
        const module = (statement.moduleSpecifier as ts.StringLiteral).text;
        const variable = `${OWN}c${result.earlier.length}`;
        let isUsed = false;
        for (const { name, propertyName } of elements) {
          const local = propertyName ? declaredBelow.get(propertyName.text) : symbolOf(name);
          if (!local || !isGiven(name)) continue;
          isUsed = true;
          const { text } = propertyName ?? name;
          if (!propertyName && isFixed(local))
            result.aliases.push({ name: text, cell: result.earlier.length });
          else places.set(local, () => property(variable, text));
          if (propertyName) earlierLets.set(local, { name: text, place: property(variable, text) });
        }
        if (isUsed) result.earlier.push(module);
        return;
      }
      const index = indexOf(statement.moduleSpecifier);
      const bind = (name: ts.Identifier, object: string, key?: string) => {
        const symbol = symbolOf(name);
        if (!symbol || !hasValue(symbol)) return;
        places.set(symbol, () => (key === undefined ? id(object) : property(object, key)));
        const expression = key === undefined ? object : `${object}[${JSON.stringify(key)}]`;
        if (isCell) result.bindings.push({ name: name.text, expression, assignable: false });
      };
      if (clause?.name) bind(clause.name, `${OWN}d${index}`, 'default');
      if (named && ts.isNamespaceImport(named)) bind(named.name, `${OWN}m${index}`);
      for (const { name, propertyName, isTypeOnly } of elements) {
        if (isTypeOnly) continue;
        const key = (propertyName ?? name).text;
        bind(name, key === 'default' ? `${OWN}d${index}` : `${OWN}n${index}`, key);
      }
    };

    const symbolOf = (name: ts.Node) => checker.getSymbolAtLocation(name);
    /** The variable that a name stands for, in `{ name }` too, where the name is also that of a property. */
    const variableOf = (name: ts.Identifier) =>
      ts.isShorthandPropertyAssignment(name.parent)
        ? checker.getShorthandAssignmentValueSymbol(name.parent)
        : symbolOf(name);
    /** Whether an earlier cell gave a name a value that can be reached from here. */
    const isGiven = (name: ts.Identifier): boolean => {
      const symbol = symbolOf(name);
      if (!symbol || !hasValue(symbol)) return false;
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return !isAmbientInCell(target);
    };
    /** Whether a name has the same value for ever, unlike `let` and what a module may assign. */
    const isFixed = (symbol: ts.Symbol): boolean => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const { flags, valueDeclaration } = target;
      if (flags & FIXED) return true;
      return (
        valueDeclaration !== undefined &&
        (ts.getCombinedNodeFlags(valueDeclaration) & ts.NodeFlags.Constant) !== 0
      );
    };
    const declaredBelow = new Map<string, ts.Symbol>();
    for (const statement of file.statements) {
      if (!isAdded(statement) || !ts.isVariableStatement(statement)) continue;
      for (const { name } of statement.declarationList.declarations) {
        const symbol = symbolOf(name);
        if (symbol && ts.isIdentifier(name)) declaredBelow.set(name.text, symbol);
      }
    }

    const placeOf = (symbol: ts.Symbol | undefined) => symbol && places.get(symbol);

    const probe = (at: ts.Node, flag: string, stop: string): ts.Expression =>
      ts.setSourceMapRange(
        factory.createElementAccessExpression(id(stop), factory.createElementAccessExpression(id(flag), 0)),
        ts.getSourceMapRange(at),
      );
    const probeInLoop = (loop: ts.IterationStatement, own: Count | undefined): ts.Expression => {
      const look = probe(loop.statement, NAME.localFlag, NAME.localStop);
      if (isLong(loop)) return look;
      const mask = (value: ts.Expression, bits: number) =>
        factory.createBitwiseAnd(value, factory.createNumericLiteral(bits));
      const count = own
        ? mask(id(own.name.text), COUNTER_MASK * (own.step & -own.step))
        : factory.createAssignment(
            id(NAME.counter),
            mask(factory.createAdd(id(NAME.counter), factory.createNumericLiteral(1)), COUNTER_MASK),
          );
      return factory.createLogicalOr(factory.createParenthesizedExpression(count), look);
    };
    /**
     * The number that a loop counts itself by equal steps: of its bits, those from the lowest of the step on go through
     * all values. To count once more takes as long as a small loop does.
     */
    const ownCounter = (loop: ts.IterationStatement): Count | undefined => {
      if (!ts.isForStatement(loop) || !loop.incrementor || !loop.initializer) return undefined;
      const { initializer, incrementor, condition, statement } = loop;
      const counted = stepOf(incrementor);
      const symbol = counted && symbolOf(counted.name);
      const isOwn =
        ts.isVariableDeclarationList(initializer) &&
        (initializer.flags & ts.NodeFlags.Let) !== 0 &&
        initializer.declarations.some(({ name }) => symbolOf(name) === symbol);
      if (!counted || !symbol || !isOwn) return undefined;
      if ((checker.getTypeAtLocation(counted.name).flags & ts.TypeFlags.NumberLike) === 0) return undefined;
      const isChanged = [statement, condition].some((part) => {
        const uses = part && usesIn(part, new Map([[symbol, undefined]]));
        return uses && uses.assigned.size + uses.captured.size > 0;
      });
      return isChanged ? undefined : counted;
    };
    /**
     * A loop that counts to a fixed end, cut into pieces, between which it looks: V8 leaves the pieces as fast as they are.
     * `for (let i = 0; i < n; i++) …` becomes `for (let i = 0; i < n;) for (const piece = (…, n - i > 1024 ? i + 1024 : n);
     * i < piece; i++) …`.
     */
    const inPieces = (loop: ts.IterationStatement, own: Count | undefined): ts.Statement | undefined => {
      if (!own || !ts.isForStatement(loop) || isLong(loop) || ts.isLabeledStatement(loop.parent))
        return undefined;
      const { initializer, condition, incrementor, statement } = loop;
      if (!condition || !ts.isBinaryExpression(condition) || breaks(statement)) return undefined;
      const { left, right: end, operatorToken } = condition;
      const goesUp = UPWARD.has(operatorToken.kind);
      const fits = goesUp ? own.adds : DOWNWARD.has(operatorToken.kind) && !own.adds;
      if (!fits || !ts.isIdentifier(left) || left.text !== own.name.text || !isConstant(end))
        return undefined;
      const i = () => id(own.name.text);
      const to = () => ts.visitNode(end, visit) as ts.Expression;
      const length = () => factory.createNumericLiteral(PIECE);
      const rest = goesUp ? factory.createSubtract(to(), i()) : factory.createSubtract(i(), to());
      const next = factory.createConditionalExpression(
        factory.createGreaterThan(rest, length()),
        undefined,
        goesUp ? factory.createAdd(i(), length()) : factory.createSubtract(i(), length()),
        undefined,
        to(),
      );
      const look = probe(statement, NAME.localFlag, NAME.localStop);
      const piece = variable(
        NAME.piece,
        factory.createParenthesizedExpression(factory.createComma(look, next)),
      );
      const inner = factory.createForStatement(
        factory.createVariableDeclarationList([piece], ts.NodeFlags.Const),
        factory.createBinaryExpression(i(), operatorToken.kind, id(NAME.piece)),
        ts.visitNode(incrementor, visit) as ts.Expression,
        ts.visitNode(statement, visit) as ts.Statement,
      );
      return factory.updateForStatement(
        loop,
        ts.visitNode(initializer, visit) as ts.ForInitializer,
        ts.visitNode(condition, visit) as ts.Expression,
        undefined,
        inner,
      );
    };
    /** Whether an expression is a number that nothing changes. */
    const isConstant = (node: ts.Expression): boolean => {
      if (ts.isNumericLiteral(node)) return true;
      const symbol = ts.isIdentifier(node) && symbolOf(node);
      if (!symbol || (checker.getTypeAtLocation(node).flags & ts.TypeFlags.NumberLike) === 0) return false;
      return isFixed(symbol) || (isLocal(symbol) && !assignedAnywhere().has(symbol));
    };
    /** A parameter of a function here, or a variable inside of one. */
    const isLocal = ({ valueDeclaration: declaration }: ts.Symbol): boolean =>
      declaration !== undefined &&
      declaration.getSourceFile() === file &&
      ts.findAncestor(declaration, ts.isFunctionLike) !== undefined;
    let assigned: Set<ts.Symbol> | undefined;
    const assignedAnywhere = (): Set<ts.Symbol> => {
      if (assigned) return assigned;
      const found = (assigned = new Set<ts.Symbol>());
      const find = (node: ts.Node): void => {
        if (ts.isIdentifier(node) && isTarget(node)) {
          const symbol = variableOf(node);
          if (symbol) found.add(symbol);
        }
        ts.forEachChild(node, find);
      };
      find(file);
      return found;
    };
    const variable = (name: string, value: ts.Expression) =>
      factory.createVariableDeclaration(name, undefined, undefined, value);
    const declareLet = (...declarations: ts.VariableDeclaration[]) =>
      factory.createVariableStatement(
        undefined,
        factory.createVariableDeclarationList(declarations, ts.NodeFlags.Let),
      );
    /** What the loops of a function look at, in variables of its own, which V8 keeps in registers. */
    const forLoops = () =>
      declareLet(
        variable(NAME.counter, factory.createNumericLiteral(0)),
        variable(NAME.localFlag, id(NAME.flag)),
        variable(NAME.localStop, id(NAME.stop)),
      );

    const guardLoop = (loop: ts.IterationStatement, own: Count | undefined): ts.Statement => {
      const ask = factory.createExpressionStatement(probeInLoop(loop, own));
      const visited = ts.visitNode(loop.statement, visit) as ts.Statement;
      return ts.isBlock(visited)
        ? factory.updateBlock(visited, [ask, ...visited.statements])
        : factory.createBlock([ask, visited], true);
    };
    const guardFunction = (body: ts.Node): ts.Node => {
      const visited = ts.visitNode(body, visit);
      const ask = mayTakeLong(body) ? probe(body, NAME.flag, NAME.stop) : undefined;
      if (!ts.isBlock(visited)) {
        if (!ask) return visited;
        return factory.createParenthesizedExpression(factory.createComma(ask, visited as ts.Expression));
      }
      const first = visited.statements.findIndex((statement) => !isDirective(statement));
      const prologue = first < 0 ? [...visited.statements] : visited.statements.slice(0, first);
      return factory.updateBlock(visited, [
        ...prologue,
        ...(ask ? [factory.createExpressionStatement(ask)] : []),
        ...(loops(body) ? [forLoops()] : []),
        ...(first < 0 ? [] : visited.statements.slice(first)),
      ]);
    };

    /** Whether a loop does work that may take long each time, or comes back to the event loop. */
    const isLong = (node: ts.Node): boolean =>
      waits(node) || some(node, (inner) => ts.isYieldExpression(inner) || isLongCall(inner));
    const shortFunctions = new Map<ts.Node, boolean>();
    const isLongCall = (node: ts.Node): boolean => {
      if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return ts.isTaggedTemplateExpression(node);
      if (ts.isCallExpression(node) && isOfMath(node)) return false;
      const declaration = checker.getResolvedSignature(node)?.declaration;
      const body = declaration && bodyOf(declaration);
      if (!body) return true;
      const known = shortFunctions.get(body);
      if (known !== undefined) return !known;
      shortFunctions.set(body, false); // in case it calls itself
      const isShort = !loops(body) && !isLongCall(body) && !isLong(body);
      shortFunctions.set(body, isShort);
      return !isShort;
    };

    /** What follows is guarded again: `(awaited = await …, guard.isActive || await guard.enter(), awaited)`. */
    const guardAwait = (node: ts.AwaitExpression): ts.Expression => {
      const enter = factory.createCallExpression(property(NAME.guard, 'enter'), undefined, []);
      return factory.createParenthesizedExpression(
        factory.createCommaListExpression([
          factory.createAssignment(id(NAME.awaited), ts.visitEachChild(node, visit, context)),
          factory.createLogicalOr(property(NAME.guard, 'isActive'), factory.createAwaitExpression(enter)),
          id(NAME.awaited),
        ]),
      );
    };

    const visit = (node: ts.Node): ts.Node => {
      if (ts.isExpressionWithTypeArguments(node)) return ts.visitEachChild(node, visit, context);
      if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
        return node;
      if (ts.isIterationStatement(node, false)) {
        const own = ownCounter(node);
        const pieces = inPieces(node, own);
        if (pieces) return pieces;
        const { statement } = node;
        return ts.visitEachChild(
          node,
          (child) => (child === statement ? guardLoop(node, own) : visit(child)),
          context,
        );
      }
      const body = bodyOf(node);
      if (body) {
        return ts.visitEachChild(
          node,
          (child) => (child === body ? guardFunction(child) : visit(child)),
          context,
        );
      }
      if (ts.isModuleBlock(node) && loops(node)) {
        const visited = ts.visitEachChild(node, visit, context);
        return factory.updateModuleBlock(visited, [forLoops(), ...visited.statements]);
      }
      // To be guarded takes 0.1 ms, which is too much for each of many iterations.
      if (isCell && ts.isAwaitExpression(node) && isOnce(node)) return guardAwait(node);
      if (ts.isShorthandPropertyAssignment(node)) {
        const place = placeOf(checker.getShorthandAssignmentValueSymbol(node));
        if (!place) return ts.visitEachChild(node, visit, context);
        const initial = node.objectAssignmentInitializer;
        const value = initial
          ? factory.createAssignment(place(), ts.visitNode(initial, visit) as ts.Expression)
          : place();
        return factory.createPropertyAssignment(id(node.name.text), value);
      }
      if (ts.isIdentifier(node)) {
        const place = isReference(node) ? placeOf(symbolOf(node)) : undefined;
        if (!place) return node;
        const expression = ts.setTextRange(place(), node);
        const { parent } = node;
        // `m.f()` would pass `m` as `this`.
        const isCalled =
          (ts.isCallExpression(parent) && parent.expression === node) ||
          (ts.isTaggedTemplateExpression(parent) && parent.tag === node);
        return isCalled && ts.isPropertyAccessExpression(expression)
          ? factory.createParenthesizedExpression(
              factory.createComma(factory.createNumericLiteral(0), expression),
            )
          : expression;
      }
      if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        return factory.updateCallExpression(
          node,
          id(NAME.importer),
          undefined,
          node.arguments.map((argument) => ts.visitNode(argument, visit) as ts.Expression),
        );
      }
      if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return id(NAME.meta);
      return ts.visitEachChild(node, visit, context);
    };

    /** Variables, of those asked for, that a statement names, and how. */
    const usesIn = (statement: ts.Node, wanted: ReadonlyMap<ts.Symbol, unknown>) => {
      const uses = {
        read: new Set<ts.Symbol>(),
        assigned: new Set<ts.Symbol>(),
        captured: new Set<ts.Symbol>(),
      };
      const find = (node: ts.Node, inFunction: boolean): void => {
        if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
        if (ts.isIdentifier(node)) {
          const symbol = variableOf(node);
          if (!symbol || !wanted.has(symbol)) return;
          if (inFunction) uses.captured.add(symbol);
          else (isTarget(node) ? uses.assigned : uses.read).add(symbol);
        }
        const inner =
          inFunction ||
          ts.isFunctionLike(node) ||
          ts.isClassLike(node) ||
          ts.isModuleDeclaration(node) ||
          ts.isEnumDeclaration(node);
        ts.forEachChild(node, (child) => find(child, inner));
      };
      if (wanted.size > 0) find(statement, false);
      return uses;
    };

    /** `let` at the top level that no function uses, and no statement assigns that may be ended within. */
    const copied = new Map<ts.Symbol, string>();
    const findCopied = (own: readonly ts.Statement[]): void => {
      if (!isCell) return;
      for (const statement of own) {
        if (!ts.isVariableStatement(statement)) continue;
        const { flags, declarations } = statement.declarationList;
        if ((flags & ts.NodeFlags.BlockScoped) !== Number(ts.NodeFlags.Let)) continue;
        for (const { name } of declarations) {
          const symbol = symbolOf(name);
          if (ts.isIdentifier(name) && symbol) copied.set(symbol, name.text);
        }
      }
      for (const statement of own) {
        const { assigned, captured } = usesIn(statement, copied);
        captured.forEach((symbol) => copied.delete(symbol));
        if (assigned.size === 1 && isAssignment(statement)) continue;
        // Interrupt may have to end the second by force, with no chance of a copy.
        if (!isDeclaration(statement) && !isLong(statement) && !some(statement, ts.isTryStatement)) continue;
        assigned.forEach((symbol) => copied.delete(symbol));
      }
    };
    const assign = (target: ts.Expression, value: ts.Expression) =>
      factory.createExpressionStatement(factory.createAssignment(target, value));
    const copy = (name: string) => assign(property(NAME.kept, name), id(name));
    const inTry = (statements: readonly ts.Statement[], last: readonly ts.Statement[]) =>
      factory.createTryStatement(
        factory.createBlock(statements, true),
        undefined,
        factory.createBlock(last, true),
      );

    /** A statement, followed by copies of what it changes. */
    const visitAndCopy = (statement: ts.Statement, isLast: boolean): ts.Statement[] => {
      if (ts.isVariableStatement(statement)) {
        return visitTop(statement, isLast).flatMap((visited) => {
          if (!ts.isVariableStatement(visited)) return [visited];
          const { declarations } = statement.declarationList;
          const names = declarations.map(({ name }) => copied.get(symbolOf(name)!));
          if (names.every((name) => name === undefined)) return [visited];
          return visited.declarationList.declarations.flatMap((declaration, index) => [
            factory.updateVariableStatement(
              visited,
              visited.modifiers,
              factory.createVariableDeclarationList([declaration], visited.declarationList.flags),
            ),
            ...(names[index] === undefined ? [] : [copy(names[index])]),
          ]);
        });
      }
      const changes = [...usesIn(statement, copied).assigned].map((symbol) => copy(copied.get(symbol)!));
      const visited =
        loops(statement) && isQuiet(statement) ? withLocals(statement) : visitTop(statement, isLast);
      if (changes.length === 0) return visited;
      return isAssignment(statement) ? [...visited, ...changes] : [inTry(visited, changes)];
    };
    /** A statement with loops and no calls: the variables of earlier cells are its own meanwhile. */
    const withLocals = (statement: ts.Statement): ts.Statement[] => {
      const { read, assigned, captured } = usesIn(statement, earlierLets);
      const locals = [...new Set([...read, ...assigned])].filter((symbol) => !captured.has(symbol));
      const placed = locals.map((symbol) => places.get(symbol)!);
      locals.forEach((symbol) => places.delete(symbol));
      const visited = visitTop(statement, false);
      locals.forEach((symbol, index) => places.set(symbol, placed[index]!));
      if (locals.length === 0) return visited;
      const declarations = locals.map((symbol) => {
        const { name, place } = earlierLets.get(symbol)!;
        return variable(name, place);
      });
      const changes = [...assigned].flatMap((symbol) => {
        if (captured.has(symbol)) return [];
        const { name, place } = earlierLets.get(symbol)!;
        return [assign(place, id(name))];
      });
      const body = changes.length === 0 ? visited : [inTry(visited, changes)];
      return [factory.createBlock([declareLet(...declarations), ...body], true)];
    };
    /** Whether nothing in a statement runs code that is written elsewhere, which could see its variables. */
    const isQuiet = (statement: ts.Statement): boolean =>
      isCell && !isDeclaration(statement) && !some(statement, isLoud) && !isLoud(statement);
    const isLoud = (node: ts.Node): boolean => {
      if (ts.isCallExpression(node)) return !isOfMath(node);
      if (ts.isForOfStatement(node)) return !checker.isArrayType(checker.getTypeAtLocation(node.expression));
      if (ts.isPropertyAccessExpression(node)) {
        const property = symbolOf(node.name);
        return property !== undefined && (property.flags & ts.SymbolFlags.Accessor) !== 0;
      }
      return (
        ts.isNewExpression(node) ||
        ts.isTaggedTemplateExpression(node) ||
        ts.isTemplateExpression(node) ||
        ts.isSpreadElement(node) ||
        ts.isArrayBindingPattern(node) ||
        ts.isClassLike(node) ||
        ts.isAwaitExpression(node) ||
        ts.isYieldExpression(node)
      );
    };

    /** Names that a statement at the top level declares, with a value. */
    const note = (name: ts.BindingName | undefined, assignable: boolean): void => {
      if (!name) return;
      if (!ts.isIdentifier(name)) {
        for (const each of name.elements) if (ts.isBindingElement(each)) note(each.name, assignable);
        return;
      }
      const symbol = symbolOf(name);
      if (!symbol || !hasValue(symbol)) return;
      if (!result.bindings.some((known) => known.name === name.text))
        result.bindings.push({
          name: name.text,
          expression: name.text,
          assignable,
          copied: copied.has(symbol),
        });
    };
    const give = (name: string, expression: string) =>
      result.bindings.push({ name, expression, assignable: false });

    const visitTop = (statement: ts.Statement, isLast: boolean): ts.Statement[] => {
      if (ts.isImportDeclaration(statement)) return [];
      if (ts.isExportDeclaration(statement)) {
        const { moduleSpecifier, exportClause, isTypeOnly } = statement;
        if (isTypeOnly) return [];
        if (moduleSpecifier) {
          const index = indexOf(moduleSpecifier);
          if (isCell) return [];
          if (!exportClause) result.reexports.push(index);
          else if (ts.isNamespaceExport(exportClause)) give(exportClause.name.text, `${OWN}m${index}`);
          else
            for (const { name, propertyName, isTypeOnly: isType } of exportClause.elements) {
              const key = (propertyName ?? name).text;
              const symbol = symbolOf(name);
              if (isType || (symbol && !hasValue(symbol))) continue;
              const object = key === 'default' ? `${OWN}d${index}` : `${OWN}n${index}`;
              give(name.text, `${object}[${JSON.stringify(key)}]`);
            }
        } else if (!isCell && exportClause && ts.isNamedExports(exportClause)) {
          for (const element of exportClause.elements) {
            const local = checker.getExportSpecifierLocalTargetSymbol(element);
            if (element.isTypeOnly || !local || !hasValue(local)) continue;
            const place = places.get(local)?.();
            const text = place
              ? ts.createPrinter().printNode(ts.EmitHint.Expression, place, file)
              : (element.propertyName ?? element.name).text;
            give(element.name.text, text);
          }
        }
        return [];
      }
      if (ts.isExportAssignment(statement)) {
        const value = ts.visitNode(statement.expression, visit) as ts.Expression;
        if (isCell) return [factory.createExpressionStatement(isLast ? keep(value) : value)];
        give('default', NAME.default);
        return [constant(NAME.default, value)];
      }
      const isAmbient =
        ts.canHaveModifiers(statement) &&
        statement.modifiers?.some(({ kind: modifier }) => modifier === ts.SyntaxKind.DeclareKeyword);
      if (isAmbient) return [];
      const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
      const isExported = modifiers.some(({ kind: modifier }) => modifier === ts.SyntaxKind.ExportKeyword);
      const isDefault = modifiers.some(({ kind: modifier }) => modifier === ts.SyntaxKind.DefaultKeyword);
      const isNoted = isCell || (isExported && !isDefault);

      if (ts.isVariableStatement(statement)) {
        const { declarationList: list } = statement;
        const assignable = (list.flags & ts.NodeFlags.Constant) === 0;
        if (isNoted) for (const { name } of list.declarations) note(name, assignable);
      } else if (
        ts.isFunctionDeclaration(statement) ||
        ts.isClassDeclaration(statement) ||
        ts.isEnumDeclaration(statement) ||
        ts.isModuleDeclaration(statement) ||
        ts.isImportEqualsDeclaration(statement)
      ) {
        if (isNoted && statement.name && ts.isIdentifier(statement.name)) note(statement.name, false);
        if (isDefault && !isCell) give('default', statement.name?.text ?? NAME.default);
      }
      if (isLast && isCell && ts.isExpressionStatement(statement)) {
        const value = ts.visitNode(statement.expression, visit) as ts.Expression;
        return [factory.updateExpressionStatement(statement, keep(value))];
      }
      const visited = ts.visitNode(statement, visit) as ts.Statement;
      if (!isExported) return [visited];
      const isExport = ({ kind: modifier }: ts.ModifierLike) =>
        modifier === ts.SyntaxKind.ExportKeyword || modifier === ts.SyntaxKind.DefaultKeyword;
      return [withoutModifiers(visited, isExport)];
    };

    const keep = (value: ts.Expression) => factory.createAssignment(property(NAME.output, 'value'), value);
    const constant = (name: string, value: ts.Expression) =>
      factory.createVariableStatement(
        undefined,
        factory.createVariableDeclarationList(
          [factory.createVariableDeclaration(name, undefined, undefined, value)],
          ts.NodeFlags.Const,
        ),
      );
    const withoutModifiers = (
      statement: ts.Statement,
      unwanted: (modifier: ts.ModifierLike) => boolean,
    ): ts.Statement => {
      const { modifiers } = statement as { modifiers?: ts.NodeArray<ts.ModifierLike> };
      const kept = modifiers?.filter((modifier) => !unwanted(modifier));
      if (ts.isVariableStatement(statement))
        return factory.updateVariableStatement(statement, kept, statement.declarationList);
      if (ts.isFunctionDeclaration(statement)) {
        const { asteriskToken, name, typeParameters, parameters, type, body } = statement;
        return factory.updateFunctionDeclaration(
          statement,
          kept,
          asteriskToken,
          name ?? id(NAME.default),
          typeParameters,
          parameters,
          type,
          body,
        );
      }
      if (ts.isClassDeclaration(statement)) {
        const { name, typeParameters, heritageClauses, members } = statement;
        return factory.updateClassDeclaration(
          statement,
          kept,
          name ?? id(NAME.default),
          typeParameters,
          heritageClauses,
          members,
        );
      }
      if (ts.isEnumDeclaration(statement))
        return factory.updateEnumDeclaration(statement, kept, statement.name, statement.members);
      if (ts.isModuleDeclaration(statement))
        return factory.updateModuleDeclaration(statement, kept, statement.name, statement.body);
      if (ts.isImportEqualsDeclaration(statement))
        return factory.updateImportEqualsDeclaration(
          statement,
          kept,
          statement.isTypeOnly,
          statement.name,
          statement.moduleReference,
        );
      return statement;
    };

    return (source) => {
      for (const statement of source.statements) if (ts.isImportDeclaration(statement)) readImport(statement);
      const own = source.statements.filter((statement) => !isAdded(statement));
      result.waits = own.some(waits);
      findCopied(own);
      const isNested = (node: ts.Node) => ts.isFunctionLike(node) || ts.isModuleBlock(node);
      const noteVars = (node: ts.Node): void => {
        if (isNested(node)) return;
        if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.BlockScoped) === 0)
          for (const { name } of node.declarations) note(name, true);
        ts.forEachChild(node, noteVars);
      };
      const statements = own.flatMap((statement, index) => visitAndCopy(statement, index === own.length - 1));
      if (isCell) own.forEach((statement) => !ts.isVariableStatement(statement) && noteVars(statement));
      const first = statements.findIndex((statement) => !isDirective(statement));
      if (isCell && result.waits) {
        const awaited = factory.createVariableDeclaration(NAME.awaited);
        statements.splice(Math.max(first, 0), 0, declareLet(awaited));
      }
      if (own.some(loops)) statements.splice(Math.max(first, 0), 0, forLoops());
      return factory.updateSourceFile(source, statements);
    };
  };

  /** TypeScript adds `export {}` to a module that has lost its exports. */
  const dropExports: ts.TransformerFactory<ts.SourceFile> =
    ({ factory }) =>
    (source) =>
      factory.updateSourceFile(
        source,
        source.statements.filter((statement) => !ts.isExportDeclaration(statement)),
      );
  return { result, transformers: { before: [transform], after: [dropExports] } };
}

/**
 * The program that makes the function of a cell or module. Its first line is not the source's. What the kernel gives is
 * constant, so that V8 takes it for granted. An instance of a class gives the variables, because V8 inlines accessors
 * of a prototype, and those of an object literal it does not.
 */
export function wrap(
  code: string,
  { imports, earlier, aliases, bindings, waits: isAsync }: Transformed,
): string {
  const given = [
    ...[NAME.flag, NAME.stop, NAME.output, NAME.bind, NAME.guard, NAME.importer, NAME.meta],
    ...earlier.map((_, index) => `${OWN}c${index}`),
    ...imports.flatMap((_, index) => [`${OWN}m${index}`, `${OWN}n${index}`, `${OWN}d${index}`]),
  ];
  const accessors = bindings.map(({ name, expression, assignable, copied }) => {
    if (copied) return '';
    const key = JSON.stringify(name);
    const getter = `get ${key}() { return ${expression}; }`;
    return assignable ? `${getter} set ${key}(value) { ${expression} = value; }` : getter;
  });
  const constants = aliases.map(({ name, cell }) => `const ${name} = ${OWN}c${cell}.${name};`);
  return [
    `(function (exports, require, module, __filename, __dirname, ...${OWN}given) {`,
    `const [${given.join(', ')}] = ${OWN}given;`,
    `return ${isAsync ? 'async ' : ''}function () { "use strict"; ${constants.join(' ')}`,
    `const ${NAME.kept} = new (class { ${accessors.join(' ')} })(); ${NAME.bind}(${NAME.kept});\n${code}\n}; })`,
  ].join(' ');
}
