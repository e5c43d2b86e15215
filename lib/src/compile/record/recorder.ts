/** Records a step: runs it once, eagerly, and notes for each operation where its inputs come from. */
import { tf } from '../../runtime';
import {
  dataOf,
  dataType,
  nativeBackend,
  typeAttribute,
  type OpAttribute,
  type TensorMetadata,
} from '../../runtime/binding';
import { observeHost } from '../../runtime/fed';
import { releaseTape } from '../../runtime/tape';
import { CompileError } from '../ir/errors';
import { intercept, type Interceptor } from './intercept';
import { checks, live } from '../ir/live';
import { refusal } from '../ir/operations';
import { registeredVariables, type Restoration } from './restoration';
import type { Rounding } from './rounding';
import {
  describeSource,
  varies,
  type Captured,
  type CountingOptimizer,
  type HostEvent,
  type Source,
  type TensorFlowJsOptimizer,
  type TensorType,
  type Trace,
  type TracedOperation,
} from '../ir/trace';
import { flatten, type Structure } from '../ir/tree';

/** A step as a function of a flat list of tensors. */
export type FlatStep = (...inputs: readonly tf.Tensor[]) => unknown;

interface RecordOptions {
  /** Is told what will have to be put back. */
  readonly restoration: Restoration;
  /** Whether the step may create variables, as optimizers do at their first step; if not, the clock shows another time. */
  readonly mayCreate: boolean;
  /** Optimizers of `tf.train` that the step is known to use: it must not change them. */
  readonly watched?: readonly TensorFlowJsOptimizer[];
  /** Values for the calls of `fed`, in their order, that give none: asking once more may run past the end of a table. */
  readonly fed?: readonly (number | number[])[];
  /** Gives what an operation made in other roundings. */
  readonly rounding?: Rounding;
}

/** What a step did, and what came of it. */
export interface Recording {
  readonly trace: Trace;
  /** What the step returned. */
  readonly outputs: readonly tf.Tensor[];
  /** The new values of the variables that the step assigned, in the order of the trace. */
  readonly updates: readonly tf.Tensor[];
  /** The values of `fed`, in the order in which they were asked for. */
  readonly fed: readonly (number | number[])[];
}

let isRecording = false;

/** Whether a step is being recorded at this moment. */
export function recording(): boolean {
  return isRecording;
}

/**
 * Runs `step` on `inputs` and notes what it did. Variables and counters are left as the step left them. The values of a
 * recording must be freed with {@link forget}.
 *
 * @throws CompileError if the step does what a graph cannot do.
 */
export function record(step: FlatStep, inputs: readonly tf.Tensor[], options: RecordOptions): Recording {
  const before = tf.memory().numTensors;
  const recorder = new Recorder(options);
  let recording!: Recording;
  isRecording = true;
  try {
    tf.tidy(() => {
      recording = recorder.run(step, inputs);
    });
  } catch (error) {
    releaseTape();
    throw error;
  } finally {
    isRecording = false;
  }
  const { outputs, updates } = recording;
  try {
    // Where a step creates variables it may keep tensors, too; if it always does, the next recording tells.
    if (recorder.created.length === 0) {
      checkBalance(tf.memory().numTensors - before - outputs.length - updates.length);
    }
  } catch (error) {
    forget(recording);
    throw error;
  }
  return recording;
}

/** Frees the values of a recording. */
export function forget({ outputs, updates }: Recording): void {
  tf.dispose([...outputs, ...updates]);
}

/** What an optimizer of TensorFlow.js sees as its learning rate while it is recorded: a number that nobody chooses. */
const LEARNING_RATE_MARK = Math.fround(0.001234567);

