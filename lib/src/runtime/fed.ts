import { scalar, tensor1d, type Tensor } from '@tensorflow/tfjs-core';

/** What a step reads from the host, in the order in which it reads it. See {@link observeHost}. */
export interface HostObserver {
  /** A {@link StepCounter} advanced from the value that it had before. */
  advanced(counter: StepCounter, before: number): void;
  /** Host state was set; see {@link hostStateIsSet}. */
  set(what: string): void;
  /** What the step does depends on host state; see {@link dependsOn}. */
  depends(read: () => string | number): void;
  /** {@link fed} was called; the observer gives the tensor that stands for the value. */
  fed(produce: () => number | number[], dtype: 'float32' | 'int32'): Tensor;
}

let observer: HostObserver | undefined;

/**
 * Runs `action` while `watching` sees every counter that advances and every value that is fed.
 * This is how `compile` learns what to repeat at each call; nothing else needs it.
 */
export function observeHost<T>(watching: HostObserver, action: () => T): T {
  const previous = observer;
  observer = watching;
  try {
    return action();
  } finally {
    observer = previous;
  }
}

/**
 * Must be called where host state decides what a step does, which parameters it moves for example: a compiled step is
 * traced anew when the value is another at a call.
 *
 * @param read Gives the state as one value; it is asked at each call.
 */
export function dependsOn(read: () => string | number): void {
  observer?.depends(read);
}

/** Whether an operation of now is being recorded for a compiled step, so that values cannot be looked at. */
export const isRecorded = (): boolean => observer !== undefined;

/**
 * Host state that advances by one at each step: the step number of an optimizer, the position in a random stream.
 * A compiled step advances its counters exactly as the eager step does.
 *
 * @example
 * const step = new StepCounter();
 * step.advance(); // 1
 */
export class StepCounter {
  private current = 0;

  /** How often the counter advanced; assign it to resume from saved state, but not within a compiled step. */
  get value(): number {
    return this.current;
  }

  set value(value: number) {
    hostStateIsSet(
      'the value of a counter (the iterations of an optimizer, the position of a random stream)',
    );
    this.current = value;
  }

  /** Advances by one and returns the new value. */
  advance(): number {
    const before = this.current;
    this.current = this.next();
    observer?.advanced(this, before);
    return this.current;
  }

  /** The value after the next step. */
  protected next(): number {
    return this.current + 1;
  }
}

/**
 * Must be called by whatever sets host state that steps read, a learning rate for example: within a step that is compiled
 * that would happen while it is traced and never again, and is refused.
 *
 * @param what Names the state in the message.
 */
export function hostStateIsSet(what: string): void {
  observer?.set(what);
}

/**
 * A host value that changes from step to step (a learning rate after its schedule, a bias correction), as a tensor.
 * In an eager step it is a fresh tensor with the value of now; in a compiled step it becomes an input of the graph for
 * which `produce` is called again at each step, so that no JavaScript number is frozen into the graph.
 *
 * @param produce Gives a number (→ scalar) or an array (→ vector; its length must not change). It must be a pure
 *   function of host state such as a {@link StepCounter}.
 * @param dtype Type of the tensor; default `'float32'`.
 *
 * @example
 * const learningRate = fed(() => schedule(counter.value));
 */
export function fed(produce: () => number | number[], dtype: 'float32' | 'int32' = 'float32'): Tensor {
  if (observer) return observer.fed(produce, dtype);
  const value = produce();
  return typeof value === 'number' ? scalar(value, dtype) : tensor1d(value, dtype);
}
