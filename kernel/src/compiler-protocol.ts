/** What is asked of the compiler's thread, and what it answers. */
import type { MessagePort } from 'node:worker_threads';

export interface Place {
  /** Counted from 0. */
  line: number;
  /** Counted from 0. */
  character: number;
}

/** An error of TypeScript. */
export interface Diagnostic {
  /** Path relative to the repository; undefined for the cell itself. */
  file: string | undefined;
  start: Place;
  end: Place;
  code: number;
  category: number;
  /** The message, and the explanations below it. */
  message: string[];
}

/** Code with the modules that are loaded before it runs. */
interface Compiled {
  imports: string[];
  /** Files of the user that specifiers stand for. */
  resolved: Record<string, string>;
}

export interface CompiledCell extends Compiled {
  /** A program that gives the cell's function. */
  code: string;
  map: string;
  /** The variables, functions, classes and imports that the cell gives to later ones. */
  names: string[];
  /** Names of the cells whose variables it uses. */
  earlier: string[];
  /** All files of the user that it imports, directly or not. */
  modules: CompiledModule[];
}

/** A file of the user that a cell imports. */
export interface CompiledModule extends Compiled {
  file: string;
  /** Changes when the file does. */
  version: string;
  /** A program that gives the module's function; absent for JSON. */
  code?: string;
  map?: string;
  /** Whether the module waits at its top level. */
  waits?: boolean;
  /** The names that it exports. */
  names?: string[];
  /** Modules of `imports` whose exports are passed on. */
  reexports: number[];
  json?: string;
}

export interface CompilerThreadData {
  root: string;
  interruptMemory: Int32Array<SharedArrayBuffer>;
  /** The I/O thread's end for what editors ask. */
  editorPort: MessagePort;
}

export type ToCompiler =
  | { kind: 'compile'; id: number; name: string; source: string }
  | { kind: 'module'; id: number; file: string }
  | { kind: 'settle'; name: string; unreached: string[] };

export type FromCompiler =
  | { kind: 'cell'; id: number; cell: CompiledCell }
  | { kind: 'modules'; id: number; modules: CompiledModule[] }
  | { kind: 'wrong'; id: number; diagnostics: Diagnostic[] }
  | { kind: 'failed'; id: number; message: string; isCancelled: boolean }
  | { kind: 'unusable'; message: string };

/** What an editor asks while cells run. */
export interface EditorRequest {
  id: number;
  type: string;
  content: Record<string, unknown>;
}

export interface EditorAnswer {
  id: number;
  content: object;
}
