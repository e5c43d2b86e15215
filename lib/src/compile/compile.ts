import { tf } from '../runtime';
import { CompileError } from './errors';
import { Specialization, type Timings } from './specialization';
import { tracing } from './trace';
import { flatten, structureKey, unflatten, type Structure, type TensorTree } from './tree';

export interface CompileOptions {
  /** Whether the graph is compiled by XLA. */
  readonly xla?: boolean;
  /** How many combinations of shapes and types may be traced before an error is thrown; default 16. */
  readonly maxTraces?: number;
}

/** The result of a step, each tensor stacked along a new leading axis. */
export type Stacked<Result> = Result extends tf.Tensor
  ? tf.Tensor
  : Result extends readonly unknown[] | Record<string, unknown>
    ? { [Key in keyof Result]: Stacked<Result[Key]> }
    : Result;

/** A compiled step; see {@link compile}. */
export interface CompiledStep<Inputs extends readonly TensorTree[], Result> {
  (...inputs: Inputs): Result;

  /**
   * Runs K steps in one native call.
   *
   * @param inputs The inputs of K steps, each stacked along a new leading axis; for a step without inputs, the number K.
   * @returns The results of the K steps, each stacked along a new leading axis.
   */
  loop(...inputs: Inputs extends readonly [] ? [steps: number] : Inputs): Stacked<Result>;

  /** How the step was compiled. */
  readonly info: CompileInfo;

  /** Frees what TensorFlow holds for this step; variables keep their values. */
  dispose(): void;
}

export interface CompileInfo {
  /** How many combinations of shapes and types were traced. */
  readonly traces: number;
  /** Operations in the graph that was traced last. */
  readonly operations: number;
  /** Bytes of the graph that was traced last. */
  readonly graphBytes: number;
  /** Time that tracing and loading took, in milliseconds, over all traces. */
  readonly timings: Timings;
  /** Whether XLA compiles the graph that was traced last. */
  readonly xla: boolean;
}

const DEFAULT_MAX_TRACES = 16;

/**
 * Compiles a training step (or any function of tensors): it runs while its operations are recorded, and from then on each
 * call is one native call instead of hundreds.
 *
 * @example
 * const step = compile((images, labels) => optimizer.minimize(() => loss(model(images), labels), true));
 * const lossNow = step(images, labels);
 */
export function compile<Inputs extends readonly TensorTree[], Result>(
  step: (...inputs: Inputs) => Result,
  options: CompileOptions = {},
): CompiledStep<Inputs, Result> {
  const compiler = new Compiler(step as (...inputs: readonly TensorTree[]) => unknown, options);
  const call = (...inputs: readonly TensorTree[]): unknown => compiler.call(inputs);
  return Object.defineProperties(call, {
    loop: { value: (...inputs: readonly TensorTree[] | [number]) => compiler.loop(inputs) },
    info: { get: () => compiler.info },
    dispose: { value: () => compiler.dispose() },
  }) as unknown as CompiledStep<Inputs, Result>;
}

class Compiler {
  private readonly specializations = new Map<string, Specialization>();
  private latest: Specialization | undefined;

  constructor(
    private readonly step: (...inputs: readonly TensorTree[]) => unknown,
    private readonly options: CompileOptions,
  ) {}

  call(inputs: readonly TensorTree[]): unknown {
    // Within the trace of another compiled step, this one is part of it.
    if (tracing()) return this.step(...inputs);
    const tensors: tf.Tensor[] = [];
    const structure = flatten(inputs, tensors, 'The inputs of the step');
    return this.specialize(structure, tensors, tensors).run(tensors);
  }

  loop(inputs: readonly TensorTree[] | [number]): unknown {
    const count = typeof inputs[0] === 'number' ? inputs[0] : undefined;
    const tensors: tf.Tensor[] = [];
    const structure = flatten(count === undefined ? inputs : [], tensors, 'The inputs of the loop');
    const steps = count ?? tensors[0]?.shape[0];
    if (steps === undefined || !tensors.every(({ shape }) => shape[0] === steps)) {
      throw new CompileError(
        `loop() takes the inputs of K steps, stacked along a leading axis of length K (or the number K for a step ` +
          `without inputs), but got the shapes ${tensors.map(({ shape }) => `[${shape.join(', ')}]`).join(', ')}.`,
      );
    }
    return tf.tidy(() => {
      const first = tensors.map((tensor) => tf.squeeze(tf.slice(tensor, 0, 1), [0]));
      return this.specialize(structure, tensors, first).loop(tensors, steps) as tf.TensorContainer;
    });
  }

  get info(): CompileInfo {
    const all = [...this.specializations.values()];
    return {
      traces: all.length,
      operations: this.latest?.plan.trace.operations.length ?? 0,
      graphBytes: this.latest?.graphBytes ?? 0,
      timings: {
        trace: all.reduce((sum, { timings }) => sum + timings.trace, 0),
        load: all.reduce((sum, { timings }) => sum + timings.load, 0),
      },
      xla: this.latest?.xla ?? false,
    };
  }

  dispose(): void {
    for (const specialization of this.specializations.values()) specialization.dispose();
    this.specializations.clear();
  }

  private specialize(
    structure: Structure,
    _given: readonly tf.Tensor[],
    example: readonly tf.Tensor[],
  ): Specialization {
    const key =
      structureKey(structure) + example.map(({ dtype, shape }) => `${dtype}[${shape.join()}]`).join();
    const known = this.specializations.get(key);
    if (known) return known;
    const limit = this.options.maxTraces ?? DEFAULT_MAX_TRACES;
    if (this.specializations.size >= limit) {
      throw new CompileError(`The step was already traced for ${limit} combinations of shapes.`);
    }
    const step = (...tensors: readonly tf.Tensor[]): unknown => {
      let next = 0;
      return this.step(...(unflatten(structure, () => tensors[next++]!) as readonly TensorTree[]));
    };
    this.latest = new Specialization(step, example, this.options.xla ?? true);
    this.specializations.set(key, this.latest);
    return this.latest;
  }
}
