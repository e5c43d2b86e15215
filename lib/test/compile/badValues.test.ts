/** What eager code does with NaN, infinities, bad integers and bad indices, a compiled step does too: fail or propagate. */
import { afterEach, describe, expect, it } from 'vitest';
import { adam, adaFactor, adaX, amos, lamb, lion, rmsProp, sgd, signum, tiger } from '../../src/optimizers';
import { assertFinite, tf } from '../../src/runtime';
import { compileOn, itDoesAsEagerCode, values, variable, type Path, type Step } from './paths';

afterEach(() => tf.disposeVariables());

const { NaN: N, Infinity: I } = globalThis;
const NUMERIC: readonly Path[] = ['TensorFlow', 'default', 'XLA'];
/** XLA may be refused where it would hide something; without the option the step has to be right. */
const expectation = { paths: NUMERIC, xlaMayRefuse: true };

const integers = (...list: number[]): tf.Tensor1D => tf.tensor1d(list, 'int32');
const pairs = (...list: [number, number][]): tf.Tensor2D => tf.tensor2d(list, [list.length, 2], 'int32');

describe('NaN and infinities', () => {
  const good = () => tf.tensor2d([0.5, 1, -2, 3, 1, 2, 5, 2, 1, 2, 3, 4, 3, -1, 0, 7], [4, 4]);
  const bad = () => tf.tensor2d([N, 1, -2, 3, 1, N, 5, 2, 1, 2, 3, N, I, -I, 0, -0], [4, 4]);
  const gradient = (f: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) => tf.grad(f)(x);
  const image = (x: tf.Tensor) => x.reshape<tf.Tensor4D>([1, 4, 4, 1]);
  const operations: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    max: (x) => tf.max(x, 1),
    'max of all': (x) => tf.max(x),
    min: (x) => tf.min(x, 1),
    'min of all': (x) => tf.min(x),
    argMax: (x) => tf.argMax(x, 1),
    argMin: (x) => tf.argMin(x, 1),
    maximum: (x) => tf.maximum(x, tf.scalar(0.5)),
    'maximum, the other way round': (x) => tf.maximum(tf.scalar(0.5), x),
    minimum: (x) => tf.minimum(x, tf.scalar(0.5)),
    'minimum, the other way round': (x) => tf.minimum(tf.scalar(0.5), x),
    clipByValue: (x) => tf.clipByValue(x, -1, 1),
    relu: tf.relu,
    relu6: tf.relu6,
    elu: tf.elu,
    selu: tf.selu,
    leakyRelu: (x) => tf.leakyRelu(x, 0.1),
    prelu: (x) => tf.prelu(x, tf.scalar(0.1)),
    step: (x) => tf.step(x),
    sign: tf.sign,
    round: tf.round,
    floor: tf.floor,
    abs: tf.abs,
    sqrt: tf.sqrt,
    rsqrt: tf.rsqrt,
    exp: tf.exp,
    log: tf.log,
    tanh: tf.tanh,
    sigmoid: tf.sigmoid,
    softplus: tf.softplus,
    erf: tf.erf,
    softmax: (x) => tf.softmax(x),
    logSoftmax: (x) => tf.logSoftmax(x),
    logSumExp: (x) => tf.logSumExp(x, 1),
    sum: (x) => tf.sum(x, 1),
    mean: (x) => tf.mean(x, 1),
    prod: (x) => tf.prod(x, 1),
    cumsum: (x) => tf.cumsum(x, 1),
    'values of topk': (x) => tf.topk(x, 2).values,
    'indices of topk': (x) => tf.topk(x, 2).indices,
    'cast to int32': (x) => tf.cast(x, 'int32'),
    'cast to bool': (x) => tf.cast(x, 'bool'),
    isNaN: tf.isNaN,
    isFinite: tf.isFinite,
    equal: (x) => tf.equal(x, x),
    notEqual: (x) => tf.notEqual(x, x),
    greater: (x) => tf.greater(x, 0),
    'product with 0': (x) => tf.mul(x, 0),
    'power 0': (x) => tf.pow(x, 0),
    'power 2': (x) => tf.pow(x, 2),
    'power 0.5': (x) => tf.pow(x, 0.5),
    atan2: (x) => tf.atan2(x, tf.scalar(0)),
    mod: (x) => tf.mod(x, tf.scalar(2)),
    'mod 0': (x) => tf.mod(x, tf.scalar(0)),
    floorDiv: (x) => tf.floorDiv(x, tf.scalar(2)),
    'floorDiv 0': (x) => tf.floorDiv(x, tf.scalar(0)),
    divNoNan: (x) => tf.divNoNan(x, tf.scalar(0)),
    'difference from itself': (x) => tf.sub(x, x),
    'quotient with itself': (x) => tf.div(x, x),
    any: (x) => tf.any(tf.cast(x, 'bool'), 1),
    all: (x) => tf.all(tf.isFinite(x)),
    where: (x) => tf.where(tf.greater(x, 0), x, tf.zerosLike(x)),
    'segment sum': (x) => tf.unsortedSegmentSum(x, integers(0, 0, 1, 1), 2),
    'local response normalization': (x) => tf.localResponseNormalization(image(x)),
    'max pooling': (x) => tf.maxPool(image(x), 2, 2, 'valid'),
    'average pooling': (x) => tf.avgPool(image(x), 2, 2, 'valid'),
    convolution: (x) => tf.conv2d(image(x), tf.ones([1, 1, 1, 1]), 1, 'valid'),
    'Huber loss': (x) => tf.losses.huberLoss(tf.zerosLike(x), x),
    'gradient of relu': gradient(tf.relu),
    'gradient of relu6': gradient(tf.relu6),
    'gradient of max': gradient((x) => tf.max(x, 1)),
    'gradient of clipByValue': gradient((x) => tf.clipByValue(x, -1, 1)),
    'gradient of maximum': gradient((x) => tf.maximum(x, tf.scalar(0.5))),
    'gradient of abs': gradient(tf.abs),
    'gradient of sqrt': gradient(tf.sqrt),
    'gradient of elu': gradient(tf.elu),
    'gradient of selu': gradient(tf.selu),
    'gradient of leakyRelu': gradient((x) => tf.leakyRelu(x, 0.1)),
    'gradient of softmax': gradient((x) => tf.square(tf.softmax(x as tf.Tensor2D))),
  };
  for (const [name, operation] of Object.entries(operations)) {
    itDoesAsEagerCode(
      name,
      () => ({ step: (x) => operation(x) }),
      () => [[good()], [bad()]],
      expectation,
    );
  }
});

