/** A step compiled for inputs of one structure, with one shape and type each. */
import { tf } from '../runtime';
import { nativeBackend, typeAttribute, type TensorMetadata } from '../runtime/binding';
import { Guards } from './guards';
import { assertSame } from './record/compare';
import { CompileError } from './ir/errors';
import type { Executor } from './run/executor';
import { Host, type FedValues } from './run/host';
import { messageOf } from './run/session';
import { findBadIndex, findIndices, type BadIndex, type IndexInput } from './passes/indices';
import { plan, type Plan } from './ir/plan';
import { print } from './ir/print';
import { forget, record, type FlatStep } from './record/recorder';
import { Restoration } from './record/restoration';
import { simplify } from './passes/simplify';
import { chooseStrategies, type Strategy } from './run/strategy';
import type { Trace } from './ir/trace';
import { Verification, type Verify } from './verification';
import { unflatten, type TensorTree } from './ir/tree';

/** Stacked inputs are padded to a length that XLA has compiled a loop for, as long as they stay below this size. */
const LARGEST_PADDED_BYTES = 2 ** 26;

export class Specialization {
  readonly plan: Plan;
  /** Number of operations that were recorded. */
  private readonly recorded: number;
  /** Milliseconds that recording the step took. */
  readonly traceTime: number;
  /** Milliseconds that building and loading the graph and its first runs took, in which XLA compiles. */
  loadTime = 0;
  /** Why XLA does not compile this step; undefined if it does. */
  withoutXla: string | undefined;
  private readonly indices: readonly IndexInput[];
  private readonly host: Host;
  private readonly guards: Guards;
  private readonly verification: Verification;
  private strategies: readonly Strategy[];
  private executor: Executor | undefined;
  /** Lengths of the stacked inputs that XLA has compiled a loop for; 0 stands for a single step. */
  private readonly compiled = new Set<number>();

  /**
   * @param options.xla Whether XLA compiles the step; undefined to let its operations decide.
   * @param options.verify Which calls are compared with the step itself.
   */
  constructor(
    step: FlatStep,
    inputs: readonly tf.Tensor[],
    { xla, verify }: { readonly xla: boolean | undefined; readonly verify: Verify },
  ) {
    const start = performance.now();
    const trace = traceTwice(step, inputs);
    this.recorded = trace.operations.length;
    this.plan = plan(simplify(trace), inputs);
    this.traceTime = performance.now() - start;
    const indexing = findIndices(this.plan.trace);
    const { strategies, withoutXla } = chooseStrategies(this.plan, indexing, xla);
    this.strategies = strategies;
    this.withoutXla = withoutXla;
    this.indices = indexing.inputs;
    this.host = new Host(this.plan.trace, this.plan.fed);
    this.guards = new Guards(trace, this.plan.variables);
    this.verification = new Verification(step, trace, {
      verify,
      compilation: () => this.traceTime + this.loadTime,
      otherStream: () => this.kernels === 'XLA',
    });
  }

  /**
   * Whether the step would be compiled as it was, as far as can be seen at little cost.
   *
   * @param inputs Gives those of its next step.
   * @throws CompileError if a variable of the step is disposed.
   */
  isCurrent(inputs: () => tf.Tensor[]): boolean {
    this.checkVariables();
    if (this.guards.haveChanged()) return false;
    if (!this.guards.areThereNewVariables()) return true;
    const next = inputs();
    try {
      return this.verification.isCurrent(next);
    } finally {
      tf.dispose(next);
    }
  }

  get kernels(): Strategy['name'] {
    return this.strategies[0]!.name;
  }

  get runtime(): Executor['runtime'] | undefined {
    return this.executor?.runtime;
  }

  get graphBytes(): number {
    return this.executor?.graphBytes ?? 0;
  }

  /** What the step does, operation by operation. */
  print(): string {
    const { plan, recorded, kernels, withoutXla, executor } = this;
    const running = executor?.plan ?? plan;
    const passes = [
      { name: 'recorded', operations: recorded },
      { name: 'simplified', operations: plan.trace.operations.length },
      { name: `for ${kernels}`, operations: running.trace.operations.length },
    ];
    return print(running, { passes, kernels, withoutXla });
  }

  /** Runs one step. */
  run(inputs: readonly tf.Tensor[]): TensorTree {
    this.checkInputs(inputs);
    const first = (): tf.Tensor[] => inputs.map((input) => tf.clone(input));
    return this.verification.around(first, undefined, (check) =>
      this.host.advance(1, 1, (fed) => {
        const outputs = this.tensors(this.attempt(0, (executor) => executor.once(inputs, fed)));
        check(outputs);
        return this.result(outputs);
      }),
    );
  }

