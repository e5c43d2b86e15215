/**
 * Records a step: runs it once, eagerly, while every operation passes through a recorder that takes the place of the
 * backend's binding, and notes for each of them where its inputs come from.
 */
import { tf } from '../runtime';
import { observeHost, type StepCounter } from '../runtime/fed';
import {
  dataType,
  nativeBackend,
  type Backend,
  type Binding,
  type OpAttribute,
  type TensorMetadata,
} from '../runtime/binding';
import { CompileError } from './errors';
import type { Constant } from './graph';
import { refusal } from './operations';
import { flatten, type Structure } from './tree';

/** Where the value of a tensor comes from. */
export type Source =
  | { readonly kind: 'operation'; readonly operation: TracedOperation; readonly output: number }
  | { readonly kind: 'input'; readonly index: number }
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

/** What the step asked of the host, in order. */
export type HostEvent = { readonly kind: 'counter'; readonly counter: StepCounter } | FedEvent;

/** A recorded run of a step. */
export interface Trace {
  /** The operations that the outputs and updates depend on, in the order in which they ran. */
  readonly operations: readonly TracedOperation[];
  readonly events: readonly HostEvent[];
  readonly outputs: readonly {
    readonly source: Source;
    readonly dtype: number;
    readonly shape: readonly number[];
  }[];
  readonly structure: Structure;
  /** The variables that the step assigned, with their new values. */
  readonly updates: readonly { readonly variable: tf.Variable; readonly source: Source }[];
  /** Optimizers of TensorFlow.js whose count of iterations advances with each step. */
  readonly optimizers: readonly CountingOptimizer[];
}

/** An optimizer of TensorFlow.js, which counts its steps in a JavaScript number. */
export interface CountingOptimizer {
  incrementIterations(): void;
}

/** What must be put back after a step was traced, because tracing it must not count as a step. */
export class Restoration {
  private readonly values = new Map<tf.Variable, tf.Tensor>();
  private readonly counters = new Map<StepCounter, number>();

  constructor() {
    for (const variable of registeredVariables()) this.values.set(variable, share(variable));
  }

  /** A variable that came into being while tracing, with its first value. */
  created(variable: tf.Variable): void {
    this.values.set(variable, share(variable));
  }

  /** A counter that has just advanced. */
  advanced(counter: StepCounter): void {
    if (!this.counters.has(counter)) this.counters.set(counter, counter.value - 1);
  }

  restore(): void {
    for (const [counter, value] of this.counters) counter.value = value;
    for (const [variable, value] of this.values) {
      if (!variable.isDisposed && variable.dataId !== value.dataId) variable.assign(value);
      value.dispose();
    }
  }
}

let isTracing = false;

/** Whether a step is being recorded at this moment. */
export function tracing(): boolean {
  return isTracing;
}

interface TraceOptions {
  /** Whether the step may create variables, as optimizers do at their first step. */
  readonly mayCreate: boolean;
  readonly restoration: Restoration;
}

/**
 * Runs `step` on `inputs` and returns what it did, or undefined if it created variables, so that a second run will do
 * something else. Values of variables and counters are as the step left them.
 */
export function trace(
  step: (...inputs: readonly tf.Tensor[]) => unknown,
  inputs: readonly tf.Tensor[],
  { mayCreate, restoration }: TraceOptions,
): Trace | undefined {
  const recorder = new Recorder(restoration, mayCreate);
  const before = tf.memory().numTensors;
  let result: Trace | undefined;
  isTracing = true;
  try {
    tf.tidy(() => {
      result = recorder.run(step, inputs);
    });
  } finally {
    isTracing = false;
  }
  if (result) checkBalance(tf.memory().numTensors - before);
  return result;
}

function checkBalance(surplus: number): void {
  if (surplus > 0) {
    throw new CompileError(
      `The step keeps ${surplus} tensor(s) beyond its end (tf.keep): a later call would not see them change. ` +
        `Return what is needed after the step, and hold state in variables.`,
    );
  }
  if (surplus < 0) {
    throw new CompileError(
      `The step disposes ${-surplus} tensor(s) that were made outside of it. Dispose them after the call.`,
    );
  }
}

/** Another handle on the data of a tensor, which no scope disposes. */
function share(tensor: tf.Tensor): tf.Tensor {
  return tf.keep(tensor.clone());
}

function registeredVariables(): tf.Variable[] {
  return Object.values(tf.engine().registeredVariables);
}

