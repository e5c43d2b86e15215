/** TypeScript's language service on the cells of a notebook and the files that they import. */
import path from 'node:path';
import ts from 'typescript';
import { cellDocument, outline, type Origin, type Outline } from './cell-document';
import type { CompiledCell, CompiledModule, Diagnostic } from './compiler-protocol';
import { readCompilerOptions } from './compiler-options';
import { transformers, wrap, type Transformed } from './transforms';
import { isLibrary, Workspace } from './workspace';

/** The time that checking nested literals takes grows with the third power of their depth: 3 s for this one. */
const MAX_DEPTH = 500;
/** Cannot find a module, or its types: the package may have been installed meanwhile. */
const NOT_FOUND = new Set([2307, 7016, 2792]);

/** A cell that has run, as later cells see it. */
interface EarlierCell {
  /** Virtual files of the cells that it takes names from. */
  uses: string[];
  augments: boolean;
}

/** The program of a cell, before it is known what of it will be reached. */
interface Pending {
  name: string;
  outline: Outline;
  uses: string[];
}

/** Thrown out of TypeScript when Interrupt comes while it works. */
export class Cancelled extends Error {}

export class Language {
  private readonly workspace: Workspace;
  private readonly names = new Map<string, Origin>();
  private readonly cells = new Map<string, EarlierCell>();
  private readonly emitted = new Map<string, { version: string; module: CompiledModule }>();
  private isCompiling = false;
  private pending: Pending | undefined;
  private edited = 0;

  constructor(
    private readonly root: string,
    private readonly isCancelled: () => boolean,
  ) {
    const options = readCompilerOptions(path.join(root, 'notebooks', 'tsconfig.json'));
    this.workspace = new Workspace(root, options, this.cancellation);
  }

  /** Parses the libraries and gets used to checking, so that the first cell does not wait for it. */
  warmUp(): void {
    const { service, file } = this.editor('[1].map((x) => x + 1)');
    service.getSemanticDiagnostics(file);
  }

  /** Type-checks a cell and makes the code that runs it. Errors come back as diagnostics. */
  compile(name: string, source: string): CompiledCell | Diagnostic[] {
    this.isCompiling = true;
    this.workspace.lookAgain();
    if (this.pending) this.discard(this.pending.name);
    try {
      const compiled = this.check(name, source);
      if (Array.isArray(compiled)) this.discard(name);
      return compiled;
    } finally {
      this.isCompiling = false;
    }
  }

  private check(name: string, source: string): CompiledCell | Diagnostic[] {
    const { workspace } = this;
    const found = shallow(source);
    const cell = this.file(name);
    const text = cellDocument(source, found, this.names);
    workspace.write(cell, text);
    this.pending = { name, outline: found, uses: this.usedIn(text) };
    workspace.load(found.modules);
    let wrong = this.diagnose(cell, source);
    if (wrong.some(({ code }) => NOT_FOUND.has(code))) {
      workspace.forget();
      wrong = this.diagnose(cell, source);
    }
    if (wrong.length > 0) return wrong;

    const program = workspace.programWith(cell);
    const file = program.getSourceFile(cell)!;
    const { code, map, transformed } = this.emit(program, file, source.length, 'cell');
    const resolved = this.resolveAll(file, [...new Set([...transformed.imports, ...found.modules])]);
    return {
      code: wrap(code, transformed),
      map,
      names: transformed.bindings.map((binding) => binding.name),
      imports: transformed.imports,
      earlier: transformed.earlier.map((module) => module.slice(2)),
      resolved,
      modules: this.modulesFrom(program, Object.values(resolved)),
    };
  }

  /** A file that is imported by a name known only when it runs. */
  compileModule(file: string): CompiledModule[] {
    this.workspace.lookAgain();
    this.workspace.load([`./${path.relative(this.root, file)}`]);
    return this.modulesFrom(this.workspace.programWith(file), [file]);
  }

