import { tf } from '../../runtime';
import type { StepCounter } from '../../runtime/fed';

/** Remembers variables and counters as they are, because tracing a step must not count as a step. */
export class Restoration {
  private readonly values = new Map<tf.Variable, tf.Tensor>();
  private readonly counters = new Map<StepCounter, number>();

  constructor() {
    for (const variable of Object.values(tf.engine().registeredVariables)) this.created(variable);
  }

  /** Remembers a variable that has just come into being. */
  created(variable: tf.Variable): void {
    this.values.set(variable, tf.keep(variable.clone()));
  }

  /** Remembers a counter that has just advanced. */
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
