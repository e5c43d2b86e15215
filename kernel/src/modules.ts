import fs from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import type { Compiler } from './compiler';
import type { CompiledModule } from './compiler-protocol';
import type { Guard } from './guard';
import type { SourceMaps } from './source-maps';

type Exports = Record<string, unknown>;

/** A module as importers see it. */
export interface Loaded {
  /** For `import * as x`. */
  namespace: unknown;
  /** Where named imports are read. */
  named: unknown;
  /** Where `default` is read. */
  defaults: { default: unknown };
}

interface Record_ {
  version: string;
  loaded: Loaded;
  /** Files of the user that it imports. */
  uses: Set<string>;
  done: Promise<void> | undefined;
}

/** What the code of a cell or module is called with, besides what it imports. */
export type Wrapped = (...parameters: unknown[]) => () => unknown;

interface Options {
  root: string;
  sourceMaps: SourceMaps;
  compiler: Compiler;
  guard: Guard;
  flag: Int32Array;
  stop: readonly unknown[];
  /** Called when a package has been loaded. */
  onPackage: (name: string) => void;
}

/** Loads what cells import: files of the user as the compiler left them, renewed when they change; all else as Node.js does. */
export class Modules {
  private readonly compiled = new Map<string, CompiledModule>();
  private readonly records = new Map<string, Record_>();
  /** JavaScript files of the user, each with those it requires, as they were when they were loaded. */
  private readonly scripts = new Map<string, Map<string, string>>();

  constructor(private readonly options: Options) {}

  /** Forgets what has changed since it was loaded, and all that imports it. */
  update(modules: readonly CompiledModule[]): void {
    for (const module of modules) this.compiled.set(module.file, module);
    const stale = new Set<string>();
    for (const [file, { version }] of this.records) {
      if (this.compiled.get(file)?.version !== version) stale.add(file);
    }
    for (const [file, tree] of this.scripts) {
      if ([...tree].every(([each, version]) => versionOf(each) === version)) continue;
      stale.add(file);
      for (const each of tree.keys()) Reflect.deleteProperty(requireHere.cache, each);
      this.scripts.delete(file);
    }
    for (let size = -1; size !== stale.size;) {
      size = stale.size;
      for (const [file, { uses }] of this.records)
        if ([...uses].some((used) => stale.has(used))) stale.add(file);
    }
    for (const file of stale) this.records.delete(file);
  }

  /** @param resolved Files of the user that specifiers stand for. */
  load(specifier: string, resolved: Readonly<Record<string, string>>, from: string): Promise<Loaded> {
    return this.loadFrom(specifier, resolved, from, new Set());
  }

  /** `import()` of a cell or module. */
  importer(
    resolved: Readonly<Record<string, string>>,
    from: string,
  ): (specifier: string) => Promise<unknown> {
    return async (specifier) => {
      const known = { ...resolved };
      const file = known[specifier] ?? typescriptFile(specifier, from);
      if (file !== undefined && !this.compiled.has(file))
        this.update(await this.options.compiler.module(file));
      if (file !== undefined) known[specifier] = file;
      const { namespace, defaults } = await this.load(specifier, known, from);
      const isObject = typeof namespace === 'object' && namespace !== null;
      return isObject && ('default' in namespace || namespace === defaults)
        ? namespace
        : { ...(namespace as object), default: defaults.default };
    };
  }

  /** `require()` of a cell or module. */
  requireFrom(resolved: Readonly<Record<string, string>>, from: string): NodeJS.Require {
    const original = Module.createRequire(from);
    const require = (id: string): unknown => {
      const file = resolved[id] ?? typescriptFile(id, from);
      if (file !== undefined && this.compiled.has(file)) return this.loadNow(file, id).namespace;
      const isOwn = isRelative(id);
      const loaded: unknown = original(id);
      if (isOwn) this.remember(original.resolve(id));
      else this.options.onPackage(id);
      return loaded;
    };
    return Object.assign(require, original);
  }

  private async loadFrom(
    specifier: string,
    resolved: Readonly<Record<string, string>>,
    from: string,
    ancestors: ReadonlySet<string>,
  ): Promise<Loaded> {
    const file = resolved[specifier];
    if (file !== undefined && this.compiled.has(file)) return this.loadFile(file, ancestors);
    return this.loadOther(specifier, from);
  }

