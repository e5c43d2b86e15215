import { describe, expect, it } from 'vitest';
import { recomputation } from '../../src/compile/passes/fusion';
import type { FlatStep } from '../../src/compile/record/recorder';
import { compile } from '../../src/compile';
import { tf } from '../../src/runtime';
import { traceOf } from './traceOf';

/** Gradients of a cell that is run for some steps, each on the state that the one before left. */
function unrolled(steps: number, cell: (state: tf.Tensor, kernel: tf.Tensor) => tf.Tensor): FlatStep {
  const loss = (kernel: tf.Tensor, state: tf.Tensor): tf.Tensor => {
    let last = state;
    for (let step = 0; step < steps; step++) last = cell(last, kernel);
    return tf.sum(last);
  };
  return (kernel, state) => tf.grad((k) => loss(k, state))(kernel);
}

/** The state goes on beside the product, as in an LSTM or GRU. */
const gated = (state: tf.Tensor, kernel: tf.Tensor): tf.Tensor => {
  const gate = tf.clipByValue(tf.matMul(state as tf.Tensor2D, kernel as tf.Tensor2D), 0, 1);
  return tf.add(tf.mul(gate, state), tf.mul(tf.sub(1, gate), tf.neg(state)));
};
/** The state goes through the product, as in an Elman network. */
const simple = (state: tf.Tensor, kernel: tf.Tensor): tf.Tensor =>
  tf.tanh(tf.matMul(state as tf.Tensor2D, kernel as tf.Tensor2D));

const inputs = [tf.eye(3), tf.ones([2, 3])];

function recomputed(step: FlatStep): number {
  return recomputation(traceOf(step, ...inputs));
}

describe('what XLA would compute again and again', () => {
  it('grows with the length of a chain of operations on elements, and not with that of products', () => {
    expect(recomputed(unrolled(40, gated))).toBeGreaterThan(100);
    expect(recomputed(unrolled(40, gated))).toBeGreaterThan(3 * recomputed(unrolled(10, gated)));
    expect(recomputed(unrolled(40, simple))).toBeLessThan(10);
  });

  it('keeps a step off XLA, which may be wanted all the same', () => {
    const [long, short] = [compile(unrolled(40, gated)), compile(unrolled(2, gated))];
    for (const step of [long, short]) (step(...inputs) as tf.Tensor).dispose();
    expect(long.info.kernels).toBe('TensorFlow');
    expect(long.info.withoutXla).toMatch(/long chains of operations on elements/);
    expect(short.info.kernels).toBe('XLA');
  });
});
