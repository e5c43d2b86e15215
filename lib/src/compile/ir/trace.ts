/** What a recorded run of a step consists of. */
import type { tf } from '../../runtime';
import { dataType, type OpAttribute } from '../../runtime/binding';
import type { StepCounter } from '../../runtime/fed';
import { sameConstant, type Constant } from './constant';
import type { Structure } from './tree';

/** Type and shape of a tensor. */
export interface TensorType {
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** Where the value of a tensor comes from. */
export type Source =
  | { readonly kind: 'operation'; readonly operation: TracedOperation; readonly output: number }
  | ({ readonly kind: 'input'; readonly index: number } & TensorType)
  | ({ readonly kind: 'fed'; readonly index: number } & TensorType)
  | { readonly kind: 'variable'; readonly variable: tf.Variable }
  | { readonly kind: 'captured'; readonly captured: Captured }
  | { readonly kind: 'constant'; readonly constant: Constant };

/** An operation that ran during the step. */
export interface TracedOperation {
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly Source[];
  readonly outputs: readonly TensorType[];
  /** Whether the result can differ from call to call. */
  readonly varies: boolean;
}

/** A tensor that was made outside of the step and is not a variable. */
export interface Captured extends TensorType {
  readonly dataId: object;
  readonly id: number;
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

/** An optimizer that counts its steps in a JavaScript number, as those of TensorFlow.js do. */
export interface CountingOptimizer {
  incrementIterations(): void;
  iterations_?: number;
  learningRate?: number;
}

/** An optimizer of `tf.train`, whose hyperparameters are JavaScript numbers. */
export interface TensorFlowJsOptimizer extends CountingOptimizer {
  applyGradients(gradients: unknown): void;
  learningRate: number;
  /** The negative learning rate of SGD and momentum, which only `setLearningRate` changes. */
  readonly c?: tf.Tensor;
}

/** A recorded run of a step. */
export interface Trace {
  /** The operations that the outputs and updates depend on, in the order in which they ran. */
  readonly operations: readonly TracedOperation[];
  /** In the order in which they happened. */
  readonly events: readonly HostEvent[];
  readonly outputs: readonly (TensorType & { readonly source: Source })[];
  readonly structure: Structure;
  /** The variables that the step assigned, with their new values. */
  readonly updates: readonly { readonly variable: tf.Variable; readonly source: Source }[];
  /** Host state that decided what the step did. */
  readonly dependencies: readonly (() => string | number)[];
  /** Optimizers that count this step. */
  readonly counting: readonly CountingOptimizer[];
  /** Optimizers of `tf.train` that made a step. */
  readonly optimizers: readonly TensorFlowJsOptimizer[];
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

/** A value of `fed` that is not what it was, in words; its length is undefined where it is a number. */
export function describeLengthChange(was: number | undefined, is: number | undefined): string {
  const describe = (length: number | undefined): string =>
    length === undefined ? 'a number' : `an array of ${length} numbers`;
  return (
    `A value of fed() was ${describe(was)} when the step was traced and is now ${describe(is)}. ` +
    `Its length must not change.`
  );
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

/** Type and shape of a value. */
export function typeOf(source: Source): TensorType {
  switch (source.kind) {
    case 'operation':
      return source.operation.outputs[source.output]!;
    case 'input':
    case 'fed':
      return source;
    case 'variable':
      return { dtype: dataType[source.variable.dtype], shape: source.variable.shape };
    case 'captured':
      return source.captured;
    case 'constant':
      return source.constant;
  }
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Whether two values are the same within one trace; those that no operation made, also between traces. */
export function sameSource(a: Source, b: Source | undefined): boolean {
  if (a.kind === 'operation' && b?.kind === 'operation') {
    return a.operation === b.operation && a.output === b.output;
  }
  if (a.kind === 'input' && b?.kind === 'input') return a.index === b.index;
  if (a.kind === 'fed' && b?.kind === 'fed') return a.index === b.index;
  if (a.kind === 'variable' && b?.kind === 'variable') return a.variable === b.variable;
  if (a.kind === 'captured' && b?.kind === 'captured') return a.captured.dataId === b.captured.dataId;
  if (a.kind === 'constant' && b?.kind === 'constant') return sameConstant(a.constant, b.constant);
  return false;
}
