/** What the syntax of a cell says about it, without its types. */
import ts from 'typescript';

/** Steps below this one are counted: the mask of a loop's counter, shifted by the zeros of the step, has no more than 31 bits. */
const MAX_STEP = 2 ** 24;

/** Declared without a value, as in `declare const x: number`: nothing but the global scope can have one. */
export function isAmbientInCell(symbol: ts.Symbol): boolean {
  const { valueDeclaration } = symbol;
  return (
    valueDeclaration !== undefined &&
    (ts.getCombinedModifierFlags(valueDeclaration) & ts.ModifierFlags.Ambient) !== 0 &&
    !valueDeclaration.getSourceFile().isDeclarationFile &&
    !valueDeclaration.getSourceFile().fileName.includes('node_modules')
  );
}

/** `'use strict'` and the like, which have to come first. */
export function isDirective(statement: ts.Statement): boolean {
  return ts.isExpressionStatement(statement) && ts.isStringLiteral(statement.expression);
}

/** Whether something happens once, when its cell runs. */
export function isOnce(node: ts.Node): boolean {
  if (isScope(node) || ts.isIterationStatement(node, false)) return false;
  return ts.isSourceFile(node) || isOnce(node.parent);
}

export function bodyOf(node: ts.Node): ts.Node | undefined {
  if (ts.isClassStaticBlockDeclaration(node)) return node.body;
  return ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
}

function isScope(node: ts.Node): boolean {
  return ts.isFunctionLike(node) || ts.isClassStaticBlockDeclaration(node) || ts.isModuleBlock(node);
}

/** Whether something inside, functions excluded, fits. */
export function some(node: ts.Node, fits: (node: ts.Node) => boolean): boolean {
  return (
    ts.forEachChild(node, (child) => fits(child) || (!isScope(child) && some(child, fits)) || undefined) ??
    false
  );
}

function isCall(node: ts.Node): boolean {
  return ts.isCallExpression(node) || ts.isNewExpression(node) || ts.isTaggedTemplateExpression(node);
}

export function isOfMath(node: ts.CallExpression): boolean {
  const { expression } = node;
  return (
    ts.isPropertyAccessExpression(expression) &&
    ts.isIdentifier(expression.expression) &&
    expression.expression.text === 'Math'
  );
}

/** Whether a function can keep the thread by itself: when it calls others, or something may call it many times. */
export function mayTakeLong(body: ts.Node): boolean {
  const { parent } = body.parent;
  const isArgument =
    isCall(parent) && (parent as ts.CallExpression).arguments?.includes(body.parent as never);
  return isArgument === true || isCall(body) || some(body, isCall);
}

export function loops(node: ts.Node): boolean {
  const isLoop = (inner: ts.Node) => ts.isIterationStatement(inner, false);
  return isLoop(node) || (!ts.isFunctionLike(node) && some(node, isLoop));
}

/** How an expression changes a variable: up or down by a whole number. */
export interface Count {
  name: ts.Identifier;
  step: number;
  adds: boolean;
}

export function stepOf(expression: ts.Expression): Count | undefined {
  if (ts.isPrefixUnaryExpression(expression) || ts.isPostfixUnaryExpression(expression)) {
    const { operand: name, operator } = expression;
    if (!ts.isIdentifier(name) || !isTarget(name)) return undefined;
    return { name, step: 1, adds: operator === ts.SyntaxKind.PlusPlusToken };
  }
  if (!ts.isBinaryExpression(expression)) return undefined;
  const { left: name, right, operatorToken } = expression;
  const adds = operatorToken.kind === ts.SyntaxKind.PlusEqualsToken;
  if (!adds && operatorToken.kind !== ts.SyntaxKind.MinusEqualsToken) return undefined;
  if (!ts.isIdentifier(name) || !ts.isNumericLiteral(right)) return undefined;
  const step = Number(right.text);
  return Number.isInteger(step) && step > 0 && step < MAX_STEP ? { name, step, adds } : undefined;
}

/** Whether the body of a loop, which has no label, leaves it by `break`. */
export function breaks(body: ts.Node): boolean {
  const leaves = (node: ts.Node, isOwn: boolean): boolean => {
    if (ts.isBreakStatement(node)) return isOwn && !node.label;
    if (isScope(node)) return false;
    const inner = isOwn && !ts.isIterationStatement(node, false) && !ts.isSwitchStatement(node);
    return ts.forEachChild(node, (child) => leaves(child, inner) || undefined) ?? false;
  };
  return leaves(body, true);
}

/** Whether a statement is one assignment, which comes last of what it does. */
export function isAssignment(statement: ts.Statement): boolean {
  if (!ts.isExpressionStatement(statement)) return false;
  const { expression } = statement;
  if (ts.isPostfixUnaryExpression(expression)) return true;
  if (ts.isPrefixUnaryExpression(expression)) return isTarget(expression.operand);
  return ts.isBinaryExpression(expression) && ts.isIdentifier(expression.left) && isTarget(expression.left);
}

export function isDeclaration(statement: ts.Statement): boolean {
  return (
    ts.isVariableStatement(statement) ||
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    ts.isModuleDeclaration(statement) ||
    ts.isExportAssignment(statement)
  );
}

/** Whether an expression is assigned to, possibly as a part of a pattern. */
export function isTarget(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent))
    return (
      parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken
    );
  if (ts.isBinaryExpression(parent)) {
    const { kind } = parent.operatorToken;
    const assigns = kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
    return parent.left === node && (assigns || isTarget(parent));
  }
  if (ts.isForInStatement(parent) || ts.isForOfStatement(parent)) return parent.initializer === node;
  if (ts.isPropertyAssignment(parent) && parent.name === node) return false;
  const isInside =
    ts.isArrayLiteralExpression(parent) ||
    ts.isObjectLiteralExpression(parent) ||
    ts.isPropertyAssignment(parent) ||
    ts.isShorthandPropertyAssignment(parent) ||
    ts.isSpreadElement(parent) ||
    ts.isSpreadAssignment(parent) ||
    ts.isParenthesizedExpression(parent) ||
    ts.isAsExpression(parent) ||
    ts.isSatisfiesExpression(parent) ||
    ts.isNonNullExpression(parent);
  return isInside && isTarget(parent);
}

export function waits(node: ts.Node): boolean {
  const isWaiting = (inner: ts.Node) =>
    ts.isAwaitExpression(inner) ||
    (ts.isForOfStatement(inner) && inner.awaitModifier !== undefined) ||
    (ts.isVariableDeclarationList(inner) &&
      (inner.flags & ts.NodeFlags.BlockScoped) === Number(ts.NodeFlags.AwaitUsing));
  return isWaiting(node) || (!isScope(node) && some(node, isWaiting));
}

/** Whether an identifier stands for a variable, and is not the name of a property, a label or a declaration. */
export function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name !== node;
  if (ts.isBindingElement(parent) || ts.isVariableDeclaration(parent) || ts.isEnumMember(parent))
    return parent.initializer === node;
  if (ts.isParameter(parent) || ts.isPropertyDeclaration(parent)) return parent.initializer === node;
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
