import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, CompileError } from '../../src/compile';
import { tf } from '../../src/runtime';

type Matrix = tf.Tensor2D;
type Unary = (x: Matrix) => tf.Tensor;

/** A function without a gradient: TensorFlow.js knows none for the operations in it. */
function constant(f: (x: Matrix, y: Matrix) => tf.Tensor): (x: tf.Tensor, y: tf.Tensor) => tf.Tensor {
  return tf.customGrad((x, y) => ({
    value: f(x as Matrix, y as Matrix),
    gradFunc: () => [tf.zeros((x as Matrix).shape), tf.zeros((y as Matrix).shape)],
  }));
}

const isGreater = constant((x, y) => tf.cast(tf.greater(x, y), 'float32'));
const isLessAndNotZero = constant((x, y) =>
  tf.cast(tf.logicalAnd(tf.less(x, y), tf.notEqual(x, 0)), 'float32'),
);

const unary: Record<string, Unary> = {
  abs: tf.abs,
  argMax: (x) => constant((a) => tf.cast(tf.argMax(a, 1), 'float32'))(x, x),
  cast: (x) => tf.mul(x, tf.cast(tf.cast(isGreater(x, tf.neg(x)), 'int32'), 'float32')),
  ceil: tf.ceil,
  clip: (x) => tf.clipByValue(x, -0.5, 0.75),
  concat: (x) => tf.concat([x, tf.neg(x)], 1),
  cos: tf.cos,
  cumsum: (x) => tf.cumsum(x, 1, true, true),
  elu: tf.elu,
  erf: tf.erf,
  exp: (x) => tf.exp(tf.clipByValue(x, -3, 3)),
  expandDims: (x) => tf.expandDims(x, 1),
  expm1: (x) => tf.expm1(tf.clipByValue(x, -3, 3)),
  gather: (x) => tf.gather(x, [0, x.shape[0] - 1, 0]),
  gatherNd: (x) => constant((a) => tf.gatherND(a, [[0], [a.shape[0] - 1]]))(x, x),
  leakyRelu: (x) => tf.leakyRelu(x, 0.1),
  log1p: (x) => tf.log1p(tf.square(x)),
  logSoftmax: (x) => tf.logSoftmax(x),
  logSumExp: (x) => tf.logSumExp(x, 1),
  max: (x) => tf.max(x, 0),
  mean: (x) => tf.mean(x, 1, true),
  min: (x) => tf.min(x, 1),
  mirrorPad: (x) =>
    tf.mirrorPad(
      x,
      [
        [0, 0],
        [1, 0],
      ],
      'symmetric',
    ),
  moments: (x) => tf.moments(x, 0).variance,
  norm: (x) => tf.norm(tf.add(tf.square(x), 0.1), 'euclidean', 1),
  oneHot: (x) => tf.mul(tf.cast(tf.oneHot(tf.tensor1d([0, 2], 'int32'), 3), 'float32'), tf.mean(x)),
  pad: (x) =>
    tf.pad(
      x,
      [
        [1, 0],
        [0, 2],
      ],
      0.5,
    ),
  pow: (x) => tf.pow(tf.add(tf.abs(x), 0.5), 1.5),
  prod: (x) => tf.prod(tf.clipByValue(x, -2, 2), 1),
  reciprocal: (x) => tf.reciprocal(tf.add(tf.square(x), 0.5)),
  relu: tf.relu,
  relu6: tf.relu6,
  reshape: (x) => tf.reshape(x, [-1]),
  reverse: (x) => tf.reverse(x, 0),
  round: tf.round,
  rsqrt: (x) => tf.rsqrt(tf.add(tf.square(x), 0.5)),
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sign: tf.sign,
  sin: tf.sin,
  slice: (x) => tf.slice(x, [0, 0], [1, x.shape[1]]),
  softmax: (x) => tf.softmax(x),
  softplus: tf.softplus,
  split: (x) => tf.split(x, [1, x.shape[1] - 1 || 0].filter(Boolean), 1)[0]!,
  sqrt: (x) => tf.sqrt(tf.add(tf.abs(x), 0.1)),
  square: (x) => tf.square(tf.clipByValue(x, -2, 2)),
  stack: (x) => tf.stack([x, tf.mul(x, 2)], 1),
  step: (x) => tf.step(x, 0.1),
  stridedSlice: (x) => constant((a) => tf.stridedSlice(a, [0, 0], a.shape, [2, 1]))(x, x),
  sum: (x) => tf.sum(x, 0),
  tanh: tf.tanh,
  tile: (x) => tf.tile(x, [2, 1]),
  topk: (x) => constant((a) => tf.topk(a, 1).values)(x, x),
  transpose: (x) => tf.transpose(x),
  unstack: (x) => tf.unstack(x, 0)[0]!,
};

