import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import vm from 'node:vm';
import type { Cell } from './cell';
import type { CompiledCell, Compiler, Completion } from './compiler';
import { declarationsAfterFailure } from './declarations';
import { ImportedFiles } from './imported-files';
import type { SourceMaps } from './source-maps';
import { wrapCell, type CellFunction } from './transforms';
import { loadTypeScript, PREFIX_LINES } from './tslab-internals';

/** The variables of a notebook and their types, from the first cell to the last. */
export class Session {
  /** Tells which cell the code belongs to that runs now, timers and promises of finished cells included. */
  readonly context = new AsyncLocalStorage<Cell>();

  private readonly scope: Record<string, unknown> = {};
  private readonly importedFiles: ImportedFiles;
  private declarations = '';

  constructor(
    private readonly root: string,
    private readonly compiler: Compiler,
    private readonly sourceMaps: SourceMaps,
  ) {
    this.importedFiles = new ImportedFiles(root, sourceMaps);
  }

  /**
   * Compiles and runs a cell. When it fails, what it defined until then stays defined.
   *
   * @returns The value of its last expression.
   * @throws CompilationError, whatever the cell throws, or why it was given up.
   */
  async run(cell: Cell): Promise<unknown> {
    this.sourceMaps.addCell(cell.name, cell.source);
    const compiled = this.compiler.compile(cell.source, this.declarations);
    this.importedFiles.update(compiled.importedFiles);
    if (compiled.code === undefined) return undefined;

    const { names, declarations, resultName } = compiled;
    const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(this.scope, name)] as const);
    try {
      await Promise.race([this.evaluate(cell, compiled), cell.givenUp]);
      // Rejections that nobody handles are reported when a turn of the event loop ends.
      await Promise.race([nextTurn().then(() => nextTurn()), cell.givenUp]);
      this.declarations = declarations;
      return resultName === undefined ? undefined : this.scope[resultName];
    } catch (error) {
      const unreached = new Set<string>();
      for (const [name, previous] of before) {
        if (this.isReached(name, previous)) continue;
        unreached.add(name);
        this.restore(name, previous);
      }
      this.declarations = declarationsAfterFailure(
        loadTypeScript(),
        this.declarations,
        declarations,
        unreached,
      );
      throw error;
    } finally {
      if (resultName !== undefined) Reflect.deleteProperty(this.scope, resultName);
    }
  }

  get typescriptVersion(): string {
    return this.compiler.typescriptVersion;
  }

  isComplete(source: string): { completed: boolean; indent?: string } {
    return this.compiler.isComplete(source);
  }

  complete(source: string, offset: number): Completion {
    return this.compiler.complete(source, this.declarations, offset);
  }

  inspect(source: string, offset: number): { signature: string; text: string } | undefined {
    return this.compiler.inspect(source, this.declarations, offset);
  }

  private async evaluate(cell: Cell, { code = '', maps }: CompiledCell): Promise<void> {
    const lines = code.split('\n').length;
    this.sourceMaps.addGenerated(cell.name, { maps, lines, prefixLines: PREFIX_LINES, original: cell.name });
    const define = vm.runInThisContext(wrapCell(code), {
      filename: cell.name,
      lineOffset: -1,
    }) as CellFunction;
    const bind = (bindings: object) => {
      Object.defineProperties(this.scope, Object.getOwnPropertyDescriptors(bindings));
    };
    const checkpoint = () => {
      if (cell.hasToCheck) (this.context.getStore() ?? cell).checkpoint();
    };
    await this.context.run(cell, () =>
      define(this.scope, this.importedFiles.requireFrom(this.root), bind, checkpoint),
    );
  }

  /** Whether a cell has defined a variable: one whose declaration was not executed throws when it is read. */
  private isReached(name: string, previous: PropertyDescriptor | undefined): boolean {
    try {
      void this.scope[name];
      return Object.getOwnPropertyDescriptor(this.scope, name)?.get !== previous?.get;
    } catch {
      return false;
    }
  }

  private restore(name: string, previous: PropertyDescriptor | undefined): void {
    Reflect.deleteProperty(this.scope, name);
    if (previous) Object.defineProperty(this.scope, name, previous);
  }
}
