/** Compares a compiled step with what its function does now, because JavaScript may have changed what was recorded. */
import { tf } from '../runtime';
import { assertSame } from './record/compare';
import { forget, record, type FlatStep, type Recording } from './record/recorder';
import { Restoration } from './record/restoration';
import { CompileError } from './ir/errors';
import { dependencies } from './ir/live';
import type { Source, Trace } from './ir/trace';
import { Rounding } from './record/rounding';
import { Doubt, type Comparison } from './deviation';

/** Which calls are verified; see {@link CompileOptions.verify}. */
export type Verify = boolean | 'always';

/** How many calls at the beginning are verified, one after the other. */
const FIRST_CALLS = 4;
/** Milliseconds that may go into verifying in any case, where what was compiled for an earlier step is used again, say. */
const LEAST_TIME = 500;
/** Beyond what it takes to compile, this share of the running time may go into verifying. */
const SHARE_OF_TIME = 0.01;

/** In how many ways a step rounds otherwise before a doubt about it is taken for true. */
const WAYS = 16;

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
    const doubts = comparisons.map((comparison) =>
      this.options.otherStream() && drawsRandomNumbers(comparison.source)
        ? undefined
        : Doubt.about(comparison),
    );
    try {
      // A sign, or a gradient that is all rounding, may differ as a whole: so does it in an eager run that rounds otherwise.
      for (let way = 0; doubts.some((doubt) => doubt?.isJustified()); way++) {
        if (way === WAYS) {
          throw new CompileError(doubts.find((doubt) => doubt?.isJustified())!.describe());
        }
        const moved = this.recordMoved(inputs, recording.fed, new Rounding(way), restoration);
        // Where the function fails beside its inputs, it cannot be said how far rounding goes.
        if (!moved) return;
        const values = [...moved.outputs, ...moved.updates];
        doubts.forEach((doubt, i) => doubt?.weigh(values[i]!));
        forget(moved);
      }
    } finally {
      doubts.forEach((doubt) => doubt?.dispose());
      tf.dispose(comparisons.map(({ actual }) => actual));
    }
  }

  /**
   * A recording in which variables, inputs and operations round otherwise; undefined if the function fails there.
   * Variables and counters end where they are.
   */
  private recordMoved(
    inputs: readonly tf.Tensor[],
    fed: Recording['fed'],
    rounding: Rounding,
    restoration: Restoration,
  ): Recording | undefined {
    const now = new Restoration();
    const moved = inputs.map((input) => rounding.move(input));
    try {
      restoration.rewindVariables();
      for (const variable of now.variables) {
        tf.tidy(() => variable.assign(rounding.move(variable)));
      }
      return record(this.step, moved, { mayCreate: false, restoration: now, fed, rounding });
    } catch {
      return undefined;
    } finally {
      now.rewind();
      now.dispose();
      tf.dispose(moved);
      rounding.dispose();
    }
  }
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