/** Parts of TensorFlow.js's engine that its types leave out. */
interface Engine {
  makeVariable(...args: unknown[]): tf.Variable;
}

class Recorder {
  private readonly backend: Backend = nativeBackend();
  private readonly binding: Binding = this.backend.binding;
  private readonly sources = new Map<number, Source>();
  private readonly variables = new Map<object, tf.Variable>();
  private readonly constants = new Set<object>();
  private readonly captured = new Map<object, Captured>();
  private readonly operations: TracedOperation[] = [];
  private readonly events: HostEvent[] = [];
  private readonly optimizers: CountingOptimizer[] = [];
  private readonly createdVariables: tf.Variable[] = [];
  private violation: CompileError | undefined;
  private fedCount = 0;

  constructor(
    private readonly restoration: Restoration,
    private readonly mayCreate: boolean,
  ) {}

  run(step: (...inputs: readonly tf.Tensor[]) => unknown, inputs: readonly tf.Tensor[]): Trace | undefined {
    const variables = registeredVariables();
    // Data of its own for each variable: a tensor that shares it (a snapshot taken by clone, or a variable assigned from
    // another) must not be taken for the variable.
    for (const variable of variables) variable.assign(this.copy(variable));
    const before = new Map(variables.map((variable) => [variable, variable.dataId]));
    for (const variable of variables) this.variables.set(variable.dataId, variable);
    // Fresh handles: the same tensor given twice, or also captured, must stay three different things.
    const handles = inputs.map((input) => this.copy(input));
    handles.forEach((handle, index) => this.sources.set(this.idOf(handle), { kind: 'input', index }));

    return this.intercepted(() => {
      const result = observeHost(
        {
          advanced: (counter) => {
            this.restoration.advanced(counter);
            this.events.push({ kind: 'counter', counter });
          },
          fed: (produce, dtype) => this.fed(produce, dtype),
        },
        () => step(...handles),
      );
      if (handles.some((handle) => handle.isDisposed)) {
        throw new CompileError('The step disposes one of its inputs. Dispose inputs after the call.');
      }
      if (this.violation) throw this.violation;
      if (this.createdVariables.length > 0) {
        if (this.mayCreate) return undefined;
        throw new CompileError(
          `The step creates a variable at each call (${this.createdVariables[0]!.name}). ` +
            `Create variables once, outside of the step, or keep a reference and create them only at the first call.`,
        );
      }
      const outputs: tf.Tensor[] = [];
      const structure = flattenOutputs(result, outputs);
      const updated = variables.filter((variable) => {
        if (!variable.isDisposed) return variable.dataId !== before.get(variable);
        throw new CompileError(
          `The step disposes the variable ${variable.name}. Dispose variables outside of the step.`,
        );
      });
      const trace = {
        events: this.events,
        outputs: outputs.map((output) => ({
          source: this.sourceOf(output),
          dtype: dataType[output.dtype as 'float32'],
          shape: output.shape,
        })),
        structure,
        updates: updated.map((variable) => ({ variable, source: this.sourceOf(variable) })),
        optimizers: this.optimizers,
      };
      const live = reachable([...trace.outputs, ...trace.updates].map(({ source }) => source));
      return { ...trace, operations: this.operations.filter((operation) => live.has(operation)) };
    });
  }

  /** Runs `action` while operations, reads and random numbers of JavaScript pass through this recorder. */
  private intercepted<T>(action: () => T): T {
    const { backend } = this;
    const engine = tf.engine() as unknown as Engine;
    const optimizerPrototype = tf.Optimizer.prototype as unknown as CountingOptimizer;
    const gather = tf.getKernel('GatherV2', 'tensorflow');
    const moved = (backend as unknown as { move: (dataId: object, ...rest: unknown[]) => void }).move;
    const getInputTensorIds = backend.getInputTensorIds.bind(backend);
    const readSync = (backend as unknown as Reading).readSync.bind(backend);
    const makeVariable = engine.makeVariable.bind(engine);

    const restore = [
      replace(backend, 'binding', this.recordingBinding()),
      replace(backend, 'getInputTensorIds', (tensors) => this.identify(tensors, getInputTensorIds)),
      replace(backend as unknown as Reading, 'readSync', (dataId) => {
        this.refuseRead(dataId);
        if (this.violation) throw this.violation;
        return readSync(dataId);
      }),
      replace(backend as unknown as Reading, 'read', (dataId) => {
        // Thrown after the step instead, because here it would only reject a promise that nobody may be watching.
        this.refuseRead(dataId);
        return Promise.resolve(readSync(dataId));
      }),
      replace(backend as unknown as { move: typeof moved }, 'move', (dataId, ...rest) => {
        this.constants.add(dataId);
        moved.call(backend, dataId, ...rest);
      }),
      replace(engine, 'makeVariable', (...args) => {
        const variable = makeVariable(...args);
        this.createdVariables.push(variable);
        this.restoration.created(variable);
        return variable;
      }),
      replace(optimizerPrototype, 'incrementIterations', this.countIteration(this.optimizers)),
      replace(gather as { kernelFunc: tf.KernelFunc }, 'kernelFunc', gatherWithoutReading),
      replace(Math, 'random', this.refuseRandom(Math.random)),
    ];
    try {
      return action();
    } finally {
      restore.reverse().forEach((put) => put());
    }
  }

