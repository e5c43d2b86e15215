/**
 * What runs on a GPU, tried without one: TensorFlow.js says that there is one, so that steps are compiled for it, and the
 * processor computes them.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { compile } from '../../src/compile';
import { GraphBuilder, type AttributeValue, type Reference } from '../../src/compile/graph/builder';
import { emit } from '../../src/compile/graph/emit';
import { plan } from '../../src/compile/ir/plan';
import type { FlatStep } from '../../src/compile/record/recorder';
import { adam } from '../../src/optimizers';
import { crossEntropy } from '../../src/training';
import { fed, random, StepCounter, tf } from '../../src/runtime';
import { dataType, nativeBackend } from '../../src/runtime/binding';
import { itDoesAsEagerCode, variable } from './paths';
import { traceOf } from './traceOf';

const backend = nativeBackend() as { isUsingGpuDevice: boolean };
const real = backend.isUsingGpuDevice;
beforeAll(() => (backend.isUsingGpuDevice = true));
afterAll(() => (backend.isUsingGpuDevice = real));
afterEach(() => tf.disposeVariables());

const integers = (...values: number[]) => tf.tensor1d(values, 'int32');

describe('a step with integers everywhere does on a GPU what eager code does', () => {
  const patterns = integers(1, -1, 0x7fc00001, -(2 ** 31), 0x7f800001, 5);
  itDoesAsEagerCode(
    'captured, held, fed, variable, input and output',
    () => {
      // Bits of denormal numbers and of signalling NaN must come through, too.
      const state = variable([3, 0x7fa00000, -7, 1], 'int32');
      const flag = variable([1, 0], 'bool');
      const steps = new StepCounter();
      return {
        variables: [state, flag],
        step: (rows, x) => {
          steps.advance();
          const count = fed(() => steps.value, 'int32');
          const picked = tf.gather(patterns, rows);
          state.assign(tf.add(state, tf.mul(count, rows)));
          flag.assign(tf.logicalNot(flag));
          return [picked, tf.add(state, picked), tf.sum(x)];
        },
      };
    },
    () => [1, 2, 3, 4].map((k) => [integers(k, 0, 5 - k, 2), tf.tensor1d([k, 0.5])]),
    { paths: ['TensorFlow', 'XLA', 'default'] },
  );
});

/** The operations of a step's graph, with the types that they take and give. */
function nodesOf(step: FlatStep, inputs: readonly tf.Tensor[], options: { xla: boolean; gpu: boolean }) {
  const add = vi.spyOn(GraphBuilder.prototype, 'add');
  emit(plan(traceOf(step, ...inputs), inputs), options);
  const nodes = add.mock.calls.map(([operation, given, settings], i) => ({
    operation,
    types: [...given, ...(add.mock.results[i]!.value as Reference[])].map(({ dtype }) => dtype),
    attributes: settings?.attributes ?? {},
  }));
  add.mockRestore();
  return nodes;
}

describe('integers that a step holds or hands on', () => {
  // TensorFlow 2.21 has no kernel for a GPU that keeps int32 in these; they would lie in the memory of the host.
  const hosted = /^(VarHandleOp|ReadVariableOp|AssignVariableOp|(Stateful)?PartitionedCall|StatelessWhile)$/;
  const table = integers(...Array.from({ length: 100 }, (_, i) => i));
  const step: FlatStep = (rows) => {
    const count = fed(() => 2, 'int32');
    const found = tf.add(tf.gather(table, rows), tf.mul(total, count));
    total.assign(tf.sum(found));
    return found;
  };
  let total: tf.Variable;
  const onHost = (options: { xla: boolean; gpu: boolean }) => {
    total = tf.variable(tf.scalar(0, 'int32'));
    return nodesOf(step, [integers(1, 2)], options)
      .filter(({ operation }) => hosted.test(operation))
      .map(({ operation, types, attributes: { dtype } }) => ({
        operation,
        integers: types.filter((type) => type === dataType.int32).length + Number(isInteger(dtype)),
      }))
      .filter((node) => node.integers > 0);
  };
  const isInteger = (type?: AttributeValue) => type?.kind === 'type' && type.value === dataType.int32;

  it.each([true, false])('lie on the GPU (xla %s); loops count on the host', (xla) => {
    const counters = [
      // Of the loop: its index and the number of steps, in and out.
      { operation: 'StatelessWhile', integers: 4 },
      // XLA's function is given the number of steps and of rows.
      ...(xla ? [{ operation: 'StatefulPartitionedCall', integers: 2 }] : []),
    ];
    expect(onHost({ xla, gpu: true })).toEqual(counters);
    expect(onHost({ xla, gpu: false }).length).toBeGreaterThan(5);
  });
});

