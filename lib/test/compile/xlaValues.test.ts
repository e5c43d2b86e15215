import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { operationNames, rowOf } from '../../src/compile/ir/operations';
import { assertFinite, random, tf } from '../../src/runtime';
import { nativeBackend, typeAttribute } from '../../src/runtime/binding';

const limits = [
  NaN,
  1,
  -2,
  3,
  Infinity,
  -Infinity,
  0,
  -0,
  0.5,
  -0.5,
  1e38,
  -1e38,
  2 ** 31,
  -(2 ** 31),
  7.5,
  6,
];
const integers = [0, 1, -1, 2, -2, 7, -7, 2 ** 31 - 1, -(2 ** 31) + 1, 100];

/** All pairs of some values, and a third one with each, as matrices. */
function combinations(values: readonly number[], dtype: 'float32' | 'int32'): tf.Tensor2D[] {
  const n = values.length;
  const matrix = (pick: (i: number, j: number) => number): tf.Tensor2D =>
    tf.tensor2d(
      Array.from({ length: n * n }, (_, k) => values[pick(Math.floor(k / n), k % n) % n]!),
      [n, n],
      dtype,
    );
  return [matrix((_, j) => j), matrix((i) => i), matrix((i, j) => 3 * i + 5 * j)];
}

type Step = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

const valuesOf = (result: tf.Tensor | tf.Tensor[]): number[] =>
  [result].flat().flatMap((tensor) => Array.from(tensor.dataSync()));

/** Where two lists of numbers differ, by more than the rounding of a function. */
function differences(actual: readonly number[], expected: readonly number[]): string[] {
  return expected.flatMap((value, i) => {
    const other = actual[i]!;
    const areClose = Math.abs(value - other) <= 1e-5 * Math.max(1, Math.abs(value));
    return Object.is(value, other) || value === other || areClose ? [] : [`${i}: ${value}, not ${other}`];
  });
}

/** The results of a step that differ from those of eager code, by who computes them. */
function deviations(
  step: Step,
  inputs: readonly tf.Tensor[],
  options: readonly (boolean | undefined)[] = [false, undefined],
): Record<string, string[]> {
  const expected = valuesOf(step(...inputs));
  const found: Record<string, string[]> = {};
  for (const xla of options) {
    const compiled = compile(step, { xla });
    const results = attempt(() => compiled(...inputs), xla);
    const deviating = results && differences(valuesOf(results), expected);
    if (deviating && deviating.length > 0) found[`${compiled.info.kernels}, xla ${xla}`] = deviating;
    compiled.dispose();
  }
  return found;
}

/** The result of an action; undefined if XLA is wanted and refused, which is as right as to compute what TensorFlow does. */
function attempt<T>(action: () => T, xla: boolean | undefined): T | undefined {
  try {
    return action();
  } catch (error) {
    if (xla && /XLA cannot compile the step|XLA has no kernel for/.test((error as Error).message))
      return undefined;
    throw error;
  }
}

/** Operations of the table whose inputs are up to three tensors of one type, by name, as steps. */
function uniform(
  dtype: 'float32' | 'int32',
  inputs: readonly tf.Tensor[],
): Map<string, { step: Step; count: number }> {
  const found = new Map<string, { step: Step; count: number }>();
  for (const name of operationNames()) {
    const row = rowOf(name);
    if (!row) continue;
    const { inputs: accepted, outputs } = row.signature;
    const count = accepted.length;
    const takesOneType = accepted.every(({ type, count: list }) => type === 'T' && list === undefined);
    if (count < 1 || count > 3 || !takesOneType) continue;
    const step: Step = (...given) =>
      nativeBackend().executeMultipleOutputs(name, [typeAttribute('T', dtype)], given, outputs.length);
    try {
      tf.tidy(() => void step(...inputs.slice(0, count)));
      found.set(name, { step, count });
    } catch {
      // It wants attributes, another shape or another type, or refuses some of these values.
    }
  }
  return found;
}

