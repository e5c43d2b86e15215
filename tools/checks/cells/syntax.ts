import ts from 'typescript';

/** A text in a program, or the beginning of one that is completed when it runs. */
export interface Text {
  readonly text: string;
  readonly isComplete: boolean;
}

/** The text that a node is; undefined for anything but a string or a template. */
export function textOf(node: ts.Node | undefined): Text | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteralLike(node)) return { text: node.text, isComplete: true };
  return ts.isTemplateExpression(node) ? { text: node.head.text, isComplete: false } : undefined;
}

/** A node and all that is in it; of types only the node, because they do not run. */
export function* descendants(node: ts.Node): Generator<ts.Node> {
  yield node;
  if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* descendants(child);
}

export const calls = (node: ts.Node): ts.CallExpression[] =>
  [...descendants(node)].filter(ts.isCallExpression);

/** One text as a program, whose nodes know what they are in. */
export const parse = (text: string, file = 'source.ts'): ts.SourceFile =>
  ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
