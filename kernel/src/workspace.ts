/** Files as TypeScript sees them: libraries, the user's files, and documents that exist in memory only. */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { join, prepare } from './additions';

interface Document {
  text: string;
  version: number;
  snapshot: ts.IScriptSnapshot;
}

/** Modules that join a program before it is made anew, so that it forgets those that nothing uses any more. */
const MAX_ADDITIONS = 256;

export class Workspace {
  service: ts.LanguageService;

  private readonly documents = new Map<string, Document>();
  /** Modules that the program holds, also while no cell imports them: to load them again would take seconds. */
  private readonly loaded = new Set<string>();
  private readonly loader: string;
  private readonly remembered: Map<string, boolean>[] = [];
  private readonly snapshots = new Map<string, { version: string; snapshot: ts.IScriptSnapshot }>();
  /** Versions of files, as they were when the current request came. */
  private readonly versions = new Map<string, string>();
  private readonly registry = keepLibraries(ts.createDocumentRegistry(true));
  private readonly host: ts.LanguageServiceHost & ts.ModuleResolutionHost;
  private readonly additionHost: ts.CompilerHost;
  private readonly resolutions: ts.ModuleResolutionCache;
  /** The version of the document that was written last. */
  private generation = 0;
  private additions = 0;
  private latest: ts.Program | undefined;
  /** Files of the user in the latest program, with their versions there. */
  private readonly userFiles = new Map<string, string>();

  constructor(
    private readonly root: string,
    private readonly options: ts.CompilerOptions,
    private readonly cancellation: ts.CancellationToken,
  ) {
    this.loader = path.join(root, '__liandan_loaded__.ts');
    this.resolutions = ts.createModuleResolutionCache(root, (name) => name, options);
    this.host = this.createHost();
    this.additionHost = this.createAdditionHost();
    this.renewLoader();
    this.service = this.createService();
  }

  /** Files may have changed since the last request; during one they count as unchanged. */
  lookAgain(): void {
    this.versions.clear();
    const isChanged = [...this.userFiles].some(([file, version]) => this.version(file) !== version);
    if (isChanged || this.additions > MAX_ADDITIONS) this.renewLoader();
  }

  write(file: string, text: string): void {
    const version = ++this.generation;
    this.documents.set(file, { text, version, snapshot: ts.ScriptSnapshot.fromString(text) });
  }

  remove(file: string): void {
    if (this.documents.delete(file) && this.loaded.delete(this.specifier(file))) this.renewLoader();
  }

  /** Keeps modules in the program: files of the user at once, packages when it is made next. */
  load(modules: readonly string[]): void {
    for (const module of modules) {
      this.loaded.add(module);
      const file = this.resolve(module, this.loader);
      if (file !== undefined && !this.latest?.getSourceFile(file)) this.renewLoader();
    }
  }

  /** A program with a document, or a file of the user, and all that it imports. */
  programWith(file: string): ts.Program {
    if (this.has(this.program(), file)) return this.program();
    this.renewLoader();
    if (this.has(this.program(), file)) return this.program();
    this.load([this.specifier(file)]);
    this.renewLoader();
    return this.program();
  }

  /** What seemed missing may exist by now: all modules are looked for again. */
  forget(): void {
    for (const answers of this.remembered) answers.clear();
    this.resolutions.clear();
    this.snapshots.clear();
    this.service.dispose();
    this.service = this.createService();
  }

  /** The file of the user that a specifier stands for; packages are left to Node.js. */
  resolve(specifier: string, from: string): string | undefined {
    if (!/^\.{0,2}\//.test(specifier)) return undefined;
    const found = ts.resolveModuleName(specifier, from, this.options, this.host).resolvedModule;
    return found && !/\.d\.[cm]?ts$/.test(found.resolvedFileName) ? found.resolvedFileName : undefined;
  }

  version(file: string): string {
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

  private program(): ts.Program {
    const program = this.service.getProgram()!;
    if (program !== this.latest) {
      this.latest = program;
      this.additions = 0;
      this.userFiles.clear();
      for (const { fileName } of program.getSourceFiles()) {
        if (!isLibrary(fileName) && !this.documents.has(fileName))
          this.userFiles.set(fileName, this.version(fileName));
      }
    }
    return program;
  }

  private has(program: ts.Program, file: string): boolean {
    if (program.getSourceFile(file)) return true;
    if (!this.documents.has(file)) return false;
    const addition = prepare(file, this.options, this.additionHost);
    for (const each of addition.imports) if (!this.has(program, each)) return false;
    this.additions++;
    return join(program, addition);
  }

  /** The program is made anew when it is asked for next. */
  private renewLoader(): void {
    const imports = [...this.loaded].map((module) => `import ${JSON.stringify(module)};\n`).join('');
    this.write(this.loader, `${imports}export {};`);
  }

  private specifier(file: string): string {
    return `./${path.relative(this.root, file)}`;
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

  private createService(): ts.LanguageService {
    return ts.createLanguageService(this.host, this.registry);
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
      getScriptFileNames: () => [this.loader],
      getProjectVersion: () => String(this.documents.get(this.loader)!.version),
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

  private createAdditionHost(): ts.CompilerHost {
    return {
      ...this.host,
      getCancellationToken: () => this.cancellation,
      useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
      getCanonicalFileName: (file) => (ts.sys.useCaseSensitiveFileNames ? file : file.toLowerCase()),
      getNewLine: () => ts.sys.newLine,
      getSourceFile: (file, options) =>
        ts.createLanguageServiceSourceFile(file, this.snapshot(file)!, options, this.version(file), false),
      writeFile: () => undefined,
    };
  }
}

/** Read by the language service, though its declarations do not say so. */
interface WithResolutions {
  getModuleResolutionCache(): ts.ModuleResolutionCache;
}

export function isLibrary(file: string): boolean {
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
