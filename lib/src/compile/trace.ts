/** What a recorded run of a step consists of. */
import type { tf } from '../runtime';
import type { OpAttribute } from '../runtime/binding';
import type { StepCounter } from '../runtime/fed';
import type { Constant } from './graph';
import type { Structure } from './tree';

/** Where the value of a tensor comes from. */
export type Source =
  | { readonly kind: 'operation'; readonly operation: TracedOperation; readonly output: number }
  | { readonly kind: 'input'; readonly index: number; readonly shape: readonly number[] }
  | { readonly kind: 'fed'; readonly index: number }
  | { readonly kind: 'variable'; readonly variable: tf.Variable }
  | { readonly kind: 'captured'; readonly captured: Captured }
  | { readonly kind: 'constant'; readonly constant: Constant };

/** An operation that ran during the step. */
export interface TracedOperation {
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly Source[];
  readonly outputs: readonly { readonly dtype: number; readonly shape: readonly number[] }[];
  /** Whether the result can differ from call to call. */
  readonly varies: boolean;
}

/** A tensor that was made outside of the step and is not a variable. */
export interface Captured {
  readonly dataId: object;
  readonly id: number;
  readonly dtype: number;
  readonly shape: readonly number[];
  /** The first operation that used it; undefined if the step only returned it. */
  operation?: string;
}

/** A call of `fed`. */
export interface FedEvent {
  readonly kind: 'fed';
  readonly produce: () => number | number[];
  readonly dtype: 'float32' | 'int32';
  /** Undefined for a scalar. */
  readonly length: number | undefined;
}

/** What the step asked of the host. */
export type HostEvent = { readonly kind: 'counter'; readonly counter: StepCounter } | FedEvent;

/** An optimizer of TensorFlow.js, which counts its steps in a JavaScript number. */
export interface CountingOptimizer {
  incrementIterations(): void;
}

/** A recorded run of a step. */
export interface Trace {
  /** The operations that the outputs and updates depend on, in the order in which they ran. */
  readonly operations: readonly TracedOperation[];
  /** In the order in which they happened. */
  readonly events: readonly HostEvent[];
  readonly outputs: readonly {
    readonly source: Source;
    readonly dtype: number;
    readonly shape: readonly number[];
  }[];
  readonly structure: Structure;
  /** The variables that the step assigned, with their new values. */
  readonly updates: readonly { readonly variable: tf.Variable; readonly source: Source }[];
  /** Optimizers of TensorFlow.js that count this step. */
  readonly optimizers: readonly CountingOptimizer[];
}

/** Whether a value can differ from call to call. */
export function varies(source: Source): boolean {
  switch (source.kind) {
    case 'operation':
      return source.operation.varies;
    case 'input':
    case 'fed':
    case 'variable':
      return true;
    case 'captured':
    case 'constant':
      return false;
  }
}

/** Where a value comes from, in words. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case 'operation':
      return `the result of ${source.operation.name}`;
    case 'input':
      return `input ${source.index} of the step`;
    case 'fed':
      return 'a value of fed()';
    case 'variable':
      return `the variable ${source.variable.name}`;
    case 'captured':
      return 'a tensor made outside of the step';
    case 'constant':
      return 'a constant';
  }
}
