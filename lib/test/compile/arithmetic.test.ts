/**
 * Expressions are computed as they are written: what TensorFlow and XLA do to make them faster must not turn an infinity
 * into a number, a NaN into a truth, or the other way round.
 */
import { describe } from 'vitest';
import { tf } from '../../src/runtime';
import { itDoesAsEagerCode, type Path, type Step } from './paths';

type Case = readonly [step: Step, ...inputs: number[][]];

const NUMERIC: readonly Path[] = ['TensorFlow', 'default', 'XLA'];

function itComputes(cases: Record<string, Case>): void {
  for (const [name, [step, ...inputs]] of Object.entries(cases)) {
    const row = () => inputs.map((numbers) => tf.tensor1d(numbers));
    const expectation = { paths: NUMERIC, xlaMayRefuse: true };
    itDoesAsEagerCode(
      name,
      () => ({ step }),
      () => [row(), row()],
      expectation,
    );
  }
}

const { NaN: N, Infinity: I } = globalThis;

describe('conditions on NaN', () => {
  itComputes({
    'not less': [(x) => tf.logicalNot(tf.less(x, 0)), [N, 1, -1]],
    'not less or equal': [(x) => tf.logicalNot(tf.lessEqual(x, 0)), [N, 1, 0]],
    'not greater': [(x) => tf.logicalNot(tf.greater(x, 0)), [N, 1, -1]],
    'not greater or equal': [(x) => tf.logicalNot(tf.greaterEqual(x, 0)), [N, 1, -1]],
    'not equal': [(x) => tf.logicalNot(tf.equal(x, x)), [N, 1]],
    'a guard that keeps what is not below its limit': [
      (x) => tf.where(tf.logicalNot(tf.less(x, 1)), tf.zerosLike(x), x),
      [N, 0.5, 2],
    ],
    'less or not less': [(x) => tf.logicalOr(tf.less(x, 0), tf.logicalNot(tf.less(x, 0))), [N, 1]],
  });
});

describe('sums and products that leave the range of float32 on their way', () => {
  itComputes({
    'the logarithm of an exponential': [(x) => tf.log(tf.exp(x)), [100, 1]],
    'a product of exponentials': [(x, y) => tf.mul(tf.exp(x), tf.exp(y)), [100, 1], [-110, 1]],
    'a quotient of exponentials': [(x, y) => tf.div(tf.exp(x), tf.exp(y)), [100, 1], [100, 1]],
    'the root of a square': [(x) => tf.sqrt(tf.square(x)), [-2, 1e30]],
    'the square of a root': [(x) => tf.square(tf.sqrt(x)), [-2, 3]],
    'the logarithm of a softmax': [(x) => tf.log(tf.softmax(x)), [0, -200, 100]],
    'a quotient by a quotient': [(x, y, z) => tf.div(x, tf.div(y, z)), [1e30, 1e30], [1e30, 2], [1e30, 2]],
    'a quotient of quotients': [(x, y) => tf.div(tf.div(x, y), tf.div(y, x)), [1e30, 2], [1e30, 3]],
    'a quotient divided again': [(x, y, z) => tf.div(tf.div(x, y), z), [1e-30, 2], [1e-30, 3], [1e-30, 3]],
    'the inverse of an exponential': [(x) => tf.reciprocal(tf.exp(x)), [-88, 0]],
    'the logarithm of a power': [(x, y) => tf.log(tf.pow(x, y)), [-2, 10, 0], [2, 50, 0]],
    'a power of an exponential': [(x, y) => tf.pow(tf.exp(x), y), [100, 1], [0.01, 2]],
    'a sum of products': [(x, y) => tf.add(tf.mul(x, y), tf.mul(x, tf.neg(y))), [1e20, 2], [1e20, 3]],
    'two large factors': [(x) => tf.mul(tf.mul(x, 1e30), 1e30), [1e-35, 1e-30]],
    'two large divisors': [(x) => tf.div(tf.div(x, 1e30), 1e-30), [1e38, 1e-30]],
    'a large factor and its inverse': [(x) => tf.mul(tf.mul(x, 1e30), 1e-30), [1e20, 1]],
    'a large factor and 0': [(x) => tf.mul(tf.mul(x, 1e30), 0), [1e20, 1]],
    'three factors': [(x) => tf.mul(tf.mul(tf.mul(x, 1e-30), 1e30), 1e30), [1, 1e-20]],
    'large factors of which only some are large': [
      (x) => tf.mul(tf.mul(x, tf.tensor1d([1e30, 1])), tf.fill([2], 1e30)),
      [1e-35, 1],
    ],
    'a number divided by a product': [(x) => tf.div(1e30, tf.mul(x, 1e30)), [1e20, 2]],
    'a product of tensors with a tiny factor': [(x, y) => tf.mul(tf.mul(x, y), 1e-30), [1e20, 1], [1e20, 1]],
    'two large summands': [(x) => tf.add(tf.add(x, 3e38), 3e38), [-3e38, 1]],
    'a divisor whose inverse is tiny': [(x) => tf.div(x, 3e38), [3e38, 1]],
  });
});

