/** The examples in the documentation type-check and run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as compileFolder from '../../src/compile';
import * as runtimeFolder from '../../src/runtime';

const source = join(__dirname, '../../src');
const library = { ...compileFolder, ...runtimeFolder };

const files = [
  ...readdirSync(join(source, 'compile'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `compile/${file}`),
  'runtime/random.ts',
  'runtime/finite.ts',
];

const examples = files.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8');
  return [...text.matchAll(/@example\n((?:\s*\* (?!@).*\n)+)/g)].map((match) => {
    const code = match[1]!.replaceAll(/^\s*\* /gm, '');
    return { name: `${file}: ${code.split('\n', 1)[0]!}`, code };
  });
});

/** What the compiler has to say about the examples, each in a function of its own. */
function diagnostics(): string[] {
  const file = join(__dirname, 'examples.generated.ts');
  const header = `import { ${Object.keys(library).join(', ')} } from '../../src';\n`;
  const bodies = examples.map(({ code }, i) => `export function example${i}() {\n${code}\n}\n`);
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
  };
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version) =>
    name === file
      ? ts.createSourceFile(name, header + bodies.join(''), version)
      : getSourceFile(name, version);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('the documentation of compile and runtime', () => {
  it('has examples', () => expect(examples.length).toBeGreaterThan(10));

  it('type-checks', () => expect(diagnostics()).toEqual([]));

  it.each(examples)('$name', ({ code }) => {
    const { outputText } = ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
    const names = Object.keys(library).filter((name) => !outputText.includes(`const ${name} =`));
    const values = names.map((name) => library[name as keyof typeof library]);
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
    new Function(...names, outputText)(...values);
  });
});
