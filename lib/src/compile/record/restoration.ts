import { tf } from '../../runtime';
import { nativeBackend } from '../../runtime/binding';
import type { StepCounter } from '../../runtime/fed';
import type { CountingOptimizer } from '../ir/trace';

/** Remembers variables and counters as they are, because recording a step must not count as a step. */
export class Restoration {
  private readonly values = new Map<tf.Variable, tf.Tensor>();
  private readonly counters = new Map<StepCounter, number>();
  private readonly optimizers = new Map<
    CountingOptimizer,
    Pick<CountingOptimizer, 'iterations_' | 'learningRate'>
  >();

  constructor() {
    for (const variable of registeredVariables()) this.created(variable);
  }

  /** Remembers a variable that has just come into being. */
  created(variable: tf.Variable): void {
    this.values.set(variable, tf.keep(variable.clone()));
  }

  /** Remembers the value that a counter had before it advanced. */
  advanced(counter: StepCounter, before: number): void {
    if (!this.counters.has(counter)) this.counters.set(counter, before);
  }

  /** Remembers an optimizer of TensorFlow.js that counts a step, or that is asked for its learning rate. */
  uses(optimizer: CountingOptimizer): void {
    if (this.optimizers.has(optimizer)) return;
    const { iterations_, learningRate } = optimizer;
    this.optimizers.set(optimizer, { iterations_, learningRate });
  }

  /** The variables that are remembered. */
  get variables(): tf.Variable[] {
    return [...this.values.keys()].filter(({ isDisposed }) => !isDisposed);
  }

  /** The value that a variable had. */
  valueOf(variable: tf.Variable): tf.Tensor | undefined {
    return this.values.get(variable);
  }

  /** Gives the variables the values that they had. */
  rewindVariables(): void {
    for (const [variable, value] of this.values) {
      if (!variable.isDisposed && variable.dataId !== value.dataId) variable.assign(value);
    }
  }

  /** Gives variables and counters the values that they had. */
  rewind(): void {
    this.rewindVariables();
    for (const [counter, value] of this.counters) counter.value = value;
    for (const [optimizer, state] of this.optimizers) Object.assign(optimizer, state);
  }

  /** Frees what is remembered. */
  dispose(): void {
    for (const value of this.values.values()) value.dispose();
  }
}

/** The variables of the program that live in TensorFlow. */
export function registeredVariables(): tf.Variable[] {
  const { tensorMap } = nativeBackend();
  return Object.values(tf.engine().registeredVariables).filter(({ dataId }) => tensorMap.has(dataId));
}