it('numbers of the host are handed over as integers, which TensorFlow.js leaves there', () => {
  const step = compile(
    (x: tf.Tensor) =>
      tf.mul(
        x,
        fed(() => 0.1),
      ),
    { xla: false },
  );
  const create = vi.spyOn(nativeBackend().binding, 'createTensor');
  const results = [1, 2, 3].map(() => [...step(tf.tensor1d([1, -3])).dataSync()]);
  // In eager code, which is run to record and to verify, the number is a scalar; in the graph a vector of one.
  const handed = create.mock.calls.filter(([shape]) => shape.join() === '1');
  create.mockRestore();
  for (const result of results)
    expect(result).toEqual([0.1, -0.3].map((x) => expect.closeTo(x, 6) as number));
  expect(handed.length).toBeGreaterThan(0);
  expect(handed.filter(([, dtype]) => dtype !== dataType.int32)).toEqual([]);
});

describe('a GPU has XLA', () => {
  const image = tf.ones<tf.Rank.R4>([1, 4, 4, 1]);
  const filter = tf.ones<tf.Rank.R4>([2, 2, 1, 1]);
  const convolved = () => compile((x: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'));

  it('for convolutions too, and no oneDNN', () => {
    const step = convolved();
    step(image);
    expect([step.info.kernels, step.info.withoutXla]).toEqual(['XLA', undefined]);
    const without = compile((x: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'), { xla: false });
    without(image);
    expect(without.info.kernels).toBe('TensorFlow');
  });

  it('and gives what a cast cannot hold as a GPU does', () => {
    const step = compile((x: tf.Tensor) => tf.cast(x, 'int32'), { verify: false });
    expect([...step(tf.tensor1d([3e9, -3e9, NaN, 2.5])).dataSync()]).toEqual([2 ** 31 - 1, -(2 ** 31), 0, 2]);
  });
});

describe('a training step on a GPU', () => {
  it('takes the captured labels and token ids of a notebook', () => {
    const tokens = random(1).integers([20, 6], { max: 11 });
    const labels = random(2).integers([20], { max: 3 }) as tf.Tensor1D;
    const run = (make: (step: FlatStep) => FlatStep): number[] => {
      const embeddings = tf.variable(random(3).normal([11, 4]) as tf.Tensor2D);
      const kernel = tf.variable(random(4).normal([24, 3]) as tf.Tensor2D);
      const optimizer = adam({ learningRate: 0.01 });
      const step = make((rows) => {
        const seen = () => tf.reshape(tf.gather(embeddings, tf.gather(tokens, rows)), [-1, 24]);
        const logits = () => tf.matMul(seen(), kernel);
        return optimizer.minimize(() => crossEntropy(logits(), tf.gather(labels, rows)), true)!;
      });
      return [1, 2, 3].map((k) => (step(integers(k, 2 * k, 3)) as tf.Scalar).dataSync()[0]!);
    };
    const eager = run((step) => step);
    const compiled = run((step) => compile(step));
    compiled.forEach((loss, i) => expect(loss).toBeCloseTo(eager[i]!, 5));
    expect(eager[2]).not.toBe(eager[0]);
  });
});
