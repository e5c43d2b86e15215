import Module from 'node:module';
import path from 'node:path';
import vm from 'node:vm';
import type { ImportedFile } from './compiler';
import type { SourceMaps } from './source-maps';

type Require = (id: string) => unknown;

/** Loads what cells import: `.ts` files of the repository as the compiler left them, all else as Node.js does. */
export class ImportedFiles {
  private readonly code = new Map<string, string>();
  private readonly loaded = new Map<string, { exports: unknown }>();

  constructor(
    private readonly root: string,
    private readonly sourceMaps: SourceMaps,
  ) {}

  /** Takes files that are new or have changed; they run when they are imported next. */
  update(files: ImportedFile[]): void {
    for (const { path: file, code, maps } of files) {
      this.code.set(file, code);
      this.loaded.delete(file);
      const original = path.relative(this.root, file.replace(/\.js$/, '.ts'));
      this.sourceMaps.addGenerated(file, { maps, lines: code.split('\n').length, prefixLines: 0, original });
    }
  }

  /** @param folder Where relative names start. */
  requireFrom(folder: string): Require {
    const require: Require = Module.createRequire(path.join(folder, 'cell.js'));
    return (id) => {
      const file = id.startsWith('.') ? path.resolve(folder, id.replace(/\.js$/, '')) + '.js' : undefined;
      return file !== undefined && this.code.has(file) ? this.load(file) : require(id);
    };
  }

  private load(file: string): unknown {
    const known = this.loaded.get(file);
    if (known) return known.exports;
    const module = { exports: {} };
    this.loaded.set(file, module);
    try {
      const folder = path.dirname(file);
      const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];
      const run = vm.compileFunction(this.code.get(file) ?? '', parameters, { filename: file }) as (
        ...args: unknown[]
      ) => void;
      run(module.exports, this.requireFrom(folder), module, file, folder);
    } catch (error) {
      this.loaded.delete(file);
      throw error;
    }
    return module.exports;
  }
}