describe.each([
  ['floating-point numbers, NaN and infinities among them', 'float32', limits, 75],
  ['integers', 'int32', integers, 25],
] as const)('operations on elements: %s', (_, dtype, values, least) => {
  const inputs = combinations(values, dtype);
  const steps = uniform(dtype, inputs);

  it('are many', () => {
    expect(steps.size).toBeGreaterThan(least);
  });

  it('have the values of eager code compiled', { timeout: 300_000 }, () => {
    const wrong = new Map<string, unknown>();
    for (const [name, { step, count }] of steps) {
      const found = tf.tidy(() => deviations(step, inputs.slice(0, count)));
      if (Object.keys(found).length > 0) wrong.set(name, found);
    }
    expect(Object.fromEntries(wrong)).toEqual({});
  });
});

const N = NaN;
const I = Infinity;
const matrix = tf.tensor2d([
  [N, 1, -2, 3],
  [1, N, 5, 2],
  [1, 2, 3, N],
  [I, -I, 0, -0],
]);
const image = (x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [1, 4, 4, 1]);
const gradient = (f: (x: tf.Tensor) => tf.Tensor): Step => {
  const square = (x: tf.Tensor): tf.Tensor => tf.sum(tf.square(f(x)));
  return (x) => tf.grad(square)(x);
};
const startingWithNumbers = tf.tensor2d([
  [1, N, 2, 1],
  [N, 0, 5, N],
  [3, 3, 0, 1],
  [1, N, N, I],
]);
const isPositive = (x: tf.Tensor): tf.Tensor => tf.cast(tf.greater(x, 0), 'float32');
const pooled = (x: tf.Tensor): tf.Tensor => tf.maxPool(image(x), 2, 2, 'valid');
const averaged = (x: tf.Tensor): tf.Tensor => tf.avgPool(image(x), 2, 2, 'valid');
const normalized = (x: tf.Tensor): tf.Tensor =>
  tf.localResponseNormalization(tf.reshape<tf.Rank.R4>(x, [1, 4, 1, 4]));
const filter = random(1).normal([3, 3, 1, 2]) as tf.Tensor4D;
const convolved = (x: tf.Tensor): tf.Tensor => tf.conv2d(image(x), filter, 1, 'same');

/** How many elements of each sorted row are not greater than each value. */
const upperBounds = (sorted: tf.Tensor, values: tf.Tensor): tf.Tensor =>
  nativeBackend().executeSingleOutput(
    'UpperBound',
    [typeAttribute('T', sorted.dtype), typeAttribute('out_type', 'int32')],
    [sorted, values],
  );
const sortedRows = tf.tensor2d([
  [-I, -2, 0, 3],
  [1, 1, 1, 2],
  [-0, 0, 1, N],
  [-I, I, I, I],
]);

