/** A step compiled for inputs of one structure, with one shape and type each. */
import { tf } from '../runtime';
import { nativeBackend, typeAttribute, type TensorMetadata } from '../runtime/binding';
import { assertSame } from './compare';
import { CompileError } from './errors';
import { Executor } from './executor';
import { Host, type FedValues } from './host';
import { findIndices, type IndexInput } from './indices';
import { plan, type Plan } from './plan';
import { record, type FlatStep } from './recorder';
import { Restoration } from './restoration';
import { simplify } from './simplify';
import type { Trace } from './trace';
import { unflatten, type TensorTree } from './tree';
import { objectionToXla } from './xla';

/** Stacked inputs are padded to a length that XLA has compiled a loop for, as long as they stay below this size. */
const LARGEST_PADDED_BYTES = 2 ** 26;

export class Specialization {
  readonly plan: Plan;
  /** Why XLA does not compile this step; undefined if it does. */
  withoutXla: string | undefined;
  /** Milliseconds that recording the step took. */
  readonly traceTime: number;
  /** Milliseconds that building and loading the graph and its first runs took, in which XLA compiles. */
  loadTime = 0;
  private readonly indices: readonly IndexInput[];
  private readonly host: Host;
  private executor: Executor;
  /** Lengths of the stacked inputs that XLA has compiled a loop for; 0 stands for a single step. */
  private readonly compiled = new Set<number>();

  /** @param xla Undefined to let the operations of the step decide. */
  constructor(
    step: FlatStep,
    inputs: readonly tf.Tensor[],
    private readonly xla: boolean | undefined,
  ) {
    const start = performance.now();
    this.plan = plan(simplify(traceTwice(step, inputs)), inputs);
    this.traceTime = performance.now() - start;
    const indexing = findIndices(this.plan.trace);
    const objection = objectionToXla(this.plan.trace, indexing);
    if (xla && objection?.isSafety) {
      throw new CompileError(`XLA cannot compile the step: ${objection.reason}. Leave out the option xla.`);
    }
    if (xla === false) this.withoutXla = 'switched off by the option xla';
    if (xla === undefined) this.withoutXla = objection?.reason;
    this.indices = indexing.inputs;
    this.host = new Host(this.plan.trace, this.plan.fed);
    this.executor = this.load();
  }

  get graphBytes(): number {
    return this.executor.graphBytes;
  }

  /** Runs one step. */
  run(inputs: readonly tf.Tensor[]): TensorTree {
    this.checkInputs(inputs);
    const outputs = this.host.advance(1, 1, (fed) =>
      this.attempt(0, (executor) => executor.once(inputs, fed)),
    );
    return this.result(outputs);
  }

  /** Runs `steps` steps on the rows of `inputs`. */
  loop(inputs: readonly tf.Tensor[], steps: number): TensorTree {
    this.checkInputs(inputs);
    const capacity = this.withoutXla ? steps : this.capacityFor(steps);
    const outputs = this.host.advance(steps, capacity, (fed) =>
      this.attempt(capacity, (executor) => this.runLoop(executor, inputs, fed, steps, capacity)),
    );
    return this.result(outputs, capacity === steps ? undefined : steps);
  }

  /** Hands the state back to the variables and frees the session. */
  dispose(): void {
    this.executor.dispose();
  }

  private load(): Executor {
    const start = performance.now();
    const executor = new Executor(this.plan, { xla: this.withoutXla === undefined });
    this.loadTime += performance.now() - start;
    return executor;
  }

  private runLoop(
    executor: Executor,
    inputs: readonly tf.Tensor[],
    fed: FedValues,
    steps: number,
    capacity: number,
  ): TensorMetadata[] {
    if (capacity === steps) return executor.loop(inputs, fed, steps, capacity);
    const padded = inputs.map((input) => pad(input, capacity - steps));
    try {
      return executor.loop(padded, fed, steps, capacity);
    } finally {
      tf.dispose(padded);
    }
  }

