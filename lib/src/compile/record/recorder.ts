/** Records a step: runs it once, eagerly, and notes for each operation where its inputs come from. */
import { tf } from '../../runtime';
import {
  dataOf,
  dataType,
  nativeBackend,
  type OpAttribute,
  type TensorMetadata,
} from '../../runtime/binding';
import { observeHost } from '../../runtime/fed';
import { CompileError } from '../ir/errors';
import { intercept, type Interceptor } from './intercept';
import { checks, live } from '../ir/live';
import { refusal } from '../ir/operations';
import type { Restoration } from './restoration';
import {
  describeSource,
  varies,
  type Captured,
  type CountingOptimizer,
  type HostEvent,
  type Source,
  type TensorType,
  type Trace,
  type TracedOperation,
} from '../ir/trace';
import { flatten, type Structure } from '../ir/tree';

/** A step as a function of a flat list of tensors. */
export type FlatStep = (...inputs: readonly tf.Tensor[]) => unknown;

interface RecordOptions {
  /** Whether the step may create variables, as optimizers do at their first step. */
  readonly mayCreate: boolean;
  /** Is told what will have to be put back. */
  readonly restoration: Restoration;
}

let isRecording = false;

/** Whether a step is being recorded at this moment. */
export function recording(): boolean {
  return isRecording;
}

/**
 * Runs `step` on `inputs` and returns what it did, or undefined if it created variables, so that another run will do
 * something else. Values of variables and counters are left as the step left them.
 *
 * @throws CompileError if the step does what a graph cannot do.
 */
export function record(
  step: FlatStep,
  inputs: readonly tf.Tensor[],
  options: RecordOptions,
): Trace | undefined {
  const before = tf.memory().numTensors;
  let trace: Trace | undefined;
  isRecording = true;
  try {
    tf.tidy(() => {
      trace = new Recorder(options).run(step, inputs);
    });
  } finally {
    isRecording = false;
  }
  if (trace) checkBalance(tf.memory().numTensors - before);
  return trace;
}

class Recorder implements Interceptor {
  private readonly backend = nativeBackend();
  private readonly binding = this.backend.binding;
  /** By native handle. */
  private readonly sources = new Map<number, Source>();
  /** By their data. */
  private readonly variables = new Map<object, tf.Variable>();
  private readonly captured = new Map<object, Captured>();
  /** Data that the step made from values of JavaScript. */
  private readonly constants = new Set<object>();
  private readonly operations: TracedOperation[] = [];
  private readonly events: HostEvent[] = [];
  private readonly optimizers: CountingOptimizer[] = [];
  private readonly created: tf.Variable[] = [];
  private fedCount = 0;
  private violation: CompileError | undefined;

  constructor(private readonly options: RecordOptions) {}

  run(step: FlatStep, inputs: readonly tf.Tensor[]): Trace | undefined {
    const variables = Object.values(tf.engine().registeredVariables);
    // Data of its own for each variable and input: a tensor that shares the data (a snapshot taken by clone, a variable
    // assigned from another, an input given twice) must not be taken for it. The restoration shares each variable's data.
    for (const variable of variables) {
      if (dataOf(variable).refCount > 2) variable.assign(this.copy(variable));
    }
    const handles = inputs.map((input) => this.copy(input));
    const before = new Map(variables.map((variable) => [variable, variable.dataId]));
    for (const variable of variables) this.variables.set(variable.dataId, variable);
    handles.forEach((handle, index) =>
      this.sources.set(this.idOf(handle), { kind: 'input', index, ...this.typeOf(handle) }),
    );

    return intercept(this, () => {
      const result = this.observe(() => step(...handles));
      if (this.violation) throw this.violation;
      if (this.created.length > 0) {
        if (this.options.mayCreate) return undefined;
        throw new CompileError(
          `The step creates a variable at each call (${this.created[0]!.name}). Create variables outside of the step, ` +
            `or create them at its first call and keep a reference.`,
        );
      }
      if (handles.some((handle) => handle.isDisposed)) {
        throw new CompileError('The step disposes one of its inputs. Dispose inputs after the call.');
      }
      const disposed = variables.find((variable) => variable.isDisposed);
      if (disposed) {
        throw new CompileError(
          `The step disposes the variable ${disposed.name}. Dispose variables outside of the step.`,
        );
      }
      const tensors: tf.Tensor[] = [];
      const structure = flattenResult(result, tensors);
      const updated = variables.filter((variable) => variable.dataId !== before.get(variable));
      const outputs = tensors.map((tensor) => ({
        source: this.sourceOf(tensor),
        ...this.typeOf(tensor),
      }));
      const updates = updated.map((variable) => ({ variable, source: this.sourceOf(variable) }));
      if (outputs.length + updates.length === 0) {
        // A step that only checks hands out what it checked, which nobody takes.
        for (const operation of checks(this.operations)) {
          outputs.push({ source: { kind: 'operation', operation, output: 0 }, ...operation.outputs[0]! });
        }
      }
      const operations = live(this.operations, { outputs, updates });
      return { operations, events: this.events, outputs, structure, updates, optimizers: this.optimizers };
    });
  }

  executing(name: string): void {
    const reason = refusal(name);
    if (reason) throw new CompileError(`The step runs the operation ${name}. ${reason}`);
  }