/** Steps that NaN or an infinity runs through. */
const steps: Record<string, Step> = {
  'greatest elements': (x) => [tf.max(x, 1), tf.max(x), tf.min(x, 0), tf.min(x)],
  'places of the greatest and the least': (x) => [
    tf.argMax(x, 1),
    tf.argMin(x, 1),
    tf.argMax(x, 0),
    tf.argMin(x, 0),
  ],
  'places in rows of infinities': (x) => [tf.argMax(tf.mul(x, -I), 1), tf.argMin(tf.mul(x, I), 1)],
  'sorted elements': (x) => [tf.topk(x, 2).values, tf.topk(x, 2).indices],
  'places in sorted rows': (x) => [
    upperBounds(sortedRows, x),
    upperBounds(tf.add(sortedRows, isPositive(x)), x),
  ],
  'places in rows that are not sorted': (x) => [upperBounds(x, sortedRows), upperBounds(x, x)],
  'places in sorted integers': (x) =>
    upperBounds(tf.cast(tf.cast(x, 'bool'), 'int32'), tf.ones([4, 2], 'int32')),
  'places of nothing and in nothing': (x) => [
    upperBounds(x, tf.zeros([4, 0])),
    upperBounds(tf.zeros([4, 0]), x),
    upperBounds(tf.slice(x, 0, 0), tf.zeros([0, 4])),
  ],
  'clipped elements': (x) => [tf.clipByValue(x, -1, 1), tf.minimum(x, 1), tf.maximum(-1, x), tf.relu6(x)],
  casts: (x) => [tf.cast(x, 'int32'), tf.cast(tf.mul(x, 1e9), 'int32'), tf.cast(x, 'bool')],
  masks: (x) => [
    tf.mul(x, isPositive(x)),
    tf.mul(isPositive(tf.neg(x)), x),
    tf.where(tf.greater(x, 0), x, 0),
  ],
  powers: (x) => [tf.pow(x, 0.5), tf.pow(x, -0.5), tf.pow(x, 2), tf.pow(x, 0), tf.pow(x, -1), tf.pow(x, 3)],
  'reciprocals of roots': (x) => [tf.div(1, tf.pow(x, 0.5)), tf.div(1, tf.sqrt(x))],
  'sums and products': (x) => [tf.sum(x, 1), tf.mean(x), tf.prod(x, 0), tf.cumsum(x, 1), tf.cumprod(x, 1)],
  'sums over everything': (x) => [tf.sum(tf.tile(x, [20, 60])), tf.mean(tf.tile(tf.abs(x), [20, 60]))],
  'matrix products': (x) => [tf.matMul(x, x), tf.einsum('ij,jk->ik', x, x)],
  softmax: (x) => [tf.softmax(x), tf.logSoftmax(x), tf.logSumExp(x, 1)],
  segments: (x) => tf.unsortedSegmentSum(x, tf.tensor1d([0, 1, 1, -1], 'int32'), 2),
  'one-hot rows': (x) => tf.mul(x, tf.oneHot(tf.tensor1d([0, 3, 4, -1], 'int32'), 4)),
  'max pooling': pooled,
  'average pooling': averaged,
  'local response normalization': normalized,
  convolution: convolved,
  dilation: (x) => tf.dilation2d(image(x), tf.ones([2, 2, 1]), 1, 'valid'),
  resizing: (x) => [
    tf.image.resizeBilinear(image(x), [6, 6]),
    tf.image.resizeNearestNeighbor(image(x), [6, 6]),
  ],
  'gradients of activations': (x) =>
    [tf.relu, tf.relu6, tf.elu, tf.selu, tf.leakyRelu, tf.softplus, tf.sigmoid, tf.tanh, tf.abs, tf.sqrt].map(
      (f) => gradient(f as (x: tf.Tensor) => tf.Tensor)(x) as tf.Tensor,
    ),
  'gradients through a ReLU, times what comes from above': (x) => {
    const y = tf.transpose(x);
    return [tf.relu, tf.relu6].flatMap((f) => [
      tf.grad((z: tf.Tensor) => tf.mul(f(z), y))(x),
      tf.grad((z: tf.Tensor) => tf.mul(y, f(tf.add(z, 0.5))))(x),
      // One row for all: the choice is only made between values of one shape.
      tf.grad((z: tf.Tensor) => tf.sum(tf.mul(f(z), tf.slice(y, [0, 0], [1, -1]))))(x),
    ]);
  },
  'gradients of a ReLU alone': (x) => [tf.grad(tf.relu)(x), tf.grad(tf.relu6)(x), tf.grad(tf.elu)(x)],
  'gradients of greatest elements': (x) => [
    tf.grad((y) => tf.max(y, 1))(x),
    tf.grad((y) => tf.clipByValue(y, -1, 1))(x),
    tf.grad((y) => tf.maximum(y, 0.5))(x),
  ],
  'gradient of softmax': gradient(tf.softmax),
  // No window starts with NaN: see passes/onednn.ts.
  'gradient of max pooling': (x) => tf.grad(pooled)(tf.add(tf.zerosLike(x), startingWithNumbers)),
  'gradient of average pooling': gradient(averaged),
  'gradient of local response normalization': gradient(normalized),
  'gradient of a convolution': gradient(convolved),
};

describe('NaN and infinities', () => {
  it.each(Object.keys(steps))('%s: as in eager code, by TensorFlow, oneDNN and XLA', (name) => {
    expect(tf.tidy(() => deviations(steps[name]!, [matrix], [false, undefined, true]))).toEqual({});
  });
});

