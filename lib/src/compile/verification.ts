/** Compares a compiled step with what its function does now, because JavaScript may have changed what was recorded. */
import { tf } from '../runtime';
import { assertSame } from './record/compare';
import { forget, record, type FlatStep, type Recording } from './record/recorder';
import { Restoration } from './record/restoration';
import { CompileError } from './ir/errors';
import { dependencies } from './ir/live';
import { describeSource, type Source, type Trace } from './ir/trace';

/** Which calls are verified; see {@link CompileOptions.verify}. */
export type Verify = boolean | 'always';

/** A result of a step, computed in two ways. */
interface Comparison {
  readonly name: string;
  readonly source: Source;
  readonly expected: tf.Tensor;
  readonly actual: tf.Tensor;
  /** What a variable was before the step: a deviation is large or small beside the change. */
  readonly before?: tf.Tensor;
}

/** How many calls at the beginning are verified, one after the other. */
const FIRST_CALLS = 4;
/** Milliseconds that may go into verifying in any case, where what was compiled for an earlier step is used again, say. */
const LEAST_TIME = 500;
/** Beyond what it takes to compile, this share of the running time may go into verifying. */
const SHARE_OF_TIME = 0.01;

/** Deviations of rounding in other orders of summation, relative to the largest value of a tensor or to its change. */
const RELATIVE_TOLERANCE = 1e-3;
/** The spacing of float32 at 1, some roundings of it. */
const ROUNDING = 8 * 2 ** -23;
/** What is left where a sum cancels: of a result, of the change of a variable. */
const LEFT_OF_SUMS = { result: 1e-6, change: 1e-7 };
/** By how much values are moved to see how far a result depends on their rounding. */
const PERTURBATION = 2 ** -20;
/** How often they are moved. */
const PERTURBATIONS = 3;
/** A result may differ by as much as this number of such perturbations makes it. */
const SENSITIVITY = 64;

export class Verification {
  private calls = 0;
  /** Milliseconds spent here. */
  private spent = 0;
  private readonly start = performance.now();

  /**
   * @param trace What the step did when it was compiled.
   * @param options.compilation Milliseconds that compiling has taken.
   * @param options.otherStream Whether random numbers are others than those of an eager run.
   */
  constructor(
    private readonly step: FlatStep,
    private readonly trace: Trace,
    private readonly options: {
      readonly verify: Verify;
      readonly compilation: () => number;
      readonly otherStream: () => boolean;
    },
  ) {}

  /**
   * Whether the step would be recorded as it was. Nothing changes.
   *
   * @param inputs Those of its next step.
   */
  isCurrent(inputs: readonly tf.Tensor[]): boolean {
    const restoration = new Restoration();
    try {
      forget(this.record(inputs, restoration));
      return true;
    } catch (error) {
      if (error instanceof CompileError) return false;
      throw error;
    } finally {
      restoration.rewind();
      restoration.dispose();
    }
  }

  /**
   * Runs the compiled step, and now and then its function beside it.
   *
   * @param inputs Gives the inputs of its first step; they are disposed here.
   * @param steps How many steps `run` makes; undefined for a single call, whose outputs are not stacked.
   * @param run Hands its outputs to `check`, which throws if they are wrong, before it lets go of what it can take back.
   * @throws CompileError if compiled step and function do not do the same; variables are then as they were.
   */
  around<T>(
    inputs: () => tf.Tensor[],
    steps: number | undefined,
    run: (check: (outputs: readonly tf.Tensor[]) => void) => T,
  ): T {
    this.calls += 1;
    if (!this.isDue()) return run(() => undefined);
    const start = performance.now();
    const restoration = new Restoration();
    const first = inputs();
    const { recording, failure } = this.attempt(first, restoration);
    try {
      restoration.rewind();
      if (failure instanceof CompileError) throw this.describeChange(failure);
      this.spent += performance.now() - start;
      return run((outputs) => {
        const resumed = performance.now();
        try {
          if (recording) this.check(recording, outputs, steps, first, restoration);
          else throw describeFailure(failure);
        } catch (error) {
          restoration.rewindVariables();
          tf.dispose([...outputs]);
          throw error;
        }
        this.spent += performance.now() - resumed;
      });
    } finally {
      if (recording) forget(recording);
      tf.dispose(first);
      restoration.dispose();
    }
  }