/** How far the clock is ahead in a later recording, in milliseconds: another hour, minute, second and millisecond. */
const CLOCK_SHIFT = 3_661_001;

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
  private readonly dependencies: (() => string | number)[] = [];
  private readonly counted: CountingOptimizer[] = [];
  private readonly optimizers = new Set<TensorFlowJsOptimizer>();
  /** The optimizer of TensorFlow.js that is making a step, with its learning rate. */
  private applied: { readonly optimizer: TensorFlowJsOptimizer; readonly learningRate: number } | undefined;
  /** What asks for the learning rate that a tensor holds, by the tensor's data. */
  private readonly learningRates = new Map<object, () => number>();
  private readonly fed: (number | number[])[] = [];
  private violation: CompileError | undefined;
  readonly created: tf.Variable[] = [];
  readonly clockShift: number;

  constructor(private readonly options: RecordOptions) {
    this.clockShift = options.mayCreate ? 0 : CLOCK_SHIFT;
  }

  run(step: FlatStep, inputs: readonly tf.Tensor[]): Recording {
    const variables = registeredVariables();
    // Data of its own for each variable and input: a tensor that shares the data (a snapshot taken by clone, a variable
    // assigned from another, an input given twice) must not be taken for it. The restoration shares each variable's data.
    for (const variable of variables) {
      if (dataOf(variable).refCount > 2) variable.assign(this.copy(variable));
      this.variables.set(variable.dataId, variable);
    }
    const handles = inputs.map((input) => this.copy(input));
    handles.forEach((handle, index) =>
      this.sources.set(this.idOf(handle), { kind: 'input', index, ...this.typeOf(handle) }),
    );

    return intercept(this, () => {
      const rates = this.options.watched?.map(({ learningRate }) => learningRate);
      const result = this.observe(() => step(...handles));
      if (this.options.watched?.some(({ learningRate }, i) => learningRate !== rates![i])) {
        this.refuseSetting('the learning rate of an optimizer of tf.train');
      }
      if (this.violation) throw this.violation;
      if (this.created.length > 0 && !this.options.mayCreate) {
        throw new CompileError(
          `The step creates a variable at each call (${this.created[0]!.name}). Create variables outside of the step, ` +
            `or create them at its first call and keep a reference.`,
        );
      }
      if (handles.some((handle) => handle.isDisposed)) {
        throw new CompileError('The step disposes one of its inputs. Dispose inputs after the call.');
      }
      // State that is made anew may take the place of old state in the first recording; the next one shows if it goes on so.
      const disposed = variables.find((variable) => variable.isDisposed);
      if (disposed && this.created.length === 0) {
        throw new CompileError(
          `The step disposes the variable ${disposed.name}. Dispose variables outside of the step.`,
        );
      }
      const tensors: tf.Tensor[] = [];
      const structure = flattenResult(result, tensors);
      const updated = registeredVariables().filter(
        (variable) => this.variables.get(variable.dataId) !== variable,
      );
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
      const { events, dependencies, counted: counting, fed } = this;
      return {
        trace: {
          operations,
          events,
          outputs,
          structure,
          updates,
          dependencies,
          counting,
          optimizers: [...this.optimizers],
        },
        outputs: tensors.map((tensor) => tf.keep(tensor.clone())),
        updates: updated.map((variable) => tf.keep(tf.clone(variable))),
        fed,
      };
    });
  }

  executing(name: string): void {
    const reason = refusal(name);
    if (reason) throw new CompileError(`The step runs the operation ${name}. ${reason}`);
  }

  executed(name: string, attributes: OpAttribute[], ids: number[], made: TensorMetadata[]): TensorMetadata[] {
    const outputs = this.options.rounding?.round(name, ids, made) ?? made;
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
    return outputs;
  }

  identify(tensors: readonly tf.TensorInfo[], original: () => number[]): number[] {
    // Values that wait in JavaScript are handed over, and forgotten, when the handle is asked for.
    const values = tensors.map(({ dataId }) => this.backend.tensorMap.get(dataId)?.values);
    const ids = original();
    tensors.forEach(({ dataId }, i) => {
      const id = ids[i]!;
      if (this.sources.has(id)) return;
      const variable = this.variables.get(dataId);
      const learningRate = this.learningRateOf(dataId);
      if (learningRate) this.sources.set(id, this.feed(learningRate, 'float32', undefined));
      else if (variable) this.sources.set(id, { kind: 'variable', variable });
      else if (this.constants.has(dataId)) this.sources.set(id, this.constant(dataId, values[i]));
      else this.sources.set(id, { kind: 'captured', captured: this.capture(dataId, id) });
    });
    return ids;
  }

  written(dataId: object, values: unknown): unknown {
    this.constants.add(dataId);
    if (!this.applied || !(values instanceof Float32Array) || values.length !== 1) return values;
    const { optimizer, learningRate } = this.applied;
    const sign = values[0]! / LEARNING_RATE_MARK;
    if (Math.abs(sign) !== 1) return values;
    this.learningRates.set(dataId, () => sign * optimizer.learningRate);
    return Float32Array.of(sign * learningRate);
  }

  applying(optimizer: TensorFlowJsOptimizer, apply: () => void): void {
    this.options.restoration.uses(optimizer);
    const { learningRate } = optimizer;
    this.optimizers.add(optimizer);
    this.applied = { optimizer, learningRate };
    optimizer.learningRate = LEARNING_RATE_MARK;
    try {
      apply();
    } finally {
      optimizer.learningRate = learningRate;
      this.applied = undefined;
    }
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
    // Data of its own, as all variables have: whatever it was made from, it is this variable from now on.
    variable.assign(this.copy(variable));
    this.variables.set(variable.dataId, variable);
  }

  counting(optimizer: CountingOptimizer): void {
    this.options.restoration.uses(optimizer);
    this.counted.push(optimizer);
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
        advanced: (counter, before) => {
          this.options.restoration.advanced(counter, before);
          this.events.push({ kind: 'counter', counter });
        },
        set: (what) => this.refuseSetting(what),
        depends: (read) => this.dependencies.push(read),
        fed: (produce, dtype) => {
          const value = this.produce(produce);
          this.fed.push(value);
          const tensor = typeof value === 'number' ? tf.scalar(value, dtype) : tf.tensor1d(value, dtype);
          const length = typeof value === 'number' ? undefined : value.length;
          this.sources.set(this.idOf(tensor), this.feed(produce, dtype, length));
          this.constants.delete(tensor.dataId);
          return tensor;
        },
      },
      action,
    );
  }

  /** Thrown after the step: what is set may be put back where the step fails, and that failure tells more. */
  private refuseSetting(what: string): void {
    this.violation ??= new CompileError(
      `The step sets ${what}, which would happen only while it is traced. Set it between calls, or let it follow a ` +
        `schedule.`,
    );
  }

  private produce(produce: () => number | number[]): number | number[] {
    const substitute = this.options.fed?.[this.fed.length];
    try {
      return produce() ?? substitute;
    } catch (error) {
      if (substitute === undefined) throw error;
      return substitute;
    }
  }

  /** A value that the host gives at each call. */
  private feed(
    produce: () => number | number[],
    dtype: 'float32' | 'int32',
    length: number | undefined,
  ): Source {
    const index = this.events.filter(({ kind }) => kind === 'fed').length;
    this.events.push({ kind: 'fed', produce, dtype, length });
    return { kind: 'fed', index, dtype: dataType[dtype], shape: length === undefined ? [] : [length] };
  }

  /** What asks for the learning rate that a tensor holds, if it holds one of an optimizer of TensorFlow.js. */
  private learningRateOf(dataId: object): (() => number) | undefined {
    const optimizer = this.applied?.optimizer;
    if (optimizer?.c?.dataId !== dataId) return this.learningRates.get(dataId);
    return () => optimizer.c!.dataSync()[0]!;
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
    const attributes = [typeAttribute('T', tensor.dtype)];
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