describe('a NaN in a gradient', () => {
  const optimizers = { adam, adaFactor, adaX, amos, lamb, lion, rmsProp, sgd, signum, tiger };
  const clippings = { 'no clipping': {}, clipValue: { clipValue: 1 }, clipNorm: { clipNorm: 1 } };
  for (const [name, make] of Object.entries(optimizers)) {
    for (const [clipping, options] of Object.entries(clippings)) {
      itDoesAsEagerCode(
        `reaches the weights, or what ${name} does about it, with ${clipping}`,
        () => {
          const weights = variable([1, 1, 1]);
          const optimizer = make({ learningRate: 0.1, ...options });
          const step: Step = (gradient) =>
            optimizer.applyGradients([{ name: weights.name, tensor: gradient }]);
          return { variables: [weights], step };
        },
        () => [[tf.tensor1d([0.5, 1, -3])], [tf.tensor1d([N, 1, -3])]],
        { ...expectation, tolerance: 1e-5 },
      );
    }
  }
});

describe('a NaN in the weights', () => {
  const losses: Record<string, (w: tf.Tensor) => tf.Tensor> = {
    'a hinge': (w) => tf.mean(tf.relu(tf.sub(1, w))),
    'the mean of relu6': (w) => tf.mean(tf.relu6(w)),
    'a clipped ratio (PPO)': (w) => tf.mean(tf.minimum(w, tf.clipByValue(w, 0.8, 1.2))),
    'the largest': (w) => tf.max(w),
    'a triplet loss': (w) => tf.mean(tf.maximum(0, w)),
    'the logarithm of a clipped probability': (w) => tf.mean(tf.neg(tf.log(tf.clipByValue(w, 1e-7, 1)))),
  };
  for (const [name, loss] of Object.entries(losses)) {
    itDoesAsEagerCode(
      `shows in ${name}`,
      () => {
        const weights = variable([1, 0.5, 0.25]);
        return {
          before: { 1: () => weights.assign(tf.tensor1d([N, 0.5, 0.25])) },
          step: () => loss(weights),
        };
      },
      () => [[], []],
      expectation,
    );
  }
});