  /** The first calls, then the eighth, the sixteenth …, as long as it costs little beside compiling or running. */
  private isDue(): boolean {
    const { verify, compilation } = this.options;
    if (verify === 'always') return true;
    const isPowerOfTwo = (this.calls & (this.calls - 1)) === 0;
    if (!verify || (this.calls > FIRST_CALLS && !isPowerOfTwo)) return false;
    const running = performance.now() - this.start;
    return this.spent <= Math.max(LEAST_TIME, compilation(), SHARE_OF_TIME * running);
  }

  private record(inputs: readonly tf.Tensor[], restoration: Restoration): Recording {
    const recording = record(this.step, inputs, {
      mayCreate: false,
      restoration,
      watched: this.trace.optimizers,
    });
    try {
      assertSame(this.trace, recording.trace);
      return recording;
    } catch (error) {
      forget(recording);
      throw error;
    }
  }

  /** A failure of the function is no news yet: the compiled step should fail as well. */
  private attempt(
    inputs: readonly tf.Tensor[],
    restoration: Restoration,
  ): { recording?: Recording; failure?: unknown } {
    try {
      return { recording: this.record(inputs, restoration) };
    } catch (failure) {
      return { failure };
    }
  }

  private describeChange(change: CompileError): CompileError {
    return new CompileError(
      `The step is not what it was when it was compiled (found at call ${this.calls}; calls before may have used what ` +
        `it was). ${change.message} Or call dispose(), after which it is compiled anew.`,
      { cause: change },
    );
  }

  private comparisons(
    recording: Recording,
    outputs: readonly tf.Tensor[],
    steps: number | undefined,
    restoration: Restoration,
  ): Comparison[] {
    const { trace } = recording;
    const results = recording.outputs.map((expected, i) => ({
      name: `output ${i}`,
      source: trace.outputs[i]!.source,
      expected,
      actual:
        steps === undefined
          ? tf.clone(outputs[i]!)
          : tf.tidy(() => tf.reshape(tf.slice(outputs[i]!, 0, 1), expected.shape)),
    }));
    if (steps !== undefined && steps !== 1) return results;
    const updates = trace.updates.map(({ variable, source }, i) => ({
      name: `the variable ${variable.name}`,
      source,
      expected: recording.updates[i]!,
      actual: tf.clone(variable),
      before: restoration.valueOf(variable),
    }));
    return [...results, ...updates];
  }

  /** @throws CompileError if `outputs` or the variables are not what they should be. */
  private check(
    recording: Recording,
    outputs: readonly tf.Tensor[],
    steps: number | undefined,
    inputs: readonly tf.Tensor[],
    restoration: Restoration,
  ): void {
    const comparisons = this.comparisons(recording, outputs, steps, restoration);
    try {
      const suspects = comparisons.filter(
        (comparison) =>
          deviationOf(comparison) > toleranceOf(comparison) &&
          !(this.options.otherStream() && drawsRandomNumbers(comparison.source)),
      );
      if (suspects.length === 0) return;
      // A sign, or a gradient that is all rounding, may differ as a whole: so does it in an eager run that is moved a little.
      const sensitivities = suspects.map(() => 0);
      for (let attempt = 1; attempt <= PERTURBATIONS; attempt++) {
        const moved = this.recordMoved(inputs, recording.fed, attempt, restoration);
        // Where the function fails beside its inputs, it cannot be said how far rounding goes.
        if (!moved) return;
        const values = [...moved.outputs, ...moved.updates];
        suspects.forEach((suspect, i) => {
          const deviation = deviationOf({ ...suspect, actual: values[comparisons.indexOf(suspect)]! });
          sensitivities[i] = Math.max(sensitivities[i]!, deviation);
        });
        forget(moved);
      }
      const wrong = suspects.find((suspect, i) => deviationOf(suspect) > SENSITIVITY * sensitivities[i]!);
      if (wrong) throw new CompileError(describeDeviation(wrong));
    } finally {
      tf.dispose(comparisons.map(({ actual }) => actual));
    }
  }