  executed(name: string, attributes: OpAttribute[], ids: number[], outputs: TensorMetadata[]): void {
    const inputs = ids.map((id) => {
      const source = this.sources.get(id);
      if (!source) {
        throw new CompileError(
          `The step runs the operation ${name} on a value that no operation of TensorFlow.js made. ` +
            `Run it outside of the step.`,
        );
      }
      if (source.kind === 'captured') source.captured.operation ??= name;
      return source;
    });
    const operation: TracedOperation = { name, attributes, inputs, outputs, varies: inputs.some(varies) };
    this.operations.push(operation);
    outputs.forEach(({ id }, output) => this.sources.set(id, { kind: 'operation', operation, output }));
  }

  identify(tensors: readonly tf.TensorInfo[], original: () => number[]): number[] {
    // Values that wait in JavaScript are handed over, and forgotten, when the handle is asked for.
    const values = tensors.map(({ dataId }) => this.backend.tensorMap.get(dataId)?.values);
    const ids = original();
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

  written(dataId: object): void {
    this.constants.add(dataId);
  }

  reading(dataId: object, isDeferred: boolean): void {
    if (this.constants.has(dataId)) return;
    const variable = this.variables.get(dataId);
    const source: Source | undefined = variable
      ? { kind: 'variable', variable }
      : this.sources.get(this.backend.tensorMap.get(dataId)!.id);
    if (!source || !varies(source)) return;
    this.violation ??= new CompileError(
      `The step reads ${describeSource(source)} in JavaScript (dataSync, data, array, print or a function that needs ` +
        `them): what follows from the value would be the same at each call. Return the tensor and read it after the ` +
        `call, or decide inside of TensorFlow, for example with tf.where.`,
    );
    // Thrown into a promise, it might reach nobody; it is thrown after the step instead.
    if (!isDeferred) throw this.violation;
  }

  variableCreated(variable: tf.Variable): void {
    this.created.push(variable);
    this.options.restoration.created(variable);
  }

  counted(optimizer: CountingOptimizer): void {
    this.optimizers.push(optimizer);
  }

  random(): void {
    // Creating variables may need random numbers; a step that only draws them will do so again in the next recording.
    if (this.options.mayCreate) return;
    throw new CompileError(
      `The step draws random numbers in JavaScript (Math.random, tf.randomNormal, tf.randomUniform, tf.dropout and their ` +
        `like): they would be the same at each call. Draw them in TensorFlow with random.normal, random.uniform, ` +
        `random.bernoulli or dropout of liandan.`,
    );
  }

  /** Runs `action` while counters and fed values are noted. */
  private observe<T>(action: () => T): T {
    return observeHost(
      {
        advanced: (counter) => {
          this.options.restoration.advanced(counter);
          this.events.push({ kind: 'counter', counter });
        },
        fed: (produce, dtype) => {
          const value = produce();
          const tensor = typeof value === 'number' ? tf.scalar(value, dtype) : tf.tensor1d(value, dtype);
          const length = typeof value === 'number' ? undefined : value.length;
          this.events.push({ kind: 'fed', produce, dtype, length });
          this.sources.set(this.idOf(tensor), {
            kind: 'fed',
            index: this.fedCount++,
            ...this.typeOf(tensor),
          });
          this.constants.delete(tensor.dataId);
          return tensor;
        },
      },
      action,
    );
  }

  private constant(dataId: object, values: unknown): Source {
    if (!ArrayBuffer.isView(values)) {
      throw new CompileError('The step makes a tensor of strings. Make it outside of the step.');
    }
    const { dtype, shape } = this.backend.tensorMap.get(dataId)!;
    // A copy, because the program may go on to change the array.
    const bytes = Buffer.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return { kind: 'constant', constant: { dtype, shape: [...shape], bytes } };
  }

  private capture(dataId: object, id: number): Captured {
    const known = this.captured.get(dataId);
    if (known) return known;
    const { dtype, shape } = this.backend.tensorMap.get(dataId)!;
    const captured = { dataId, id, dtype, shape: [...shape] };
    this.captured.set(dataId, captured);
    return captured;
  }

  private copy(tensor: tf.Tensor): tf.Tensor {
    const id = this.idOf(tensor);
    const attributes = [{ name: 'T', type: 4, value: dataOf(tensor).dtype }];
    return this.backend.createOutputTensor(this.binding.executeOp('Identity', attributes, [id], 1)[0]!);
  }

  private typeOf({ dtype, shape }: tf.Tensor): TensorType {
    return { dtype: dataType[dtype], shape: [...shape] };
  }

  private idOf(tensor: tf.Tensor): number {
    return this.backend.getInputTensorIds([tensor])[0]!;
  }

  private sourceOf(tensor: tf.Tensor): Source {
    return this.sources.get(this.idOf(tensor))!;
  }
}

function flattenResult(result: unknown, tensors: tf.Tensor[]): Structure {
  if (result instanceof Promise) {
    throw new CompileError('The step is asynchronous. Make it an ordinary function that awaits nothing.');
  }
  return flatten(result, tensors, 'The result of the step');
}

function checkBalance(surplus: number): void {
  if (surplus > 0) {
    throw new CompileError(
      `The step keeps ${surplus} tensor(s) beyond its end (tf.keep): they would not change at later calls. ` +
        `Return what is needed after the step, and hold state in variables.`,
    );
  }
  if (surplus < 0) {
    throw new CompileError(
      `The step disposes ${-surplus} tensor(s) that were made outside of it. Dispose them after the call.`,
    );
  }
}
