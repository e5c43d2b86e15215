import type { Trace } from '../../src/compile/ir/trace';
import { simplify } from '../../src/compile/passes/simplify';
import { forget, record, type FlatStep } from '../../src/compile/record/recorder';
import { Restoration } from '../../src/compile/record/restoration';
import type { tf } from '../../src/runtime';

/** What a step does, simplified, recorded once. */
export function traceOf(step: FlatStep, ...inputs: readonly tf.Tensor[]): Trace {
  const restoration = new Restoration();
  try {
    const recording = record(step, inputs, { mayCreate: false, restoration });
    forget(recording);
    return simplify(recording.trace);
  } finally {
    restoration.rewind();
    restoration.dispose();
  }
}
