/** TypeScript's language service on the cells of a notebook and the files that they import. */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { cellDocument, outline, type Origin, type Outline } from './cell-document';
import type { CompiledCell, CompiledModule, Diagnostic } from './compiler-protocol';
import { transformers, wrap, type Transformed } from './transforms';

/** What the kernel decides itself, because the rest of it depends on it. */
const FIXED: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  preserveConstEnums: true,
  noEmit: false,
  declaration: false,
  composite: false,
  incremental: false,
  isolatedModules: false,
  sourceMap: true,
  inlineSources: false,
  removeComments: false,
  outDir: undefined,
  rootDir: undefined,
  tsBuildInfoFile: undefined,
};

/** @throws Error when the file is missing or has an error, with TypeScript's message. */
export function readCompilerOptions(file: string): ts.CompilerOptions {
  const fail = (error: ts.Diagnostic): never => {
    throw new Error(`Cannot use ${file}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`);
  };
  const read = ts.readConfigFile(file, (name) => fs.readFileSync(name, 'utf8'));
  if (read.error) fail(read.error);
  // Only the options count; looking for the files of a project would be for nothing.
  const host = { ...ts.sys, readDirectory: () => [] };
  const parsed = ts.parseJsonConfigFileContent(read.config, host, path.dirname(file), undefined, file);
  const wrong = parsed.errors.find(({ code }) => code !== NO_INPUTS);
  if (wrong) fail(wrong);
  return { ...parsed.options, ...FIXED };
}

const NO_INPUTS = 18003;
/** The time that checking nested literals takes grows with the third power of their depth: 3 s for this one. */
const MAX_DEPTH = 500;
/** Cannot find a module, or its types: the package may have been installed meanwhile. */
const NOT_FOUND = new Set([2307, 7016, 2792]);

interface Document {
  text: string;
  version: number;
  snapshot: ts.IScriptSnapshot;
}

/** A cell that has run, as later cells see it. */
interface EarlierCell {
  /** Virtual files of the cells that it takes names from. */
  uses: string[];
  augments: boolean;
}

/** The program of a cell, before it is known what of it will be reached. */
interface Pending {
  name: string;
  text: string;
  outline: Outline;
  uses: string[];
}

/** Thrown out of TypeScript when Interrupt comes while it works. */
export class Cancelled extends Error {}

export class Language {
  private readonly options: ts.CompilerOptions;
  private readonly documents = new Map<string, Document>();
  private readonly names = new Map<string, Origin>();
  private readonly cells = new Map<string, EarlierCell>();
  private readonly packages = new Set<string>();
  private readonly remembered: Map<string, boolean>[] = [];
  private readonly snapshots = new Map<string, { version: string; snapshot: ts.IScriptSnapshot }>();
  /** Versions of files, as they were when the current request came. */
  private readonly versions = new Map<string, string>();
  private readonly emitted = new Map<string, { version: string; module: CompiledModule }>();
  private readonly registry = keepLibraries(ts.createDocumentRegistry(true));
  private readonly host: ts.LanguageServiceHost & ts.ModuleResolutionHost;
  private readonly resolutions: ts.ModuleResolutionCache;
  private service: ts.LanguageService;
  private isCompiling = false;
  private generation = 0;
  private requests = 0;
  private pending: Pending | undefined;

  private readonly cellFile: string;
  private readonly editorFile: string;
  private readonly packagesFile: string;

  constructor(
    private readonly root: string,
    private readonly isCancelled: () => boolean,
  ) {
    this.options = readCompilerOptions(path.join(root, 'notebooks', 'tsconfig.json'));
    this.cellFile = path.join(root, '__liandan_cell__.ts');
    this.editorFile = path.join(root, '__liandan_editor__.ts');
    this.packagesFile = path.join(root, '__liandan_packages__.ts');
    for (const file of [this.cellFile, this.editorFile, this.packagesFile]) this.write(file, 'export {};');
    this.resolutions = ts.createModuleResolutionCache(root, (name) => name, this.options);
    this.host = this.createHost();
    this.service = this.createService();
  }

  /** Parses the libraries, so that the first cell does not wait for it. */
  warmUp(): void {
    this.program();
  }

  /** Type-checks a cell and makes the code that runs it. Errors come back as diagnostics. */
  compile(name: string, source: string): CompiledCell | Diagnostic[] {
    this.isCompiling = true;
    this.lookAgain();
    try {
      return this.check(name, source);
    } finally {
      this.isCompiling = false;
    }
  }

  private check(name: string, source: string): CompiledCell | Diagnostic[] {
    const found = shallow(source);
    const uses = this.write(this.cellFile, cellDocument(source, found, this.names)).uses;
    this.pending = { name, text: this.documents.get(this.cellFile)!.text, outline: found, uses };
    this.keepLoaded(found.modules);
    let wrong = this.diagnose(source);
    if (wrong.some(({ code }) => NOT_FOUND.has(code))) {
      this.forget();
      wrong = this.diagnose(source);
    }
    if (wrong.length > 0) return wrong;

    const program = this.program();
    const file = program.getSourceFile(this.cellFile)!;
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
    this.lookAgain();
    this.keepLoaded([`./${path.relative(this.root, file)}`]);
    return this.modulesFrom(this.program(), [file]);
  }

