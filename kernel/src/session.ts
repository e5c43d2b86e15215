import { AsyncLocalStorage } from 'node:async_hooks';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import vm from 'node:vm';
import type { Cell } from './cell';
import type { Compiler } from './compiler';
import type { CompiledCell } from './compiler-protocol';
import type { Guard } from './guard';
import { stopper } from './insertions';
import type { InterruptFlags } from './interrupts';
import { meta, Modules, parameters, surroundings, type Loaded, type Wrapped } from './modules';
import type { SourceMaps } from './source-maps';

type Bindings = Record<string, unknown>;

interface Options {
  root: string;
  compiler: Compiler;
  sourceMaps: SourceMaps;
  interrupts: InterruptFlags;
  guard: Guard;
  onPackage: (name: string) => void;
}

/** The variables of a notebook, from the first cell to the last. */
export class Session {
  /** Tells which cell the code belongs to that runs now, timers and promises of finished cells included. */
  readonly context = new AsyncLocalStorage<Cell>();

  private readonly modules: Modules;
  /** Accessors to the variables of each cell that has names which later cells can use. */
  private readonly bindings = new Map<string, Bindings>();
  /** The cell that defined a name last. */
  private readonly owners = new Map<string, string>();

  constructor(private readonly options: Options) {
    const { root, sourceMaps, compiler, guard, interrupts, onPackage } = options;
    this.modules = new Modules({
      root,
      sourceMaps,
      compiler,
      guard,
      flag: interrupts.flag(0),
      stop: stopper(() => this.context.getStore()?.checkpoint()),
      onPackage,
    });
  }

  /**
   * Compiles and runs a cell. When it fails, what it defined until then stays defined.
   *
   * @returns The value of its last expression.
   * @throws CompilationError, whatever the cell throws, or why it was given up.
   */
  async run(cell: Cell): Promise<unknown> {
    const { compiler, sourceMaps } = this.options;
    sourceMaps.addCell(cell.name, cell.source);
    const compiled = await Promise.race([compiler.compile(cell.name, cell.source), cell.givenUp]);
    this.modules.update(compiled.modules);
    const output: { value?: unknown } = {};
    let bindings: Bindings | undefined;
    try {
      const work = this.evaluate(cell, compiled, output, (given) => (bindings = given));
      await Promise.race([work, cell.givenUp]);
      // Rejections that nobody handles are reported when a turn of the event loop ends.
      await Promise.race([nextTurn().then(() => nextTurn()), cell.givenUp]);
      return output.value;
    } finally {
      this.settle(cell.name, compiled.names, bindings);
    }
  }

  private async evaluate(
    cell: Cell,
    compiled: CompiledCell,
    output: object,
    bind: (bindings: Bindings) => void,
  ): Promise<void> {
    const { root, sourceMaps, interrupts, guard } = this.options;
    const { code, map, resolved, imports, earlier } = compiled;
    const file = path.join(root, `${cell.name}.ts`);
    sourceMaps.addGenerated(cell.name, { map, lines: code.split('\n').length - 2, original: cell.name });
    await this.context.run(cell, async () => {
      const imported: Loaded[] = [];
      for (const specifier of imports) imported.push(await this.modules.load(specifier, resolved, file));
      const make = vm.runInThisContext(code, { filename: cell.name, lineOffset: -1 }) as Wrapped;
      const run = make(
        ...surroundings(this.modules, resolved, file),
        interrupts.flag(cell.flag),
        stopper(() => (this.context.getStore() ?? cell).checkpoint()),
        output,
        bind,
        guard,
        this.modules.importer(resolved, file),
        meta(file),
        ...earlier.map((name) => this.bindings.get(name)),
        ...parameters(imported),
      );
      await guard.run(run);
    });
  }

  /** What the cell has reached is defined from now on. */
  private settle(cell: string, names: readonly string[], bindings: Bindings | undefined): void {
    const unreached = names.filter((name) => !bindings || !isReached(bindings, name));
    const reached = names.filter((name) => !unreached.includes(name));
    this.options.compiler.settle(cell, unreached);
    if (bindings && reached.length > 0) this.bindings.set(cell, bindings);
    for (const name of reached) {
      const previous = this.owners.get(name);
      this.owners.set(name, cell);
      if (previous !== undefined && previous !== cell) this.release(previous);
    }
    if (reached.length === 0) this.options.sourceMaps.retire(cell);
  }

  /** Forgets a cell all of whose names belong to others by now; its functions live as long as something holds them. */
  private release(cell: string): void {
    for (const owner of this.owners.values()) if (owner === cell) return;
    this.bindings.delete(cell);
    this.options.sourceMaps.retire(cell);
  }
}

/** Whether a cell has defined a variable: one whose declaration was not executed is missing, or throws when it is read. */
function isReached(bindings: Bindings, name: string): boolean {
  try {
    void bindings[name];
    return name in bindings;
  } catch {
    return false;
  }
}
