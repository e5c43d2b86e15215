import type { tf } from '../runtime';

type Observer = <T extends tf.Tensor>(label: string, x: T) => T;

let observer: Observer | undefined;

/**
 * Names a tensor in the course of a model, so that training can follow its moments and those of its gradient (the option
 * `follow` of `minimize` and `train`). By itself it gives the tensor back and costs nothing.
 *
 * @param label Unique within the model, such as `layer_1/attention`.
 *
 * @example
 * const hidden = probe('layer_1/attention', attend(x));
 */
export function probe<T extends tf.Tensor>(label: string, x: T): T {
  return observer ? observer(label, x) : x;
}

/** Runs `action` while every {@link probe} passes its tensor through `seeing`. */
export function observeProbes<Result>(seeing: Observer, action: () => Result): Result {
  const previous = observer;
  observer = seeing;
  try {
    return action();
  } finally {
    observer = previous;
  }
}
