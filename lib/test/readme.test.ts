/** The examples of the pages are TypeScript that compiles against the package as it is built. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '..', '..');

/** What the examples take for granted. */
const given = `
declare const images: import('@tensorflow/tfjs-core').Tensor2D, labels: import('@tensorflow/tfjs-core').Tensor1D;
declare const stackedImages: import('@tensorflow/tfjs-core').Tensor3D, stackedLabels: import('@tensorflow/tfjs-core').Tensor2D;
declare function loss(): import('@tensorflow/tfjs-core').Scalar;
`;

const examples = ['README.md', 'lib/README.md', 'lib/OPTIMIZERS.md'].flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(([, code], index) => ({
    name: `${page}, example ${index + 1}`,
    code: code!,
  })),
);

describe('the examples of the pages', () => {
  it('are there', () => expect(examples.length).toBeGreaterThanOrEqual(5));

  it('compile, each by itself, under strict', { timeout: 240_000 }, () => {
    const files = new Map(
      examples.map(({ code }, index) => [join(root, 'lib', 'test', `example${index}.ts`), code + given]),
    );
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      types: ['node'],
    };
    const host = ts.createCompilerHost(options);
    const getSourceFile = host.getSourceFile.bind(host);
    const readFile = host.readFile.bind(host);
    host.fileExists = (file) => files.has(file) || existsSync(file);
    host.readFile = (file) => files.get(file) ?? readFile(file);
    host.getSourceFile = (file, ...rest) => {
      const own = files.get(file);
      return own === undefined
        ? getSourceFile(file, ...rest)
        : ts.createSourceFile(file, own, ts.ScriptTarget.ES2022);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const index = [...files.keys()].indexOf(file?.fileName ?? '');
      const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
      return `${examples[index]?.name}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
    expect(problems).toEqual([]);
  });
});