  /** What the cell that was compiled last has reached is defined from now on. */
  settle(name: string, unreached: readonly string[]): void {
    const { pending } = this;
    if (!pending || pending.name !== name) return;
    this.pending = undefined;
    const { declared, augments } = pending.outline;
    const lost = new Set(unreached);
    const reached = declared.filter((each) => !lost.has(each.name));
    if (reached.length === 0 && !augments) return this.discard(name);
    this.cells.set(name, { uses: pending.uses, augments });
    const replaces = reached.some((each) => this.names.has(each.name));
    for (const each of reached)
      this.names.set(each.name, { module: `./${name}`, assignable: each.assignable });
    if (replaces) this.dropUnused();
  }

  /** Names that later cells can use. */
  definedNames(): Iterable<string> {
    return this.names.keys();
  }

  /** A document with what an editor shows, and the service that answers for it. */
  editor(source: string): { service: ts.LanguageService; file: string; outline: Outline } {
    const { workspace } = this;
    const found = shallow(source);
    workspace.lookAgain();
    workspace.remove(this.editorFile(this.edited));
    const file = this.editorFile(++this.edited);
    workspace.write(file, cellDocument(source, found, this.names));
    workspace.programWith(file);
    return { service: workspace.service, file, outline: found };
  }

  /** After an exception in TypeScript: its state may be half changed. */
  renew(): void {
    this.emitted.clear();
    if (this.pending) this.discard(this.pending.name);
    this.workspace.remove(this.editorFile(this.edited));
    this.workspace.forget();
  }

  private file(cell: string): string {
    return path.join(this.root, `${cell}.ts`);
  }

  /** Another one for each request: what TypeScript knows of a file that it has seen stays. */
  private editorFile(number: number): string {
    return this.file(`__liandan_editor_${number}__`);
  }

  private discard(cell: string): void {
    if (this.pending?.name === cell) this.pending = undefined;
    this.workspace.remove(this.file(cell));
  }

  /** Cells that the document of another one takes names from. */
  private usedIn(text: string): string[] {
    const uses = [...text.matchAll(/^import \{.*\} from '\.\/(.*)';$/gm)].map((match) => match[1]!);
    return uses.filter((name) => this.cells.has(name));
  }

  private dropUnused(): void {
    const wanted = new Set<string>();
    const want = (name: string): void => {
      if (wanted.has(name)) return;
      wanted.add(name);
      this.cells.get(name)?.uses.forEach(want);
    };
    for (const { module } of this.names.values()) want(module.slice(2));
    for (const [name, { augments }] of this.cells) if (augments) want(name);
    for (const name of this.cells.keys()) {
      if (wanted.has(name)) continue;
      this.cells.delete(name);
      this.workspace.remove(this.file(name));
    }
  }

  private diagnose(cell: string, source: string): Diagnostic[] {
    const program = this.workspace.programWith(cell);
    const file = program.getSourceFile(cell)!;
    const describe = (each: ts.Diagnostic) => this.describe(each, cell, source);
    const syntax = program.getSyntacticDiagnostics(file);
    if (syntax.length > 0) return syntax.map(describe);
    const own = program
      .getSemanticDiagnostics(file, this.cancellation)
      .filter(({ start = 0 }) => start < Math.max(source.length, 1));
    if (own.length > 0) return own.map(describe);
    for (const each of this.reachableFrom(program, file)) {
      const wrong = [
        ...program.getSyntacticDiagnostics(each),
        ...program.getSemanticDiagnostics(each, this.cancellation),
      ];
      if (wrong.length > 0) return wrong.map(describe);
    }
    return [];
  }

  private describe(diagnostic: ts.Diagnostic, cell: string, source: string): Diagnostic {
    const { file, start = 0, length = 0, code, messageText, category } = diagnostic;
    const isCell = file?.fileName === cell;
    const text = isCell ? source : (file?.text ?? '');
    const begin = Math.min(start, text.length);
    const place = (offset: number) => {
      const before = text.slice(0, offset).split('\n');
      return { line: before.length - 1, character: before.at(-1)!.length };
    };
    return {
      file: isCell || !file ? undefined : path.relative(this.root, file.fileName),
      start: place(begin),
      end: place(Math.min(begin + length, text.length)),
      code,
      category,
      message: ts.flattenDiagnosticMessageText(messageText, '\n').split('\n'),
    };
  }