  private async loadFile(file: string, ancestors: ReadonlySet<string>): Promise<Loaded> {
    const known = this.records.get(file);
    if (known) {
      // In a circle of imports, one has to go first.
      if (!ancestors.has(file)) await known.done;
      return known.loaded;
    }
    const module = this.compiled.get(file)!;
    const record = this.begin(module);
    const evaluate = async () => {
      const inner = new Set(ancestors).add(file);
      const imported: Loaded[] = [];
      for (const specifier of module.imports) {
        imported.push(await this.loadFrom(specifier, module.resolved, file, inner));
        this.noteUse(record, specifier, module);
      }
      await this.evaluate(module, record, imported);
    };
    record.done = evaluate();
    try {
      await record.done;
    } catch (error) {
      this.records.delete(file);
      throw error;
    }
    return record.loaded;
  }

  private loadNow(file: string, id: string): Loaded {
    const known = this.records.get(file);
    if (known) return known.loaded;
    const module = this.compiled.get(file)!;
    if (module.waits)
      throw new Error(
        `require('${id}') cannot wait for the top-level await of ${id}; use await import('${id}')`,
      );
    const record = this.begin(module);
    try {
      const imported = module.imports.map((specifier) => {
        const inner = module.resolved[specifier];
        this.noteUse(record, specifier, module);
        if (inner !== undefined && this.compiled.has(inner)) return this.loadNow(inner, specifier);
        return fromCommonJs(Module.createRequire(file)(specifier));
      });
      void this.evaluate(module, record, imported);
    } catch (error) {
      this.records.delete(file);
      throw error;
    }
    return record.loaded;
  }

  private noteUse(record: Record_, specifier: string, { resolved, file }: CompiledModule): void {
    const used = resolved[specifier] ?? (isRelative(specifier) ? resolveScript(specifier, file) : undefined);
    if (used !== undefined) record.uses.add(used);
  }

  private begin({ file, version, json }: CompiledModule): Record_ {
    const namespace: Exports = Object.create(null) as Exports;
    Object.defineProperty(namespace, Symbol.toStringTag, { value: 'Module' });
    const loaded: Loaded = { namespace, named: namespace, defaults: namespace as { default: unknown } };
    if (json !== undefined) {
      const value = JSON.parse(json) as Exports;
      Object.assign(namespace, value, { default: value });
    }
    const record: Record_ = { version, loaded, uses: new Set(), done: undefined };
    this.records.set(file, record);
    return record;
  }

  private evaluate(module: CompiledModule, record: Record_, imported: Loaded[]): unknown {
    const { file, code, map, names = [], reexports } = module;
    if (code === undefined) return undefined;
    const { sourceMaps, root, guard, flag, stop } = this.options;
    const namespace = record.loaded.namespace as Exports;
    const bind = (bindings: Exports) => {
      const give = (name: string, get: () => unknown) =>
        Object.defineProperty(namespace, name, { get, enumerable: true, configurable: true });
      for (const index of reexports) {
        const source = imported[index]!.namespace as Exports;
        for (const name of Object.keys(source)) if (name !== 'default') give(name, () => source[name]);
      }
      for (const name of names) give(name, () => bindings[name]);
      // Accessors of a prototype are fast; those of the namespace are not.
      if (reexports.length === 0) record.loaded.named = bindings;
    };
    sourceMaps.addGenerated(file, {
      map: map ?? '{}',
      lines: code.split('\n').length - 2,
      original: path.relative(root, file),
    });
    const make = vm.runInThisContext(code, { filename: file, lineOffset: -1 }) as Wrapped;
    const run = make(
      ...surroundings(this, module.resolved, file),
      flag,
      stop,
      {},
      bind,
      guard,
      this.importer(module.resolved, file),
      meta(file),
      ...parameters(imported),
    );
    return guard.run(run);
  }