  /** What the cell that was compiled last has reached is defined from now on. */
  settle(name: string, unreached: readonly string[]): void {
    const { pending } = this;
    if (!pending || pending.name !== name) return;
    this.pending = undefined;
    const lost = new Set(unreached);
    const reached = pending.outline.declared.filter((each) => !lost.has(each.name));
    if (reached.length === 0 && !pending.outline.augments) return;
    const file = path.join(this.root, `${name}.ts`);
    this.write(file, pending.text);
    this.cells.set(name, { uses: pending.uses, augments: pending.outline.augments });
    const replaces = reached.some((each) => this.names.has(each.name));
    for (const each of reached)
      this.names.set(each.name, { module: `./${name}`, assignable: each.assignable });
    if (pending.outline.augments) this.keepLoaded([`./${name}`]);
    if (replaces) this.dropUnused();
  }

  /** Names that later cells can use. */
  definedNames(): Iterable<string> {
    return this.names.keys();
  }

  /** A document with what an editor shows, and the service that answers for it. */
  editor(source: string): { service: ts.LanguageService; file: string; outline: Outline } {
    this.lookAgain();
    const found = shallow(source);
    this.write(this.editorFile, cellDocument(source, found, this.names));
    return { service: this.service, file: this.editorFile, outline: found };
  }

  /** After an exception in TypeScript: its state may be half changed. */
  renew(): void {
    this.snapshots.clear();
    this.emitted.clear();
    this.pending = undefined;
    this.forget();
    for (const file of [this.cellFile, this.editorFile]) this.write(file, 'export {};');
  }

  /** Files may have changed since the last request; during one they count as unchanged. */
  private lookAgain(): void {
    this.requests++;
    this.versions.clear();
  }

  private program(): ts.Program {
    return this.service.getProgram()!;
  }

  private write(file: string, text: string): { uses: string[] } {
    const version = ++this.generation;
    this.documents.set(file, { text, version, snapshot: ts.ScriptSnapshot.fromString(text) });
    const uses = [...text.matchAll(/^import \{.*\} from '\.\/(.*)';$/gm)].map((match) => match[1]!);
    return { uses: uses.filter((name) => this.cells.has(name)) };
  }