describe('integers', () => {
  const operations: Record<string, [f: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor, ...tf.Tensor[][]]> = {
    'floorDiv by 0': [tf.floorDiv, [integers(7, -7), integers(2, 2)], [integers(7, -7), integers(0, 2)]],
    'floorDiv of negative ones': [tf.floorDiv, [integers(7, -7, 7, -7), integers(2, 2, -2, -2)]],
    'div by 0': [tf.div, [integers(7, -7), integers(2, 2)], [integers(7, -7), integers(0, 2)]],
    'div of negative ones': [tf.div, [integers(7, -7, 7, -7), integers(2, 2, -2, -2)]],
    'mod 0': [tf.mod, [integers(7, -7), integers(3, 3)], [integers(7, -7), integers(0, 3)]],
    'mod of negative ones': [tf.mod, [integers(7, -7, 7, -7), integers(3, 3, -3, -3)]],
    'mod of negative numbers': [tf.mod, [tf.tensor1d([7.5, -7.5, 7.5, -7.5]), tf.tensor1d([2, 2, -2, -2])]],
    'a negative power': [tf.pow, [integers(2, 3), integers(2, 0)], [integers(2, 3), integers(-1, 2)]],
    'the reciprocal of 0': [tf.reciprocal, [tf.tensor1d([1])], [tf.tensor1d([0])]],
    'a product that is too large': [tf.mul, [integers(2 ** 30, 65536), integers(4, 65536)]],
    'a sum that is too large': [(x) => tf.sum(x), [integers(2 ** 30, 2 ** 30, 2 ** 30)]],
    'a difference that is too large': [tf.sub, [integers(-(2 ** 31)), integers(1)]],
    'the absolute value of the smallest': [tf.abs, [integers(-(2 ** 31), -3)]],
    'the smallest, negated': [tf.neg, [integers(-(2 ** 31), -3)]],
    'the smallest, divided by -1': [
      tf.floorDiv,
      [integers(8, 9), integers(2, 2)],
      [integers(-8, 9), integers(-1, 2)],
    ],
    'numbers too large for int32': [
      (x) => tf.cast(x, 'int32'),
      [tf.tensor1d([1.9, -1.9])],
      [tf.tensor1d([3e9, -3e9])],
    ],
    'int32 to bool': [(x) => tf.cast(x, 'bool'), [integers(2, 0, -1)]],
    'numbers to bool': [(x) => tf.cast(x, 'bool'), [tf.tensor1d([0.5, 0, -0.1])]],
    'equality beyond float32': [tf.equal, [integers(1, 2 ** 24 + 1), integers(1, 2 ** 24)]],
    'equal ones in topk': [(x) => tf.topk(x, 3).indices, [integers(3, 5, 5, 3, 5)]],
    'halves that are rounded': [tf.round, [tf.tensor1d([0.5, 1.5, 2.5, -0.5, -1.5])]],
    'bits of both': [tf.bitwiseAnd, [integers(6, 12), integers(3, 10)]],
  };
  for (const [name, [operation, ...rows]] of Object.entries(operations)) {
    itDoesAsEagerCode(
      name,
      () => ({ step: (x, y) => operation(x, y) }),
      () => rows.map((row) => row.map((tensor) => tensor.clone())),
      expectation,
    );
  }
});