  private emit(
    program: ts.Program,
    file: ts.SourceFile,
    end: number,
    kind: 'cell' | 'module',
  ): { code: string; map: string; transformed: Transformed } {
    const { result, transformers: custom } = transformers({
      checker: program.getTypeChecker(),
      file,
      end,
      kind,
    });
    let code = '';
    let map = '{}';
    const take = (name: string, text: string) => {
      if (name.endsWith('.map')) map = text;
      // A line `#!…` is allowed at the beginning of a program only.
      else code = text.replace(/\n?\/\/# sourceMappingURL=\S*\s*$/, '').replace(/^#!/, '//');
    };
    program.emit(file, take, this.cancellation, false, custom);
    return { code, map, transformed: result };
  }

  /** Files of the user that specifiers in a file stand for; packages are left to Node.js. */
  private resolveAll(file: ts.SourceFile, specifiers: readonly string[]): Record<string, string> {
    const resolved: Record<string, string> = {};
    for (const specifier of specifiers) {
      const found = this.workspace.resolve(specifier, file.fileName);
      if (found !== undefined) resolved[specifier] = found;
    }
    return resolved;
  }

  /** TypeScript files of the user that a file imports, directly or not. */
  private reachableFrom(program: ts.Program, file: ts.SourceFile): ts.SourceFile[] {
    const found = new Map<string, ts.SourceFile>();
    const follow = (from: ts.SourceFile) => {
      for (const target of Object.values(this.resolveAll(from, outline(from.text).modules))) {
        const next = program.getSourceFile(target);
        if (!next || found.has(target) || this.cells.has(path.basename(target, '.ts'))) continue;
        if (!/\.[cm]?tsx?$/.test(target) || isLibrary(target)) continue;
        found.set(target, next);
        follow(next);
      }
    };
    follow(file);
    return [...found.values()];
  }

  private modulesFrom(program: ts.Program, files: readonly string[]): CompiledModule[] {
    const modules = new Map<string, CompiledModule>();
    const add = (file: string) => {
      if (modules.has(file) || isLibrary(file)) return;
      const module = this.module(program, file);
      if (!module) return;
      modules.set(file, module);
      Object.values(module.resolved).forEach(add);
    };
    files.forEach(add);
    return [...modules.values()];
  }

  private module(program: ts.Program, file: string): CompiledModule | undefined {
    const version = this.workspace.version(file);
    const known = this.emitted.get(file);
    if (known?.version === version) return known.module;
    const source = program.getSourceFile(file);
    if (!source) return undefined;
    let module: CompiledModule;
    if (file.endsWith('.json')) {
      module = { file, version, json: source.text, resolved: {}, imports: [], reexports: [] };
    } else if (/\.[cm]?tsx?$/.test(file)) {
      const { code, map, transformed } = this.emit(program, source, source.end, 'module');
      const specifiers = [...new Set([...transformed.imports, ...outline(source.text).modules])];
      const resolved = this.resolveAll(source, specifiers);
      const { imports, reexports, waits, bindings } = transformed;
      const names = bindings.map(({ name }) => name);
      module = {
        file,
        version,
        code: wrap(code, transformed),
        map,
        waits,
        imports,
        reexports,
        resolved,
        names,
      };
    } else return undefined;
    this.emitted.set(file, { version, module });
    return module;
  }

  private readonly cancellation: ts.CancellationToken = {
    isCancellationRequested: () => this.isCompiling && this.isCancelled(),
    throwIfCancellationRequested: () => {
      if (this.cancellation.isCancellationRequested())
        throw new Cancelled('interrupted while TypeScript checked the cell');
    },
  };
}

/** @throws Error when TypeScript would not answer before the user has given up. */
function shallow(source: string): Outline {
  const found = outline(source);
  if (found.depth <= MAX_DEPTH) return found;
  throw new Error(`literals nested ${found.depth} deep take it minutes; let JSON.parse read such a value`);
}