  private countIteration(optimizers: CountingOptimizer[]): (this: CountingOptimizer) => void {
    return function (this: CountingOptimizer) {
      optimizers.push(this);
    };
  }

  private refuseRandom(original: () => number): () => number {
    return () => {
      // Creating variables may need random numbers; a step that only draws will do so again when it is traced again.
      if (this.mayCreate) return original();
      throw new CompileError(
        `The step draws random numbers in JavaScript (Math.random, tf.randomNormal, tf.randomUniform, tf.dropout and ` +
          `their like): the numbers would be the same at each call. Draw them in TensorFlow with ` +
          `random.normal, random.uniform, random.bernoulli or dropout of liandan.`,
      );
    };
  }

  private recordingBinding(): Binding {
    // The binding's properties are neither enumerable nor writable, and an object that inherits them fails in native code.
    const copy = Object.fromEntries(
      Object.getOwnPropertyNames(this.binding).map((name) => [name, this.binding[name as keyof Binding]]),
    ) as unknown as { -readonly [K in keyof Binding]: Binding[K] };
    copy.executeOp = (name, attributes, ids, count) => {
      const outputs = this.binding.executeOp(name, attributes, ids, count);
      this.record(name, attributes, ids, outputs);
      return outputs;
    };
    return copy;
  }

  private record(name: string, attributes: OpAttribute[], ids: number[], outputs: TensorMetadata[]): void {
    const reason = refusal(name);
    if (reason) throw new CompileError(`The step runs the operation ${name}. ${reason}`);
    const inputs = ids.map((id) => {
      const source = this.sources.get(id);
      if (source?.kind === 'captured') source.captured.operation ??= name;
      if (source) return source;
      throw new CompileError(
        `The step runs the operation ${name} on a tensor that was not made by an operation of TensorFlow.js. ` +
          `Make it outside of the step.`,
      );
    });
    const operation: TracedOperation = { name, attributes, inputs, outputs, varies: inputs.some(varies) };
    this.operations.push(operation);
    outputs.forEach(({ id }, output) => this.sources.set(id, { kind: 'operation', operation, output }));
  }

  /** The handles of tensors, after noting where those that are new come from. */
  private identify(tensors: readonly tf.TensorInfo[], original: Backend['getInputTensorIds']): number[] {
    const values = tensors.map(({ dataId }) => dataId && this.backend.tensorMap.get(dataId).values);
    const ids = original(tensors);
    tensors.forEach(({ dataId }, i) => {
      const id = ids[i]!;
      if (this.sources.has(id)) return;
      const variable = this.variables.get(dataId);
      if (variable) this.sources.set(id, { kind: 'variable', variable });
      else if (this.constants.has(dataId)) this.sources.set(id, this.constant(dataId, values[i]));
      else this.sources.set(id, { kind: 'captured', captured: this.capture(dataId, id) });
    });
    return ids;
  }