  /** Keeps modules in the program, so that cells that do not use them do not make TypeScript forget them. */
  private keepLoaded(modules: readonly string[]): void {
    const size = this.packages.size;
    for (const module of modules) this.packages.add(module);
    if (this.packages.size === size) return;
    const text = [...this.packages].map((module) => `import ${JSON.stringify(module)};\n`).join('');
    this.write(this.packagesFile, `${text}export {};`);
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
      this.documents.delete(path.join(this.root, `${name}.ts`));
    }
  }

  private diagnose(source: string): Diagnostic[] {
    const program = this.program();
    const file = program.getSourceFile(this.cellFile)!;
    const syntax = program.getSyntacticDiagnostics(file);
    if (syntax.length > 0) return syntax.map((each) => this.describe(each, source));
    const own = program
      .getSemanticDiagnostics(file, this.cancellation)
      .filter(({ start = 0 }) => start < Math.max(source.length, 1));
    if (own.length > 0) return own.map((each) => this.describe(each, source));
    for (const each of this.reachableFrom(program, file)) {
      const wrong = [
        ...program.getSyntacticDiagnostics(each),
        ...program.getSemanticDiagnostics(each, this.cancellation),
      ];
      if (wrong.length > 0) return wrong.map((one) => this.describe(one, source));
    }
    return [];
  }

  private describe(diagnostic: ts.Diagnostic, source: string): Diagnostic {
    const { file, start = 0, length = 0, code, messageText, category } = diagnostic;
    const isCell = file?.fileName === this.cellFile;
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
      if (!/^\.{0,2}\//.test(specifier)) continue;
      const found = ts.resolveModuleName(specifier, file.fileName, this.options, this.host).resolvedModule;
      if (found && !/\.d\.[cm]?ts$/.test(found.resolvedFileName))
        resolved[specifier] = found.resolvedFileName;
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
    const version = this.version(file);
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

  /** What seemed missing may exist by now: all modules are looked for again. */
  private forget(): void {
    for (const answers of this.remembered) answers.clear();
    this.resolutions.clear();
    this.service.dispose();
    this.service = this.createService();
  }

  private readonly cancellation: ts.CancellationToken = {
    isCancellationRequested: () => this.isCompiling && this.isCancelled(),
    throwIfCancellationRequested: () => {
      if (this.cancellation.isCancellationRequested())
        throw new Cancelled('interrupted while TypeScript checked the cell');
    },
  };

  private createService(): ts.LanguageService {
    return ts.createLanguageService(this.host, this.registry);
  }

  private version(file: string): string {
    const document = this.documents.get(file);
    if (document) return String(document.version);
    if (isLibrary(file)) return '1';
    let version = this.versions.get(file);
    if (version === undefined) {
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      version = stat ? `${stat.mtimeMs}:${stat.size}` : 'missing';
      this.versions.set(file, version);
    }
    return version;
  }

  private snapshot(file: string): ts.IScriptSnapshot | undefined {
    const document = this.documents.get(file);
    if (document) return document.snapshot;
    const version = this.version(file);
    const known = this.snapshots.get(file);
    if (known?.version === version) return known.snapshot;
    const text = ts.sys.readFile(file);
    if (text === undefined) return undefined;
    const snapshot = ts.ScriptSnapshot.fromString(text);
    this.snapshots.set(file, { version, snapshot });
    return snapshot;
  }

  /** Answers about libraries are remembered: they are asked for thousands of times, and do not change. */
  private remember(ask: (name: string) => boolean): (name: string) => boolean {
    const answers = new Map<string, boolean>();
    this.remembered.push(answers);
    return (name) => {
      if (!isLibrary(name)) return ask(name);
      const known = answers.get(name);
      if (known !== undefined) return known;
      const answer = ask(name);
      answers.set(name, answer);
      return answer;
    };
  }
  private createHost(): ts.LanguageServiceHost & ts.ModuleResolutionHost {
    const exists = this.remember((name) => ts.sys.fileExists(name));
    const folderExists = this.remember((name) => ts.sys.directoryExists(name));
    const realPaths = new Map<string, string>();
    const host: ts.LanguageServiceHost & ts.ModuleResolutionHost & WithResolutions = {
      // Without these, TypeScript would read the descriptions of all packages again for each cell.
      getModuleResolutionCache: () => this.resolutions,
      resolveModuleNameLiterals: (literals, from, redirected, options) =>
        literals.map(({ text }) =>
          ts.resolveModuleName(
            text,
            from,
            options,
            host,
            isLibrary(from) ? this.resolutions : undefined,
            redirected,
          ),
        ),
      getScriptFileNames: () => [this.packagesFile, this.cellFile, this.editorFile],
      getProjectVersion: () => `${this.requests}:${this.generation}`,
      getScriptVersion: (file) => this.version(file),
      getScriptSnapshot: (file) => this.snapshot(file),
      getCurrentDirectory: () => this.root,
      getCompilationSettings: () => this.options,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
      fileExists: (file) => this.documents.has(file) || exists(file),
      readFile: (file) => this.documents.get(file)?.text ?? ts.sys.readFile(file),
      readDirectory: (folder, ...rest) => ts.sys.readDirectory(folder, ...rest),
      directoryExists: folderExists,
      getDirectories: (folder) => ts.sys.getDirectories(folder),
      realpath: (name) => {
        const known = realPaths.get(name);
        if (known !== undefined) return known;
        const real = ts.sys.realpath?.(name) ?? name;
        if (isLibrary(name)) realPaths.set(name, real);
        return real;
      },
      getCancellationToken: () => this.cancellation,
    };
    return host;
  }
}

/** @throws Error when TypeScript would not answer before the user has given up. */
function shallow(source: string): Outline {
  const found = outline(source);
  if (found.depth <= MAX_DEPTH) return found;
  throw new Error(`literals nested ${found.depth} deep take it minutes; let JSON.parse read such a value`);
}

/** Read by the language service, though its declarations do not say so. */
interface WithResolutions {
  getModuleResolutionCache(): ts.ModuleResolutionCache;
}

function isLibrary(file: string): boolean {
  return file.includes('/node_modules');
}

/**
 * Parsing a library again because one cell did not use it would cost seconds; and to ask whether one has changed, for
 * each of a thousand files and each cell, as much as the rest of a small cell.
 */
function keepLibraries(registry: ts.DocumentRegistry): ts.DocumentRegistry {
  const libraries = new Map<string, ts.SourceFile>();
  const once =
    (get: ts.DocumentRegistry['acquireDocumentWithKey']): typeof get =>
    (file, path, ...rest) => {
      const known = libraries.get(path);
      if (known) return known;
      const source = get(file, path, ...rest);
      if (isLibrary(file)) libraries.set(path, source);
      return source;
    };
  registry.acquireDocumentWithKey = once(registry.acquireDocumentWithKey.bind(registry));
  registry.updateDocumentWithKey = once(registry.updateDocumentWithKey.bind(registry));
  const release = registry.releaseDocumentWithKey.bind(registry);
  registry.releaseDocumentWithKey = (
    file: ts.Path,
    key: ts.DocumentRegistryBucketKey,
    scriptKind: ts.ScriptKind,
    format?: ts.ResolutionMode,
  ) => {
    if (!isLibrary(file)) release(file, key, scriptKind, format);
  };
  return registry;
}