  /** A recording from variables and inputs that are moved by some roundings; undefined if the function fails there. Variables and counters end where they are. */
  private recordMoved(
    inputs: readonly tf.Tensor[],
    fed: Recording['fed'],
    attempt: number,
    restoration: Restoration,
  ): Recording | undefined {
    const now = new Restoration();
    const perturbed = inputs.map((input) => perturb(input, attempt));
    try {
      restoration.rewindVariables();
      for (const variable of now.variables) {
        tf.tidy(() => variable.assign(perturb(variable, attempt)));
      }
      return record(this.step, perturbed, { mayCreate: false, restoration: now, fed });
    } catch {
      return undefined;
    } finally {
      now.rewind();
      now.dispose();
      tf.dispose(perturbed);
    }
  }
}

/** The largest difference of two elements; infinite where one is a number and the other is not. */
function deviationOf({ expected, actual }: Pick<Comparison, 'expected' | 'actual'>): number {
  return tf.tidy(() => {
    if (expected.size === 0 || !isNumeric(expected)) return 0;
    const [a, b] = [expected, actual].map((x) => tf.cast(x, 'float32')) as [tf.Tensor, tf.Tensor];
    const isNumber = tf.logicalOr(tf.isFinite(a), tf.isFinite(b));
    const same = tf.logicalOr(tf.equal(a, b), tf.logicalNot(isNumber));
    const difference = tf.where(same, tf.zerosLike(a), tf.abs(tf.sub(a, b)));
    const bounded = tf.where(tf.isNaN(difference), tf.fill(a.shape, Infinity), difference);
    return tf.max(bounded).dataSync()[0]!;
  });
}

function toleranceOf({ expected, before }: Comparison): number {
  return tf.tidy(() => {
    if (expected.size === 0 || !isNumeric(expected)) return 0;
    const largest = largestOf(expected);
    if (!before) return RELATIVE_TOLERANCE * largest + LEFT_OF_SUMS.result;
    const change = largestOf(tf.sub(tf.cast(expected, 'float32'), tf.cast(before, 'float32')));
    return RELATIVE_TOLERANCE * change + ROUNDING * largest + LEFT_OF_SUMS.change;
  });
}

function isNumeric({ dtype }: tf.Tensor): boolean {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
}

/** The largest finite magnitude. */
function largestOf(x: tf.Tensor): number {
  const magnitudes = tf.abs(tf.cast(x, 'float32'));
  return tf.max(tf.where(tf.isFinite(magnitudes), magnitudes, tf.zerosLike(magnitudes))).dataSync()[0]!;
}

function perturb<T extends tf.Tensor>(x: T, attempt: number): T {
  if (x.dtype !== 'float32') return tf.clone(x);
  return tf.tidy(() => {
    const signs = tf.sign(tf.sin(tf.mul(attempt, tf.range(1, x.size + 1))));
    return tf.mul<T>(x, tf.add(1, tf.mul(PERTURBATION, tf.reshape(signs, x.shape))));
  });
}

function drawsRandomNumbers(source: Source): boolean {
  return [...dependencies([source])].some(({ name }) => name.startsWith('Stateless'));
}

function describeFailure(failure: unknown): CompileError {
  const message = failure instanceof Error ? failure.message : String(failure);
  return new CompileError(`The function of the step fails, and the compiled step does not: ${message}`, {
    cause: failure,
  });
}

function describeDeviation({ name, source, expected, actual }: Comparison): string {
  const values = (x: tf.Tensor): string => {
    const data = Array.from(x.dataSync().subarray(0, 4), (value) => Number(value.toPrecision(7)));
    return `${data.join(', ')}${x.size > data.length ? ', …' : ''}`;
  };
  return (
    `The compiled step does not compute what its function computes: ${name}, ${describeSource(source)}, is ` +
    `${values(actual)} and should be ${values(expected)}. Please report it; until then, use the option xla: false, ` +
    `or the function itself.`
  );
}
