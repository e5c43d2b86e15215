import { tf } from './tensorflow';

/** What is held at one moment. */
export interface MemoryUse {
  /** Tensors alive, variables included. */
  readonly tensors: number;
  /** Bytes of their values. */
  readonly tensorBytes: number;
  /** Resident memory of the process in bytes. */
  readonly processBytes: number;
}

/**
 * Tensors, their bytes, and the process's resident memory now.
 *
 * @example
 * memoryUse().tensors;
 */
export function memoryUse(): MemoryUse {
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, tensorBytes: numBytes, processBytes: process.memoryUsage.rss() };
}

/**
 * Runs `action` and tells how many tensors and bytes it left behind: 0 where nothing leaks. The action's own result
 * counts if it is a tensor.
 *
 * @example
 * leftBehind(() => optimizer.minimize(loss)).tensors; // 0
 */
export function leftBehind(action: () => unknown): { tensors: number; tensorBytes: number } {
  const before = memoryUse();
  action();
  const after = memoryUse();
  return { tensors: after.tensors - before.tensors, tensorBytes: after.tensorBytes - before.tensorBytes };
}

/**
 * The values of a tensor that `make` computes, which is freed with all that led to it. Not `tf.tidy(() => make().dataSync())`:
 * that looks for tensors in what it returns, number by number, which takes a hundred times longer than to draw them.
 *
 * @example
 * const uniform = valuesOf(() => random(7).uniform([1_000_000]));
 */
export function valuesOf(make: () => tf.Tensor): Float32Array {
  const tensor = tf.tidy(make);
  try {
    return tensor.dataSync<'float32'>();
  } finally {
    tensor.dispose();
  }
}