  private constant(dataId: object, values: unknown): Source {
    const { dtype, shape } = this.backend.tensorMap.get(dataId);
    if (!ArrayBuffer.isView(values)) {
      throw new CompileError('The step makes a tensor of strings. Make it outside of the step.');
    }
    // A copy, because the program may go on to change the array.
    const bytes = Buffer.from(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));
    return { kind: 'constant', constant: { dtype, shape: [...shape], bytes } };
  }

  private capture(dataId: object, id: number): Captured {
    let captured = this.captured.get(dataId);
    if (!captured) {
      const { dtype, shape } = this.backend.tensorMap.get(dataId);
      captured = { dataId, id, dtype, shape: [...shape] };
      this.captured.set(dataId, captured);
    }
    return captured;
  }

  private fed(produce: () => number | number[], dtype: 'float32' | 'int32'): tf.Tensor {
    const value = produce();
    const tensor = typeof value === 'number' ? tf.scalar(value, dtype) : tf.tensor1d(value, dtype);
    const length = typeof value === 'number' ? undefined : value.length;
    this.events.push({ kind: 'fed', produce, dtype, length });
    this.sources.set(this.idOf(tensor), { kind: 'fed', index: this.fedCount++ });
    this.constants.delete(tensor.dataId);
    return tensor;
  }

  private copy(tensor: tf.Tensor): tf.Tensor {
    const id = this.idOf(tensor);
    const attributes = [{ name: 'T', type: 4, value: this.backend.tensorMap.get(tensor.dataId).dtype }];
    return this.backend.createOutputTensor(this.binding.executeOp('Identity', attributes, [id], 1)[0]!);
  }

  private idOf(tensor: tf.Tensor): number {
    return this.backend.getInputTensorIds([tensor])[0]!;
  }

  private sourceOf(tensor: tf.Tensor): Source {
    return this.sources.get(this.idOf(tensor))!;
  }

  private refuseRead(dataId: object): void {
    if (this.constants.has(dataId)) return;
    const source = this.variables.has(dataId)
      ? 'a variable'
      : describeVarying(this.sources.get(this.backend.tensorMap.get(dataId).id));
    if (source) {
      this.violation ??= new CompileError(
        `The step reads ${source} in JavaScript (dataSync, data, array, print or a function that needs them): what ` +
          `follows from the value would be the same at each call. Return the tensor and read it after the call, or ` +
          `decide inside of TensorFlow, for example with tf.where.`,
      );
    }
  }
}

interface Reading {
  readSync(dataId: object): tf.BackendValues;
  read(dataId: object): Promise<tf.BackendValues>;
}

function replace<T extends object, K extends keyof T>(target: T, key: K, value: T[K]): () => void {
  const own = Object.getOwnPropertyDescriptor(target, key);
  Object.defineProperty(target, key, {
    value,
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? true,
  });
  return () => {
    if (own) Object.defineProperty(target, key, own);
    else delete target[key];
  };
}

function varies(source: Source): boolean {
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

function describeVarying(source: Source | undefined): string | undefined {
  if (!source || !varies(source)) return undefined;
  switch (source.kind) {
    case 'operation':
      return `the result of ${source.operation.name}`;
    case 'input':
      return `its input ${source.index}`;
    case 'fed':
      return 'a value of fed()';
    case 'variable':
      return `the variable ${source.variable.name}`;
    case 'captured':
    case 'constant':
      return undefined;
  }
}

function reachable(from: readonly Source[]): Set<TracedOperation> {
  const found = new Set<TracedOperation>();
  const pending = [...from];
  for (let source = pending.pop(); source; source = pending.pop()) {
    if (source.kind !== 'operation' || found.has(source.operation)) continue;
    found.add(source.operation);
    pending.push(...source.operation.inputs);
  }
  return found;
}

function flattenOutputs(result: unknown, outputs: tf.Tensor[]): Structure {
  if (result instanceof Promise) {
    throw new CompileError('The step is asynchronous. Make it an ordinary function that awaits nothing.');
  }
  return flatten(result, outputs, 'The result of the step');
}

/** TensorFlow.js checks the indices in JavaScript; in a compiled step the graph does. */
const gatherWithoutReading: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, indices } = inputs as unknown as { x: tf.TensorInfo; indices: tf.TensorInfo };
  const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
  tf.backend_util.segment_util.collectGatherOpShapeInfo(
    x as tf.Tensor,
    indices as tf.Tensor,
    axis,
    batchDims,
  );
  const backend = nativeBackend();
  return tf.tidy(() =>
    backend.executeSingleOutput(
      'GatherV2',
      [
        { name: 'batch_dims', type: 1, value: batchDims },
        { name: 'Tparams', type: 4, value: dataType[x.dtype as 'float32'] },
        { name: 'Tindices', type: 4, value: dataType[indices.dtype as 'int32'] },
        { name: 'Taxis', type: 4, value: dataType.int32 },
      ],
      [x, indices, tf.scalar(axis, 'int32')],
    ),
  );
};