  /** Runs the graph. If XLA, which compiles at the first run, cannot do so, TensorFlow's own kernels take over. */
  private attempt(capacity: number, run: (executor: Executor) => TensorMetadata[]): TensorMetadata[] {
    if (this.compiled.has(capacity)) return run(this.executor);
    const start = performance.now();
    const outputs = this.firstRun(run);
    this.loadTime += performance.now() - start;
    this.compiled.add(capacity);
    return outputs;
  }

  private firstRun(run: (executor: Executor) => TensorMetadata[]): TensorMetadata[] {
    try {
      return run(this.executor);
    } catch (error) {
      if (this.withoutXla || this.xla) throw error;
      const plain = new Executor(this.plan, { xla: false });
      try {
        const outputs = run(plain);
        this.withoutXla = `XLA could not compile it: ${(error as Error).message}`;
        this.executor.dispose();
        this.executor = plain;
        return outputs;
      } catch (plainError) {
        plain.dispose();
        throw plainError;
      }
    }
  }

  /** The length to pad stacked inputs to, so that a loop that XLA has compiled can be used again. */
  private capacityFor(steps: number): number {
    const rowBytes = this.plan.inputs.reduce(
      (sum, { shape }) => sum + 4 * tf.util.sizeFromShape([...shape]),
      4,
    );
    const fitting = [...this.compiled].filter(
      (capacity) =>
        capacity >= steps && (capacity <= 2 * steps || capacity * rowBytes <= LARGEST_PADDED_BYTES),
    );
    if (fitting.length > 0) return Math.min(...fitting);
    return this.compiled.size < 3 ? steps : 2 ** Math.ceil(Math.log2(steps));
  }

  /** @param rows How many rows of the outputs are used, where a loop was padded. */
  private result(outputs: readonly TensorMetadata[], rows?: number): TensorTree {
    const backend = nativeBackend();
    let next = 0;
    const tree = unflatten(this.plan.trace.structure, () => {
      const output = backend.createOutputTensor(outputs[next++]!);
      if (rows === undefined) return output;
      const used = tf.slice(output, 0, rows);
      output.dispose();
      return used;
    });
    for (const { id } of outputs.slice(next)) backend.binding.deleteTensor(id);
    return tree;
  }

  private checkInputs(inputs: readonly tf.Tensor[]): void {
    for (const { input, size, operation } of this.indices) {
      const values = inputs[input]!.dataSync();
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        if (value >= 0 && value < size) continue;
        throw new CompileError(
          `Input ${input} of the step holds the index ${value}, but ${operation} uses it for an axis of ${size} ` +
            `elements: indices lie between 0 and ${size - 1}.`,
        );
      }
    }
    const { tensorMap } = nativeBackend();
    for (const held of this.plan.held) {
      if (!('dataId' in held) || tensorMap.has(held.dataId)) continue;
      throw new CompileError(
        `A tensor of shape [${held.shape.join(', ')}], made outside of the step and used by its operation ` +
          `${held.operation ?? 'return'}, was disposed after the step was compiled. Keep it as long as the step is ` +
          `called, or give it to the step as an input.`,
      );
    }
  }
}

/** Traces a step until two runs of it did the same, and leaves variables and counters as they were. */
function traceTwice(step: FlatStep, inputs: readonly tf.Tensor[]): Trace {
  const restoration = new Restoration();
  try {
    const first =
      record(step, inputs, { mayCreate: true, restoration }) ??
      record(step, inputs, { mayCreate: false, restoration })!;
    const second = record(step, inputs, { mayCreate: false, restoration })!;
    assertSame(first, second);
    return second;
  } finally {
    restoration.restore();
  }
}

/** Appends `rows` rows of zeros. */
function pad(tensor: tf.Tensor, rows: number): tf.Tensor {
  return tf.tidy(() => {
    const paddings = tf.tensor2d(
      tensor.shape.map((_, axis) => [0, axis === 0 ? rows : 0]),
      [tensor.rank, 2],
      'int32',
    );
    const types = [typeAttribute('T', tensor.dtype), typeAttribute('Tpaddings', 'int32')];
    return nativeBackend().executeSingleOutput('Pad', types, [tensor, paddings]);
  });
}
