import path from 'node:path';
import type { SourceMap } from 'node:module';
import { loadTslab, loadTypeScript, type Converter, type Diagnostic, type Tslab } from './tslab-internals';
import { readCompilerOptions, typescriptOverrides, type EmittedCode } from './typescript-facade';

/** A `.ts` file of the repository that a cell imports, as CommonJS. */
export interface ImportedFile {
  path: string;
  code: string;
  maps: SourceMap[];
}

export interface CompiledCell {
  /** CommonJS; undefined for a cell without code. */
  code: string | undefined;
  maps: SourceMap[];
  /** The variables, functions, classes and imports that the cell defines. */
  names: string[];
  /** One of `names`: the value of the last expression. */
  resultName: string | undefined;
  /** Types of everything that is defined after this cell. */
  declarations: string;
  importedFiles: ImportedFile[];
}

/** The cell has errors that TypeScript found; nothing was run. */
export class CompilationError extends Error {
  constructor(readonly diagnostics: Diagnostic[]) {
    super('the cell has type errors');
  }
}

/** tslab appends an export statement to a cell; what is wrong there follows from what is wrong in the cell. */
function withinSource(diagnostics: Diagnostic[], source: string): Diagnostic[] {
  const inside = diagnostics.filter(
    ({ fileName, start }) => fileName !== undefined || start.offset <= source.length,
  );
  return inside.length > 0 ? inside : diagnostics;
}

export interface Completion {
  /** UTF-16 offsets of what a match replaces. */
  start: number;
  end: number;
  matches: { text: string; kind: string }[];
}

/** Type-checks and compiles cells; each one sees the declarations of those before it. */
export class Compiler {
  readonly typescriptVersion: string;
  private readonly emitted: EmittedCode = new Map();
  private readonly tslab: Tslab;
  private readonly converter: Converter;

  /** @param root The repository; `process.cwd()` must be the same. */
  constructor(root: string) {
    const ts = loadTypeScript();
    this.typescriptVersion = ts.version;
    const options = readCompilerOptions(ts, path.join(root, 'notebooks', 'tsconfig.json'));
    this.tslab = loadTslab(typescriptOverrides(ts, options, this.emitted));
    this.converter = this.tslab.createConverter({ isJS: false, isBrowser: false });
    this.verify();
  }

  /** @throws CompilationError when the cell has errors. */
  compile(source: string, declarations: string): CompiledCell {
    this.emitted.clear();
    const converted = this.converter.convert(declarations, source);
    if (converted.diagnostics.length > 0)
      throw new CompilationError(withinSource(converted.diagnostics, source));
    const cell = converted.output === undefined ? undefined : this.emitted.get(converted.output);
    return {
      code: cell?.code,
      maps: cell?.maps ?? [],
      names: cell?.names ?? [],
      resultName: converted.lastExpressionVar,
      declarations: converted.declOutput ?? '',
      importedFiles: (converted.sideOutputs ?? []).map((file) => ({
        path: file.path,
        code: file.data,
        maps: this.emitted.get(file.data)?.maps ?? [],
      })),
    };
  }

  complete(source: string, declarations: string, offset: number): Completion {
    const { start, end, candidates, original } = this.converter.complete(declarations, source, offset);
    const kinds = new Map(original?.entries.map(({ name, kind }) => [name, String(kind)]));
    return { start, end, matches: candidates.map((text) => ({ text, kind: kinds.get(text) ?? '' })) };
  }

  /** Signature and documentation of what is at `offset`; undefined where there is nothing to tell. */
  inspect(
    source: string,
    declarations: string,
    offset: number,
  ): { signature: string; text: string } | undefined {
    const info = this.converter.inspect(declarations, source, offset) as
      ReturnType<Converter['inspect']> | undefined;
    if (!info) return undefined;
    return {
      signature: (info.displayParts ?? []).map(({ text }) => text).join(''),
      text: this.tslab.printQuickInfo(info),
    };
  }

  isComplete(source: string): { completed: boolean; indent?: string } {
    return this.tslab.isCompleteCode(source);
  }

  close(): void {
    this.converter.close();
  }

  /** Compiles a cell whose result is known: an upgrade of tslab must not fail in the middle of somebody's work. */
  private verify(): void {
    const { code, names, resultName, maps } = this.compile('const probe = 1; probe', '');
    const seen = {
      code: typeof code,
      names: names.length,
      result: resultName !== undefined,
      maps: maps.length,
    };
    if (seen.code !== 'string' || seen.names !== 2 || !seen.result || seen.maps !== 2) {
      throw new Error(`tslab compiles cells in an unexpected way: ${JSON.stringify(seen)}`);
    }
  }
}
