import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { CompileError } from './ir/errors';
import { recording } from './record/recorder';
import { Specialization } from './specialization';
import type { Verify } from './verification';

import { describeValue, flatten, structureKey, unflatten, type Structure, type TensorTree } from './ir/tree';

/** Options of {@link compile}. */
export interface CompileOptions {
  /**
   * Whether XLA compiles the graph into one kernel. By default it does unless the operations speak against it:
   * `info.kernels` and `info.withoutXla` tell. XLA takes 0.3 to 5 seconds at the first call for each shape, unless a step with
   * the same graph was disposed before (that of an earlier training run, say), and draws other random numbers.
   */
  readonly xla?: boolean;
  /** For how many combinations of shapes and types the step may be traced; default 16. */
  readonly maxTraces?: number;
  /**
   * Whether the compiled step is compared with the function now and then: operations and constants, results, variables.
   * What JavaScript changes after the step was traced (a loss weight, a flag, a mask that is replaced) is found this way,
   * and the call throws. By default (`true`) that is the first four calls, the eighth, the sixteenth …, as long as
   * it takes less time than compiling did, half a second, or 1 % of the running time; `'always'` verifies every call (of a loop, the first
   * step), for debugging; `false` none.
   */
  readonly verify?: Verify;
}

/** The same nested tensors, each stacked along a new leading axis. */
export type Stacked<Tree> = Tree extends tf.Scalar
  ? tf.Tensor1D
  : Tree extends tf.Tensor
    ? tf.Tensor
    : Tree extends object
      ? { [Key in keyof Tree]: Stacked<Tree[Key]> }
      : Tree;

/** The inputs of a loop: those of its steps, stacked; the number of steps if a step has no inputs. */
export type LoopInputs<Inputs extends readonly TensorTree[]> = Inputs extends readonly []
  ? [steps: number]
  : { [Index in keyof Inputs]: Stacked<Inputs[Index]> };

/** How a step was compiled. */
export interface CompileInfo {
  /** For how many combinations of shapes and types it was traced. */
  readonly traces: number;
  /** Number of operations of the latest trace. */
  readonly operations: number;
  /** Size of the latest graph in bytes. */
  readonly graphBytes: number;
  /** Whose kernels compute the latest trace. */
  readonly kernels: 'XLA' | 'oneDNN' | 'TensorFlow' | undefined;
  /**
   * Who runs the latest trace: XLA's own runtime (`'program'`), which `npm start` compiles into the binding for CPUs, or a
   * session of TensorFlow, which takes 40 to 90 µs a call. `LIANDAN_XLA=session` in the environment chooses the session.
   */
  readonly runtime: 'program' | 'session' | undefined;
  /** Why XLA does not compile it, if it does not. */
  readonly withoutXla: string | undefined;
  /** Milliseconds spent on running the step while recording it, all traces together. */
  readonly traceTime: number;
  /** Milliseconds spent on building and loading graphs and on their first runs, in which XLA compiles. */
  readonly loadTime: number;
}

/** A compiled step; see {@link compile}. */
export interface CompiledStep<Inputs extends readonly TensorTree[], Result> {
  /**
   * Runs one step in one native call.
   *
   * @throws CompileError if the step cannot be compiled for these inputs, or if the graph fails; variables, counters and
   *   random streams are then as they were.
   */
  (...inputs: Inputs): Result;

  /**
   * Runs K steps in one native call.
   *
   * @param inputs The inputs of K steps, each stacked along a new leading axis; for a step without inputs, the number K.
   * @returns The results of the K steps, each stacked along a new leading axis.
   * @throws CompileError as for a single step; if one of the K steps fails, none was taken.
   *
   * @example
   * const step = compile((x: tf.Tensor) => tf.sum(x));
   * const sums = step.loop(tf.tensor2d([[1, 2], [3, 4], [5, 6]])); // [3, 7, 11]
   */
  loop(...inputs: LoopInputs<Inputs>): Stacked<Result>;

  /** How the step was compiled. */
  readonly info: CompileInfo;

  /**
   * The latest trace as text, as `String(step)` gives it, too: which kernels compute it and why, how many operations were
   * recorded and are left, what comes in (inputs, values that are fed at each call, tensors captured from outside,
   * variables), the operations in their order with attributes, types and shapes, what is assigned to which variable, and
   * what is returned. `%3` is the result of operation 3.
   *
   * @example
   * const total = tf.variable(tf.scalar(0), false, 'total');
   * const step = compile((x: tf.Tensor) => total.assign(tf.add(total, tf.sum(x))));
   * step(tf.ones([4]));
   * console.log(step.trace);
   * // kernels: XLA
   * // passes: recorded 2 → simplified 2 → for XLA 2 operations
   * // input 0: float32[4]
   * // reads total: float32[]
   * //   %0 = Sum(input 0, [0]) {keep_dims: false}: float32[]
   * //   %1 = Add(total, %0): float32[]
   * // assigns total ← %1
   * // returns nothing
   */
  readonly trace: string;