describe('rounding that is meant', () => {
  itComputes({
    'to whole numbers, by adding a large one and taking it away again': [
      (x) => tf.sub(tf.add(x, 12_582_912), 12_582_912),
      [1.7, -0.4, 100.5],
    ],
    'away of what is small beside something large': [(x) => tf.sub(tf.add(x, 1e30), 1e30), [1, 2]],
    'to whole numbers, the other way round': [
      (x) => tf.sub(12_582_912, tf.sub(12_582_912, x)),
      [1.7, -0.4, 100.5],
    ],
    'to whole numbers, with the sign changed': [
      (x) => tf.add(tf.neg(tf.add(x, 12_582_912)), 12_582_912),
      [1.7, -0.4, 100.5],
    ],
    'to whole numbers, by adding a tensor': [
      (x, y) => tf.sub(tf.add(x, y), 12_582_912),
      [1.7, -0.4],
      [12_582_912, 12_582_912],
    ],
    'of quotients': [
      (x) => [tf.floor(tf.div(x, 41)), tf.cast(tf.div(x, 41), 'int32'), tf.equal(tf.div(x, 41), 1)],
      [41, 82, 123],
    ],
    'to int32 and back': [(x) => tf.cast(tf.cast(x, 'int32'), 'float32'), [1.7, -1.7]],
    'to a flag and back': [(x) => tf.cast(tf.cast(x, 'bool'), 'float32'), [0.5, 0, -2]],
  });
});

describe('places of what functions make equal', () => {
  itComputes({
    'the greatest, of a ReLU': [(x) => tf.argMax(tf.relu(x)), [-1, -2, -0.5]],
    'the greatest, of a sigmoid': [(x) => tf.argMax(tf.sigmoid(x)), [100, 200, 150]],
    'the least, of rounded numbers': [(x) => tf.argMin(tf.round(x)), [0.9, 0.7, 0.6]],
    'the greatest, of negative numbers': [(x) => tf.argMax(tf.neg(x)), [1, -1, 0]],
  });
});

describe('the sign of 0', () => {
  itComputes({
    'in sums with 0': [(x) => tf.reciprocal(tf.add(x, 0)), [-0, 0]],
    'in differences from 0': [(x) => tf.reciprocal(tf.sub(0, x)), [-0, 0]],
    'in products': [(x) => [tf.reciprocal(tf.mul(x, 1)), tf.reciprocal(tf.mul(x, -1))], [-0, 0]],
  });
});

describe('powers', () => {
  itComputes({
    '0.5 and -0.5 of infinities': [(x) => [tf.pow(x, 0.5), tf.pow(x, -0.5)], [I, -I, 4]],
    'of negative numbers': [(x, y) => tf.pow(x, y), [-2, -2, -8, -1, 0, 0], [3, 2, 1 / 3, I, 0, -1]],
    'of powers': [(x) => [tf.pow(tf.pow(x, 2), 0.5), tf.pow(tf.pow(x, 0.5), 2)], [-2, 3]],
    '-1, 1, 2 and 3': [(x) => [-1, 1, 2, 3].map((exponent) => tf.pow(x, exponent)), [0, I, -I, N, 1e13]],
  });
});

describe('constants', () => {
  itComputes({
    NaN: [(x) => tf.mul(x, N), [1, 2]],
    'an infinity': [(x) => tf.add(x, tf.fill([2], -I)), [1, I]],
    'many NaN': [(x) => tf.sum(tf.mul(tf.fill([300, 300], N), tf.sum(x))), [1]],
    'many zeros, with NaN and infinities': [(x) => tf.mul(x, tf.zeros([2])), [N, I]],
    'one half of the smallest normal number': [(x) => tf.mul(tf.mul(x, 0.5), 1e38), [1.2e-37]],
  });
});