describe('indices', () => {
  const table = () => tf.tensor2d([1, 1, 2, 2, 3, 3], [3, 2]);
  const one = () => tf.scalar(1, 'int32');
  /** What is done with indices, good ones and bad ones. */
  const operations: Record<string, [f: (i: tf.Tensor1D) => tf.Tensor, good: tf.Tensor, bad: tf.Tensor]> = {
    'of gather, too large': [(i) => tf.gather(table(), i), integers(0, 2), integers(0, 7)],
    'of gather, negative': [(i) => tf.gather(table(), i), integers(0, 2), integers(0, -1)],
    'of gather, computed': [(i) => tf.gather(table(), tf.add(i, one())), integers(0, 1), integers(0, 2)],
    'of gather, subtracted': [(i) => tf.gather(table(), tf.sub(i, one())), integers(1, 2), integers(0, 5)],
    'of gather, cast from numbers': [
      (i) => tf.gather(table(), tf.cast(i, 'int32')),
      tf.tensor1d([0.2, 2.9]),
      tf.tensor1d([0.2, 3.9]),
    ],
    'of gather, gathered themselves': [
      (i) => tf.gather(table(), tf.gather(integers(0, 1, 2, 9), i)),
      integers(0, 2),
      integers(0, 3),
    ],
    'of gather along the other axis': [(i) => tf.gather(table(), i, 1), integers(0, 1), integers(0, 2)],
    'of gatherND, rows': [(i) => tf.gatherND(table(), i), pairs([2, 1], [0, 0]), pairs([3, 1], [0, 0])],
    'of gatherND, columns': [(i) => tf.gatherND(table(), i), pairs([2, 1], [0, 0]), pairs([0, 2], [0, 0])],
    'of scatterND': [
      (i) => tf.scatterND(i, tf.tensor1d([5, 6]), [3, 2]),
      pairs([0, 0], [2, 1]),
      pairs([0, 0], [3, 1]),
    ],
    'of scatterND, negative': [
      (i) => tf.scatterND(i, tf.tensor1d([5, 6]), [3, 2]),
      pairs([0, 0], [2, 1]),
      pairs([0, 0], [-1, 1]),
    ],
    'of tensorScatterUpdate': [
      (i) => tf.tensorScatterUpdate(tf.zeros([3, 2]), i, tf.tensor1d([5, 6])),
      pairs([0, 0], [2, 1]),
      pairs([0, 0], [2, 2]),
    ],
    'of segments, too large': [
      (i) => tf.unsortedSegmentSum(tf.ones([2]), i, 3),
      integers(0, 2),
      integers(0, 3),
    ],
    'of segments, negative: these are left out': [
      (i) => tf.unsortedSegmentSum(tf.ones([2]), i, 3),
      integers(0, 2),
      integers(0, -1),
    ],
    'of bincount, negative': [
      (i) => tf.bincount(i, tf.ones([4]), 4),
      integers(0, 1, 1, 3),
      integers(0, -1, 1, 3),
    ],
    'of bincount, too large': [
      (i) => tf.bincount(i, tf.ones([4]), 4),
      integers(0, 1, 1, 3),
      integers(0, 5, 1, 3),
    ],
    'of denseBincount, negative': [
      (i) => tf.denseBincount(i, tf.ones([4]), 4),
      integers(0, 1, 1, 3),
      integers(0, -1, 1, 3),
    ],
    'of oneHot, beyond its depth: zeros': [(i) => tf.oneHot(i, 3), integers(1, 2), integers(3, -1)],
    'of boxes to crop': [
      (i) => tf.image.cropAndResize(tf.ones([1, 4, 4, 1]), tf.tensor2d([[0, 0, 1, 1]]), i, [2, 2]),
      integers(0),
      integers(5),
    ],
    'of the gradient of gather': [
      (i) => tf.grad((t) => tf.sum(tf.square(tf.gather(t, i))))(table()),
      integers(1, 1, 0),
      integers(1, 3, 0),
    ],
    'of an embedding layer': [
      (() => {
        const layer = tf.layers.embedding({ inputDim: 3, outputDim: 2, embeddingsInitializer: 'ones' });
        return (i) => layer.apply(i) as tf.Tensor;
      })(),
      pairs([0, 2]),
      pairs([0, 7]),
    ],
  };
  for (const [name, [operation, good, bad]] of Object.entries(operations)) {
    const build = () => ({ step: ((i) => operation(i as tf.Tensor1D)) as Step });
    itDoesAsEagerCode(name, build, () => [[good.clone()], [bad.clone()]], expectation);
  }

  it.each(NUMERIC)('of a variable, computed or not, leave it as it was where they are bad (%s)', (path) => {
    const weights = variable([1, 2, 3]);
    const step = compileOn(path.startsWith('XLA') ? 'default' : path, (i) => {
      const picked = tf.gather(weights, tf.sub<tf.Tensor1D>(i, one()));
      weights.assign(tf.mul(weights, 2));
      return picked;
    });
    expect(values(step.call(integers(1))[0]!)).toEqual([1]);
    expect(() => step.call(integers(9))).toThrow();
    expect(() => step.loop([tf.stack([integers(2), integers(0), integers(1)])])).toThrow();
    expect(values(weights)).toEqual([2, 4, 6]);
  });
});

describe('assertFinite', () => {
  itDoesAsEagerCode(
    'stops a step that does not use its result',
    () => {
      const weights = variable([1]);
      const optimizer = sgd({ learningRate: 0.1 });
      const step: Step = (x) => {
        const loss = () => {
          const value = tf.sum<tf.Scalar>(tf.log(tf.mul(weights, x)));
          assertFinite(value, 'loss');
          return value;
        };
        return optimizer.minimize(loss, true, [weights])!;
      };
      return { variables: [weights], step };
    },
    () => [[tf.tensor1d([1])], [tf.tensor1d([-1])]],
    { paths: ['TensorFlow', 'oneDNN', 'default', 'XLA'], xlaMayRefuse: true },
  );

  itDoesAsEagerCode(
    'stops a step that does nothing else',
    () => ({ step: (x) => void assertFinite(tf.log(x), 'logarithm') }),
    () => [[tf.tensor1d([1])], [tf.tensor1d([-1])]],
    { paths: ['TensorFlow', 'oneDNN', 'default', 'XLA'], xlaMayRefuse: true },
  );
});