  /** Frees what TensorFlow holds for this step. Variables keep their values; a later call compiles again. */
  dispose(): void;
}

const DEFAULT_MAX_TRACES = 16;
const TRACES_BEFORE_WARNING = 5;

/**
 * Compiles a training step, or any function of tensors: the function runs twice while its operations are recorded, and
 * from then on each call is one native call instead of hundreds. Use it wherever the same computation runs more than a
 * few dozen times; small models become ten or more times faster.
 *
 * What the function may do: any arithmetic, gradients, optimizers of `liandan` and of TensorFlow.js, reading and
 * assigning variables. Variables stay the truth: reading, saving or assigning them between calls, and mixing compiled
 * with ordinary steps, works as if nothing were compiled. Tensors that were made outside of the function are handed to
 * TensorFlow once; they must not be disposed while the step is in use.
 *
 * What changes from call to call must come in as an input, sit in a variable, be drawn with `random`, or be made with
 * `fed`. What would otherwise be frozen is found when the step is traced, and refused: values read in JavaScript, random
 * numbers of JavaScript, numbers and branches that change. Learning rates of `tf.train` are asked for at each call; if other
 * hyperparameters of theirs change, or what is trainable, the step is traced anew. What JavaScript changes later is found
 * when a call is verified; see {@link CompileOptions.verify}. JavaScript side effects (logging, say) happen when the step is
 * traced or verified.
 *
 * Expressions are computed as they are written: the same infinities, NaN and conditions, and the same numbers but for their
 * last digits. What compilers are still free to do is to take sums and products of several tensors in another order, and to
 * add a product before it is rounded (which all kernels do for speed, in matrix products anyway). So sums that cancel differ as
 * their roundings do, and where x · y overflows float32, x · y − x · y may be infinite instead of NaN.
 *
 * The step is traced anew for each combination of input shapes and types.
 *
 * @param step Takes tensors (or arrays and records of them) and returns the same, or nothing.
 *
 * @example
 * const weights = tf.variable(tf.zeros<tf.Rank.R2>([784, 10]));
 * const optimizer = tf.train.sgd(0.1);
 * const step = compile((images: tf.Tensor2D, labels: tf.Tensor2D) =>
 *   optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, tf.matMul(images, weights as tf.Tensor2D)), true),
 * );
 * const loss = step(tf.ones([32, 784]), tf.ones([32, 10]));
 */
export function compile<Inputs extends readonly TensorTree[], Result>(
  step: (...inputs: Inputs) => Result,
  options: CompileOptions = {},
): CompiledStep<Inputs, Result> {
  checkArguments(step, options);
  const compiler = new Compiler(step as unknown as Step, options);
  return Object.defineProperties((...inputs: readonly TensorTree[]) => compiler.call(inputs), {
    loop: { value: (...inputs: readonly TensorTree[] | [number]) => compiler.loop(inputs) },
    info: { get: () => compiler.info },
    trace: { get: () => compiler.trace },
    toString: { value: () => compiler.trace },
    dispose: { value: () => compiler.dispose() },
  }) as unknown as CompiledStep<Inputs, Result>;
}

type Step = (...inputs: readonly TensorTree[]) => unknown;

class Compiler {
  private readonly specializations = new Map<string, Specialization>();
  private latest: Specialization | undefined;
  private renewals = 0;

  constructor(
    private readonly step: Step,
    private readonly options: CompileOptions,
  ) {}

  call(inputs: readonly TensorTree[]): unknown {
    // Within the trace of another compiled step, this one is part of it.
    if (recording()) return this.step(...inputs);
    const tensors: tf.Tensor[] = [];
    const structure = flattenInputs(inputs, tensors);
    return this.specialize(structure, tensors, 0).run(tensors);
  }

  loop(inputs: readonly TensorTree[] | [number]): unknown {
    const tensors: tf.Tensor[] = [];
    const count = typeof inputs[0] === 'number' ? inputs[0] : undefined;
    const structure = flattenInputs(count === undefined ? inputs : [], tensors);
    const steps = count ?? tensors[0]?.shape[0];
    if (
      steps === undefined ||
      !Number.isInteger(steps) ||
      steps < 1 ||
      steps >= 2 ** 31 ||
      (count !== undefined && inputs.length > 1) ||
      !tensors.every(({ shape }) => shape[0] === steps)
    ) {
      const given = String(count ?? tensors.map(({ shape }) => `[${shape.join(', ')}]`).join(', '));
      throw new CompileError(
        `loop() takes the inputs of K steps, stacked along a leading axis of the same length K ≥ 1 (for a step without ` +
          `inputs, the number K), but got ${given || 'nothing'}.`,
      );
    }
    if (recording())
      throw new CompileError('A compiled step cannot loop over another one: call it without loop().');
    const first = (): tf.Tensor[] => (count === undefined ? tensors.map(firstRow) : []);
    return this.specialize(structure, tensors, 1).loop(tensors, steps, first);
  }