const binary: Record<string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor> = {
  add: tf.add,
  div: (x, y) => tf.div(x, tf.add(tf.abs(y), 0.5)),
  floorDiv: (x, y) => tf.floorDiv(tf.mul(x, 3), tf.add(tf.abs(y), 0.5)),
  matMul: (x, y) => tf.matMul(x, y, true, false),
  maximum: tf.maximum,
  minimum: tf.minimum,
  mod: (x, y) => tf.mod(x, tf.add(tf.abs(y), 0.5)),
  mul: tf.mul,
  squaredDifference: tf.squaredDifference,
  sub: tf.sub,
  where: (x, y) => tf.where(tf.cast(isGreater(x, y), 'bool'), x, tf.mul(y, 2)),
  logical: (x, y) => tf.where(tf.cast(isLessAndNotZero(x, y), 'bool'), tf.sin(x), y),
};

/** Operations to apply one after another, each on earlier results chosen by the numbers. */
interface Program {
  readonly shape: [number, number];
  readonly operations: readonly { readonly name: string; readonly first: number; readonly second: number }[];
}

const program: fc.Arbitrary<Program> = fc.record({
  shape: fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 2, max: 4 })),
  operations: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(unary), ...Object.keys(binary), ...Object.keys(binary)),
      first: fc.nat(20),
      second: fc.nat(20),
    }),
    { minLength: 1, maxLength: 10 },
  ),
});

/** Back to a matrix, of few columns, so that every operation applies to every result. */
function matrix(x: tf.Tensor, [rows, columns]: readonly [number, number]): Matrix {
  const flat = tf.tanh(tf.reshape(tf.cast(x, 'float32'), [-1]));
  const repeats = Math.ceil((rows * columns) / flat.size);
  return tf.reshape(tf.slice(tf.tile(flat, [repeats]), 0, rows * columns), [rows, columns]);
}

function interpret({ shape, operations }: Program, inputs: readonly tf.Tensor[]): tf.Scalar {
  const results = inputs.map((input) => matrix(input, shape));
  const losses = operations.map(({ name, first, second }) => {
    const [x, y] = [results[first % results.length]!, results[second % results.length]!];
    const result = unary[name]?.(x) ?? binary[name]!(x, y);
    results.push(matrix(result, shape));
    return tf.mean(tf.cast(result, 'float32'));
  });
  return tf.addN(losses).asScalar();
}

/** Value and gradients of a program. */
function evaluate(candidate: Program): (x: tf.Tensor, y: tf.Tensor) => tf.Tensor[] {
  return (x, y) => {
    const { value, grads } = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor) =>
      // Both inputs take part, so that both have a gradient.
      tf.add(interpret(candidate, [a, b]), tf.mul(tf.sum(tf.mul(a, b)), 0.01)).asScalar(),
    )([x, y]);
    return [value, ...grads];
  };
}

/** Skips what XLA is refused for, where it was asked for. */
function unlessRefused<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof CompileError) fc.pre(!error.message.startsWith('XLA cannot compile the step'));
    throw error;
  }
}

function check(candidate: Program, xla: boolean, tolerance: number): void {
  tf.tidy(() => {
    const [rows, columns] = candidate.shape;
    const x = tf.tensor2d(
      Array.from({ length: rows * columns }, (_, i) => Math.sin(3 * i + 1)),
      [rows, columns],
    );
    const y = tf.tensor2d(
      Array.from({ length: rows * columns }, (_, i) => Math.cos(5 * i + 2)),
      [rows, columns],
    );
    const step = compile(evaluate(candidate), { xla });
    const expected = evaluate(candidate)(x, y);
    const results = unlessRefused(() => step(x, y));
    step.dispose();
    results.forEach((result, k) => {
      expect(result.shape).toEqual(expected[k]!.shape);
      const values = expected[k]!.dataSync();
      result.dataSync().forEach((value, i) => {
        const bound = tolerance * Math.max(1, Math.abs(values[i]!));
        expect(Math.abs(value - values[i]!), `element ${i} of result ${k}`).toBeLessThanOrEqual(bound);
      });
    });
  });
}

describe('random expressions with their gradients', () => {
  it('have the same values compiled', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(program, (candidate) => check(candidate, false, 1e-5)),
      { numRuns: 150, seed: 1 },
    );
  });

  it('have the same values compiled by XLA', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(program, (candidate) => check(candidate, true, 1e-4)),
      { numRuns: 12, seed: 2, endOnFailure: true },
    );
  });

  it.each([...Object.keys(unary), ...Object.keys(binary)])('%s', (name) => {
    check({ shape: [3, 4], operations: [{ name, first: 0, second: 1 }] }, false, 1e-6);
  });
});