  private async loadOther(specifier: string, from: string): Promise<Loaded> {
    const require = Module.createRequire(from);
    if (Module.isBuiltin(specifier)) return fromCommonJs(require(specifier));
    let file: string | undefined;
    try {
      file = require.resolve(specifier);
    } catch (error) {
      // A package for `import` only has nothing to require; one that does not exist fails again below.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED' && code !== 'MODULE_NOT_FOUND') throw error;
      if (isRelative(specifier)) throw error;
    }
    if (file !== undefined && !isEsModule(file)) {
      const loaded = fromCommonJs(require(file));
      if (isRelative(specifier)) this.remember(file);
      else this.options.onPackage(specifier);
      return loaded;
    }
    if (file !== undefined && isRelative(specifier)) {
      const version = versionOf(file);
      this.scripts.set(file, new Map([[file, version]]));
      return fromEsModule(await import(`${pathToFileURL(file).href}?version=${encodeURIComponent(version)}`));
    }
    const { resolve } = await import('import-meta-resolve');
    return fromEsModule(await import(resolve(specifier, pathToFileURL(from).href)));
  }

  /** Notes which JavaScript files of the user have been loaded, so that they are renewed when they change. */
  private remember(file: string): void {
    if (this.scripts.has(file)) return;
    const tree = new Map<string, string>();
    const follow = (module: NodeJS.Module | undefined) => {
      if (!module || tree.has(module.filename) || module.filename.includes('node_modules')) return;
      tree.set(module.filename, versionOf(module.filename));
      module.children.forEach(follow);
    };
    follow(requireHere.cache[file]);
    this.scripts.set(file, tree);
  }
}

const requireHere = Module.createRequire(__filename);

/** The first parameters of a wrapped function. */
export function surroundings(
  modules: Modules,
  resolved: Readonly<Record<string, string>>,
  file: string,
): unknown[] {
  const module = { exports: {} };
  return [module.exports, modules.requireFrom(resolved, file), module, file, path.dirname(file)];
}

/** The last parameters of a wrapped function. */
export function parameters(imported: readonly Loaded[]): unknown[] {
  return imported.flatMap(({ namespace, named, defaults }) => [namespace, named, defaults]);
}

/** `import.meta` */
export function meta(file: string): object {
  const { href: url } = pathToFileURL(file);
  const resolve = (specifier: string) => pathToFileURL(Module.createRequire(file).resolve(specifier)).href;
  return { url, filename: file, dirname: path.dirname(file), resolve };
}

function fromCommonJs(exports: unknown): Loaded {
  const isModule = isObject(exports) && exports.__esModule === true;
  const defaults = isModule ? (exports as unknown as { default: unknown }) : { default: exports };
  return { namespace: exports, named: exports, defaults };
}

function fromEsModule(namespace: unknown): Loaded {
  return { namespace, named: namespace, defaults: namespace as { default: unknown } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isRelative(specifier: string): boolean {
  return /^\.{0,2}\//.test(specifier) || specifier === '.' || specifier === '..';
}

function typescriptFile(specifier: string, from: string): string | undefined {
  if (!isRelative(specifier)) return undefined;
  const base = path.resolve(path.dirname(from), specifier);
  const candidates = [
    base,
    `${base}.ts`,
    `${base}.mts`,
    base.replace(/\.([cm]?)js$/, '.$1ts'),
    path.join(base, 'index.ts'),
  ];
  return candidates.find((file) => /\.[cm]?tsx?$/.test(file) && fs.existsSync(file));
}

function resolveScript(specifier: string, from: string): string | undefined {
  try {
    return Module.createRequire(from).resolve(specifier);
  } catch {
    return undefined;
  }
}

function isEsModule(file: string): boolean {
  if (/\.[cm]?js$/.test(file) && !file.endsWith('.js')) return file.endsWith('.mjs');
  if (!file.endsWith('.js')) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const description = path.join(folder, 'package.json');
    if (fs.existsSync(description))
      return (JSON.parse(fs.readFileSync(description, 'utf8')) as { type?: string }).type === 'module';
    if (folder === path.dirname(folder)) return false;
  }
}

function versionOf(file: string): string {
  try {
    const { mtimeMs, size } = fs.statSync(file);
    return `${mtimeMs}:${size}`;
  } catch {
    return 'missing';
  }
}