  get info(): CompileInfo {
    const { latest } = this;
    const sum = (of: (specialization: Specialization) => number): number =>
      [...this.specializations.values()].reduce((total, specialization) => total + of(specialization), 0);
    return {
      traces: this.specializations.size,
      operations: latest?.plan.trace.operations.length ?? 0,
      graphBytes: latest?.graphBytes ?? 0,
      kernels: latest?.kernels,
      runtime: latest?.runtime,
      withoutXla: latest?.withoutXla,
      traceTime: sum(({ traceTime }) => traceTime),
      loadTime: sum(({ loadTime }) => loadTime),
    };
  }

  get trace(): string {
    return this.latest?.print() ?? 'This step was not called yet.';
  }

  dispose(): void {
    for (const specialization of this.specializations.values()) specialization.dispose();
    this.specializations.clear();
    this.latest = undefined;
  }

  /** @param leading The number of leading axes along which inputs are stacked. */
  private specialize(structure: Structure, tensors: readonly tf.Tensor[], leading: 0 | 1): Specialization {
    refuseGradient();
    const kinds = tensors.map(({ dtype, shape }) => `${dtype}[${shape.slice(leading).join(', ')}]`);
    const key = `${structureKey(structure)} ${kinds.join(', ')}`;
    const firstStep = (): tf.Tensor[] => tensors.map(leading === 0 ? (tensor) => tf.clone(tensor) : firstRow);
    const known = this.specializations.get(key);
    if (known?.isCurrent(firstStep)) {
      this.latest = known;
      return known;
    }
    if (known) this.forget(key, known);
    this.limitTraces(kinds);
    const step = (...inputs: readonly tf.Tensor[]): unknown => {
      let next = 0;
      return this.step(...(unflatten(structure, () => inputs[next++]!) as readonly TensorTree[]));
    };
    const { xla, verify = true } = this.options;
    const inputs = firstStep();
    try {
      this.latest = new Specialization(step, inputs, { xla, verify });
    } finally {
      tf.dispose(inputs);
    }
    this.specializations.set(key, this.latest);
    return this.latest;
  }

  /** Makes room for a new trace in place of one that is out of date. */
  private forget(key: string, specialization: Specialization): void {
    specialization.dispose();
    this.specializations.delete(key);
    this.renewals += 1;
    if (this.renewals !== TRACES_BEFORE_WARNING) return;
    console.warn(
      `compile: this step is being compiled anew for the ${this.renewals}th time, because hyperparameters of an optimizer ` +
        `of tf.train or the variables that are trained have changed. Use an optimizer of liandan, whose hyperparameters ` +
        `may follow a schedule, or compile one step per case.`,
    );
  }

  private limitTraces(kinds: readonly string[]): void {
    const { size } = this.specializations;
    const { maxTraces = DEFAULT_MAX_TRACES } = this.options;
    const remedy = `Give it inputs of few different shapes: drop or pad the last, smaller batch, and pad sequences to a few lengths`;
    if (size >= maxTraces) {
      throw new CompileError(
        `The step was traced for ${size} combinations of shapes and types, which is the limit, and is now called with ` +
          `${kinds.join(', ')}. ${remedy}, or raise the option maxTraces.`,
      );
    }
    if (size === TRACES_BEFORE_WARNING) {
      console.warn(
        `compile: this step is being traced for a ${size + 1}th combination of shapes and types ` +
          `(${kinds.join(', ')}), which takes time and memory each time. ${remedy}.`,
      );
    }
  }
}

const OPTIONS: readonly (keyof CompileOptions)[] = ['xla', 'maxTraces', 'verify'];

function checkArguments(step: unknown, options: CompileOptions): void {
  if (typeof step !== 'function') {
    throw new TypeError(`compile() takes a function of tensors, but got ${describeValue(step)}.`);
  }
  rejectUnknown(options, OPTIONS, 'compile()');
}

function flattenInputs(inputs: readonly unknown[], tensors: tf.Tensor[]): Structure {
  const structure = flatten(inputs, tensors, 'The list of inputs');
  const disposed = tensors.findIndex((tensor) => tensor.isDisposed);
  if (disposed >= 0) {
    throw new CompileError(
      `Tensor ${disposed} of the inputs is disposed. Keep inputs until the call has returned.`,
    );
  }
  return structure;
}

function firstRow(tensor: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.squeeze(tf.slice(tensor, 0, 1), [0]));
}

function refuseGradient(): void {
  const engine = tf.engine() as unknown as { isTapeOn(): boolean };
  if (engine.isTapeOn()) {
    throw new CompileError(
      'A compiled step was called inside of tf.grad, tf.variableGrads or minimize, which cannot see into it. ' +
        'Take gradients inside of the step, or use the ordinary function here.',
    );
  }
}