describe('a check whose result nobody uses', () => {
  it.each<[string, (x: tf.Tensor) => unknown]>([
    ['beside an output', (x) => (assertFinite(tf.log(x), 'the logarithm'), tf.mul(x, 0))],
    ['beside a constant', (x) => (assertFinite(tf.log(x), 'the logarithm'), tf.scalar(3))],
    ['alone', (x) => void assertFinite(tf.log(x), 'the logarithm')],
  ])('%s: stops the step', (_, f) => {
    for (const xla of [false, undefined]) {
      const step = compile((x: tf.Tensor) => f(x) as tf.Tensor, { xla });
      tf.dispose(step(tf.tensor1d([1, 2])));
      expect(() => step(tf.tensor1d([1, -2]))).toThrow(/the logarithm : Tensor had NaN/);
      expect(() => step.loop(tf.tensor2d([[1], [-2]]))).toThrow(/the logarithm : Tensor had NaN/);
      tf.dispose(step(tf.tensor1d([1, 2])));
      step.dispose();
    }
  });

  it('leaves the variables as they were', () => {
    const total = tf.variable(tf.scalar(0));
    const step = compile((x: tf.Tensor) => {
      total.assign(tf.add(total, tf.sum(x)));
      assertFinite(tf.log(x), 'the logarithm');
    });
    step(tf.tensor1d([1, 2]));
    expect(() => step(tf.tensor1d([1, -2]))).toThrow(/NaN/);
    expect(total.dataSync()[0]).toBe(3);
  });
});

describe('integers that TensorFlow refuses', () => {
  const vector = (...values: number[]): tf.Tensor1D => tf.tensor1d(values, 'int32');
  it.each<[string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor, tf.Tensor1D, RegExp]>([
    ['division by 0', tf.floorDiv, vector(0, 2), /division by zero/],
    ['quotient of integers', tf.div, vector(0, 2), /division by zero/],
    ['remainder of 0', tf.mod, vector(0, 2), /division by zero/],
    ['negative power', tf.pow, vector(-1, 2), /negative integer powers/],
  ])('%s: fails on every kernel, after a trace of good ones', (_, f, bad, message) => {
    expect(() => f(vector(7, -7), bad)).toThrow(message);
    for (const xla of [false, undefined]) {
      const step = compile(f, { xla });
      expect(valuesOf(step(vector(7, -7), vector(2, 3)))).toEqual(valuesOf(f(vector(7, -7), vector(2, 3))));
      expect(() => step(vector(7, -7), bad)).toThrow(message);
      step.dispose();
    }
    expect(() => compile(f, { xla: true })(vector(7, -7), vector(2, 3))).toThrow(
      /XLA cannot compile the step/,
    );
  });

  it('stay with XLA where they cannot be refused', () => {
    const step = compile((x: tf.Tensor) => [tf.floorDiv(x, vector(2, -2)), tf.pow(x, tf.scalar(2, 'int32'))]);
    expect(valuesOf(step(vector(7, -7)))).toEqual([3, 3, 49, 49]);
    const divisor = (x: tf.Tensor): tf.Tensor => tf.add(tf.argMax(x), tf.scalar(1, 'int32'));
    expect(step.info.kernels).toBe('XLA');
    expect(
      valuesOf(compile((x: tf.Tensor) => tf.floorDiv(vector(7), divisor(x)))(tf.tensor1d([1, 2]))),
    ).toEqual([3]);
  });
});

describe('places in sorted rows', () => {
  it.each<[string, tf.Tensor, tf.Tensor, RegExp]>([
    ['a vector', tf.tensor1d([1, 2]), tf.tensor1d([1]), /rank/i],
    ['other rows', tf.ones([2, 3]), tf.ones([3, 2]), /Leading dim_size of both tensors must match/],
  ])('of %s: fail as in eager code', (_, sorted, values, message) => {
    expect(() => upperBounds(sorted, values)).toThrow(message);
    for (const xla of [false, undefined]) {
      expect(() => compile(upperBounds, { xla })(sorted, values)).toThrow(message);
    }
  });

  it('are left to TensorFlow, as NaN lies before a row under XLA', () => {
    const step = compile(upperBounds);
    expect(valuesOf(step(sortedRows, matrix))).toEqual(valuesOf(upperBounds(sortedRows, matrix)));
    expect([step.info.kernels, step.info.withoutXla]).toEqual([
      'TensorFlow',
      expect.stringMatching(/UpperBound/),
    ]);
    expect(() => compile(upperBounds, { xla: true })(sortedRows, matrix)).toThrow(/UpperBound treats NaN/);
  });
});
