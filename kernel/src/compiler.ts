import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type {
  CompiledCell,
  CompiledModule,
  CompilerThreadData,
  Diagnostic,
  FromCompiler,
  ToCompiler,
} from './compiler-protocol';

/** The cell has errors that TypeScript found; nothing was run. */
export class CompilationError extends Error {
  constructor(readonly diagnostics: Diagnostic[]) {
    super('the cell has type errors');
  }
}

/** TypeScript itself failed. */
export class CompilerFailure extends Error {
  override readonly name = 'CompilerFailure';
}

const STACK_MEGABYTES = 4;
/** Parsing and checking go as fast with 8 as with 32, which stay resident. */
const YOUNG_GENERATION_MEGABYTES = 8;

interface Waiting {
  resolve(value: CompiledCell | CompiledModule[]): void;
  reject(reason: Error): void;
}

/** The main thread's end of the compiler's thread. */
export class Compiler {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  /** @param onUnusable Called when there can be no compiler, e.g. because of an error in the configuration. */
  constructor(data: CompilerThreadData, onUnusable: (message: string) => void) {
    this.worker = new Worker(path.join(__dirname, 'compiler-thread.js'), {
      workerData: data,
      transferList: [data.editorPort],
      resourceLimits: { stackSizeMb: STACK_MEGABYTES, maxYoungGenerationSizeMb: YOUNG_GENERATION_MEGABYTES },
    });
    this.worker.on('message', (message: FromCompiler) => {
      if (message.kind === 'unusable') onUnusable(message.message);
      else this.settleRequest(message);
    });
    this.worker.on('error', (error) => onUnusable(error.message));
  }

  /** @throws CompilationError when the cell has errors, CompilerFailure when TypeScript cannot cope with it. */
  compile(name: string, source: string): Promise<CompiledCell> {
    return this.ask((id) => ({ kind: 'compile', id, name, source })) as Promise<CompiledCell>;
  }

  /** A TypeScript file, with the files that it imports. */
  module(file: string): Promise<CompiledModule[]> {
    return this.ask((id) => ({ kind: 'module', id, file })) as Promise<CompiledModule[]>;
  }

  /** Tells which names of a cell have got no value, once it has run. */
  settle(name: string, unreached: string[]): void {
    this.post({ kind: 'settle', name, unreached });
  }

  private ask(message: (id: number) => ToCompiler): Promise<CompiledCell | CompiledModule[]> {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.post(message(id));
    });
  }

  private post(message: ToCompiler): void {
    this.worker.postMessage(message);
  }

  private settleRequest(message: Exclude<FromCompiler, { kind: 'unusable' }>): void {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (!waiting) return;
    if (message.kind === 'cell') waiting.resolve(message.cell);
    else if (message.kind === 'modules') waiting.resolve(message.modules);
    else if (message.kind === 'wrong') waiting.reject(new CompilationError(message.diagnostics));
    else waiting.reject(failure(message.message));
  }
}

function failure(message: string): CompilerFailure {
  const error = new CompilerFailure(`TypeScript could not compile this cell: ${message}`);
  error.stack = undefined; // it has no place in the cell
  return error;
}
