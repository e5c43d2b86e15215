/** Repeats at each call what the step asked of the host while it was traced: counters advance, values are produced. */
import type { StepCounter } from '../../runtime/fed';
import { CompileError } from '../ir/errors';
import type { FedLayout } from '../ir/plan';
import { describeLengthChange, type CountingOptimizer, type Trace } from '../ir/trace';

/** Values of `fed` for one or more steps, a row per step. */
export interface FedValues {
  readonly float32: Float32Array;
  readonly int32: Int32Array;
}

export class Host {
  private readonly counters: readonly StepCounter[];
  private readonly counting: readonly CountingOptimizer[];

  constructor(
    private readonly trace: Trace,
    private readonly layout: FedLayout,
  ) {
    this.counters = [
      ...new Set(trace.events.flatMap((event) => (event.kind === 'counter' ? [event.counter] : []))),
    ];
    this.counting = trace.counting;
  }

  /**
   * Advances the host by `steps` steps and hands what they are fed to `use`, with `rows` rows of which those after
   * `steps` are zero. If that fails, the host is where it was.
   */
  advance<T>(steps: number, rows: number, use: (values: FedValues) => T): T {
    const before = this.counters.map(({ value }) => value);
    try {
      const result = use(this.produce(steps, rows));
      for (let step = 0; step < steps; step++) {
        for (const optimizer of this.counting) optimizer.incrementIterations();
      }
      return result;
    } catch (error) {
      this.counters.forEach((counter, i) => (counter.value = before[i]!));
      throw error;
    }
  }

  private produce(steps: number, rows: number): FedValues {
    const { sizes, places } = this.layout;
    const values = {
      float32: new Float32Array(rows * sizes.float32),
      int32: new Int32Array(rows * sizes.int32),
    };
    for (let step = 0; step < steps; step++) {
      let index = 0;
      for (const event of this.trace.events) {
        if (event.kind === 'counter') {
          event.counter.advance();
          continue;
        }
        const { dtype, offset, length } = places[index++]!;
        const value = event.produce();
        const start = step * sizes[dtype] + offset;
        if (typeof value === 'number' && length === undefined) {
          values[dtype][start] = value;
        } else if (Array.isArray(value) && value.length === length) {
          values[dtype].set(value, start);
        } else {
          throw new CompileError(
            describeLengthChange(length, Array.isArray(value) ? value.length : undefined),
          );
        }
      }
    }
    return values;
  }
}