  /**
   * Runs `steps` steps on the rows of `inputs`.
   *
   * @param first Gives the first rows.
   */
  loop(inputs: readonly tf.Tensor[], steps: number, first: () => tf.Tensor[]): TensorTree {
    this.checkInputs(inputs);
    const capacity = this.strategies[0]!.name === 'XLA' ? this.capacityFor(steps) : steps;
    return this.verification.around(first, steps, (check) =>
      this.host.advance(steps, capacity, (fed) => {
        const outputs = this.tensors(
          this.attempt(capacity, (executor) => this.runLoop(executor, inputs, fed, steps, capacity)),
          capacity === steps ? undefined : steps,
        );
        check(outputs);
        return this.result(outputs);
      }),
    );
  }

  /** Hands the state back to the variables and frees the session. */
  dispose(): void {
    this.executor?.dispose();
    this.executor = undefined;
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

  /** @param capacity Tells what XLA compiles anew: 0 for a single step, otherwise the length of the stacked inputs. */
  private attempt(capacity: number, run: (executor: Executor) => TensorMetadata[]): TensorMetadata[] {
    if (this.executor && this.compiled.has(capacity)) return run(this.executor);
    const start = performance.now();
    const outputs = this.firstRun(run);
    this.loadTime += performance.now() - start;
    this.compiled.add(capacity);
    return outputs;
  }

  /** Whether a strategy works shows at the first run, in which XLA compiles; if it does not, the next one takes over. */
  private firstRun(run: (executor: Executor) => TensorMetadata[]): TensorMetadata[] {
    let failure: unknown;
    for (const [tried, strategy] of this.strategies.entries()) {
      let executor: Executor | undefined;
      try {
        executor = (tried === 0 ? this.executor : undefined) ?? strategy.load(this.plan);
        const outputs = run(executor);
        if (tried > 0) this.executor?.dispose();
        if (this.strategies[0]!.name === 'XLA' && strategy.name !== 'XLA') {
          this.withoutXla = `XLA could not compile it: ${messageOf((failure as Error).cause ?? failure)}`;
        }
        this.strategies = this.strategies.slice(tried);
        this.executor = executor;
        return outputs;
      } catch (error) {
        failure = error;
        if (executor !== this.executor) executor?.dispose();
      }
    }
    const reason = messageOf((failure as Error).cause ?? failure);
    if (!reason.startsWith('XLA has no kernel')) throw failure;
    throw new CompileError(`XLA cannot compile the step: ${reason}. Leave out the option xla.`, {
      cause: failure,
    });
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
  private tensors(outputs: readonly TensorMetadata[], rows?: number): tf.Tensor[] {
    const backend = nativeBackend();
    const count = this.plan.trace.outputs.length;
    for (const { id } of outputs.slice(count)) backend.binding.deleteTensor(id);
    return outputs.slice(0, count).map((metadata) => {
      const output = backend.createOutputTensor(metadata);
      if (rows === undefined) return output;
      const used = tf.slice(output, 0, rows);
      output.dispose();
      return used;
    });
  }

  private result(outputs: readonly tf.Tensor[]): TensorTree {
    let next = 0;
    const result = unflatten(this.plan.trace.structure, () => outputs[next++]!);
    // What a step only checks is an output that nobody takes.
    tf.dispose(outputs.slice(next));
    return result;
  }

  private checkVariables(): void {
    const disposed = this.plan.variables.find((variable) => variable.isDisposed);
    if (!disposed) return;
    throw new CompileError(
      `The step uses the variable ${disposed.name}, which was disposed after the step was compiled. ` +
        `Compile the step again with the new variables.`,
    );
  }

  /** TensorFlow's own kernels check the indices that they use; where others are out of range, they take over. */
  private reject({ error, isUsed }: BadIndex): void {
    if (isUsed) throw error;
    if (this.strategies[0]!.name !== 'XLA') return;
    if (this.strategies.every(({ name }) => name === 'XLA')) throw error;
    this.executor?.dispose();
    this.executor = undefined;
    this.compiled.clear();
    this.strategies = this.strategies.filter(({ name }) => name !== 'XLA');
    this.withoutXla = `XLA does not check indices. ${error.message}`;
  }

  private checkInputs(inputs: readonly tf.Tensor[]): void {
    const bad = findBadIndex(inputs, this.indices);
    if (bad) this.reject(bad);
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

/**
 * Records a step twice from the same variables, and leaves variables and counters as they were. Counters go on from the
 * first recording to the second, because a number that was worked out from one in JavaScript must show as a difference;
 * what they feed is taken over, because asking once more may run past the end of a table.
 *
 * @throws CompileError if the two recordings differ in anything but the creation of variables.
 */
function traceTwice(step: FlatStep, inputs: readonly tf.Tensor[]): Trace {
  const restoration = new Restoration();
  try {
    const first = record(step, inputs, { mayCreate: true, restoration });
    forget(first);
    restoration.rewindVariables();
    const second = record(step, inputs, {
      mayCreate: false,
      restoration,
      fed: first.fed,
      watched: first.trace.optimizers,
    });
    forget(second);
    assertSame(first.trace, second.trace);
    return second.trace;
  } finally {
    restoration.rewind();
    restoration.dispose();
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
