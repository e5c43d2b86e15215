/** Types, shapes and ordinary operations: what eager code computes, a compiled step computes, with the same types. */
import { afterEach, describe } from 'vitest';
import { adam } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { itDoesAsEagerCode, variable, type Path, type Scene, type Step } from './paths';

afterEach(() => tf.disposeVariables());

const integers = (...list: number[]): tf.Tensor1D => tf.tensor1d(list, 'int32');
const booleans = (...list: boolean[]): tf.Tensor1D => tf.tensor1d(list, 'bool');
const numbers = (...list: number[]): tf.Tensor1D => tf.tensor1d(list);
const NUMERIC: readonly Path[] = ['TensorFlow', 'default', 'XLA'];
/** XLA has no strings. */
const WITHOUT_XLA: readonly Path[] = ['TensorFlow', 'default'];

type Case = readonly [step: Step, ...inputs: tf.Tensor[]];

/** Three calls with the same inputs. */
function itComputes(cases: Record<string, () => Case>, on: readonly Path[] = NUMERIC): void {
  for (const [name, make] of Object.entries(cases)) {
    itDoesAsEagerCode(
      name,
      () => ({ step: make()[0] }),
      () => [make().slice(1), make().slice(1), make().slice(1)] as tf.Tensor[][],
      // XLA may be refused for computed indices; without the option the step works.
      { paths: on, xlaMayRefuse: true, tolerance: 1e-5 },
    );
  }
}

describe('tensors without elements', () => {
  itComputes({
    'are added to': () => [(x) => tf.add(x, 1), tf.zeros([0, 3])],
    'are summed up': () => [(x) => [tf.sum(x), tf.sum(x, 0), tf.mean(x, 1)], tf.zeros([0, 3])],
    'are concatenated': () => [(x) => tf.concat([x, tf.ones([2, 3])], 0), tf.zeros([0, 3])],
    'are multiplied': () => [(x) => tf.matMul(x, tf.ones([3, 2])), tf.zeros([0, 3])],
    'are multiplied along the empty axis': () => [(x) => tf.matMul(x, tf.ones([0, 2])), tf.zeros([3, 0])],
    'are gathered': () => [(x, i) => tf.gather(x, i), tf.ones([3, 2]), integers()],
    'are the largest of nothing': () => [(x) => tf.max(x, 0), tf.zeros([0, 3])],
    'are sliced off': () => [(x) => tf.slice(x, [0, 0], [0, 3]), tf.ones([2, 3])],
  });

  itDoesAsEagerCode(
    'are variables',
    () => {
      const [empty, other] = [tf.variable(tf.zeros([0, 3])), variable([1])];
      const optimizer = adam({ learningRate: 0.1 });
      const step: Step = (x) => {
        optimizer.applyGradients([
          { name: empty.name, tensor: tf.zeros([0, 3]) },
          { name: other.name, tensor: x },
        ]);
        return [empty.clone(), other.clone()];
      };
      return { variables: [empty, other], step };
    },
    () => [[numbers(1)], [numbers(2)]],
    { tolerance: 1e-5 },
  );
});

describe('variables of other types', () => {
  const scenes: Record<string, () => Scene> = {
    'count in int32': () => {
      const count = variable(0, 'int32');
      const step: Step = (x) => {
        count.assign(tf.add(count, tf.cast(x, 'int32')));
        return count.clone();
      };
      return { variables: [count], step };
    },
    'are flags': () => {
      const flags = variable([true, false], 'bool');
      const step: Step = (x) => {
        flags.assign(tf.logicalXor(flags, tf.greater(x, 1)));
        return flags.clone();
      };
      return { variables: [flags], step };
    },
    'are a complex number': () => {
      const number = tf.variable(tf.complex([1, 2], [3, 4]), false, undefined, 'complex64');
      const step: Step = () => {
        number.assign(tf.mul(number, number));
        return [tf.real(number), tf.imag(number)];
      };
      return { step };
    },
    'do not take a number of another type': () => {
      const count = variable(0, 'int32');
      const step: Step = (x) => {
        count.assign(x);
        return count.clone();
      };
      return { variables: [count], step };
    },
    'do not take a tensor of another shape': () => {
      const weights = variable([1, 2]);
      const step: Step = (x) => {
        weights.assign(x);
        return weights.clone();
      };
      return { variables: [weights], step };
    },
  };
  for (const [name, build] of Object.entries(scenes)) {
    itDoesAsEagerCode(name, build, () => [[tf.scalar(2)], [tf.scalar(1)], [tf.scalar(3)]]);
  }
});

describe('tensors of other types', () => {
  itComputes({
    'flags as an input': () => [(x) => tf.where(x, tf.ones([2]), tf.zeros([2])), booleans(true, false)],
    'flags as a result': () => [(x) => tf.greater(x, 1), numbers(1, 2)],
    'flags as a constant': () => [
      (x) => tf.logicalAnd(tf.greater(x, 0), booleans(true, false)),
      numbers(1, 2),
    ],
    'a large constant of flags': () => [
      (x) => tf.sum(tf.cast(tf.logicalAnd(manyFlags(), tf.greater(x, 0)), 'float32')),
      tf.scalar(1),
    ],
    'a large constant of int32': () => [
      (x) => tf.sum(tf.mul(tf.cast(manyIntegers(), 'float32'), x)),
      tf.scalar(1),
    ],
    'a large constant of one number': () => [(x) => tf.sum(tf.mul(tf.fill([300, 300], 2), x)), tf.scalar(1)],
    'a complex input': () => [(x) => tf.real(x), tf.complex([1, 2], [3, 4])],
    'a complex result': () => [(x) => tf.complex(x, tf.neg(x)), numbers(1, 2)],
    'a complex number in between': () => [(x) => tf.abs(tf.complex(x, tf.mul(x, 2))), numbers(1, 2)],
    'a buffer that is filled': () => [
      (x) => {
        const buffer = tf.buffer([2]);
        buffer.set(5, 1);
        return tf.add(x, buffer.toTensor());
      },
      numbers(1, 2),
    ],
    'five axes': () => [(x) => tf.sum(tf.tile(x, [2, 1, 1, 1, 1]), [0, 2]), tf.ones([1, 2, 3, 1, 2])],
    'pixels of int32': () => [(x) => tf.div(tf.cast(x, 'float32'), 255), integers(0, 255)],
    nothing: () => [() => undefined, tf.scalar(1)],
    'constants only': () => [() => [tf.scalar(3), integers(1, 2), booleans(true)], tf.scalar(1)],
    'negative zero': () => [(x) => tf.div(1, tf.mul(x, -0)), tf.scalar(1)],
  });

  const strings = tf.tensor1d(['a', 'b']);
  itComputes(
    {
      'strings as an input': () => [(x) => x.clone(), strings],
      'strings that were captured': () => [() => strings.clone(), tf.scalar(1)],
    },
    WITHOUT_XLA,
  );
});

const manyFlags = () =>
  tf.tensor1d(
    Array.from({ length: 100_000 }, (_, i) => i % 3 === 0),
    'bool',
  );
const manyIntegers = () =>
  tf.tensor1d(
    Int32Array.from({ length: 100_000 }, (_, i) => i % 3),
    'int32',
  );

describe('ordinary operations', () => {
  const batch = () => tf.reshape(tf.range(0, 40), [4, 10]);
  const stream = random(1);
  itComputes({
    'the accuracy: the mean of what is equal': () => [
      (x, y) => tf.mean(tf.equal(tf.argMax(x, 1), y)),
      tf.tensor2d([1, 2, 3, 0], [2, 2]),
      integers(1, 1),
    ],
    'the mean of int32': () => [(x) => tf.mean(x), integers(1, 2, 2)],
    'the mean of flags along an axis': () => [(x) => tf.mean(tf.greater(x, 3), 1), batch()],
    'the variance of int32': () => [(x) => tf.moments(x).variance, integers(1, 2, 2)],
    'the sum of flags': () => [(x) => tf.sum(tf.greater(x, 1)), numbers(3, 1, 2)],
    'the product of int32': () => [(x) => tf.prod(x), integers(-5, -7)],
    'the indices of topk': () => [(x) => tf.topk(x, 2).indices, numbers(3, 1, 2)],
    'both of topk': () => [
      (x) => {
        const { values, indices } = tf.topk(x, 2);
        return [values, indices];
      },
      numbers(3, 1, 2),
    ],
    'the indices of topk, gathered with': () => [
      (x) => tf.gather(x, tf.topk(x, 2).indices),
      numbers(3, 1, 2),
    ],
    'the indices of topk, cast': () => [(x) => tf.cast(tf.topk(x, 2).indices, 'float32'), numbers(3, 1, 2)],
    'the indices of topk, added to': () => [
      (x) => tf.add(tf.topk(x, 2).indices, tf.scalar(1, 'int32')),
      numbers(3, 1, 2),
    ],
    'the logits of the labels (gatherND)': () => [
      (x, y) => tf.gatherND(x, tf.stack([tf.range(0, 4, 1, 'int32'), y], 1)),
      batch(),
      integers(7, 0, 9, 3),
    ],
    'gatherND with pairs as an input': () => [
      (x, y) => tf.gatherND(x, y),
      tf.reshape(tf.range(0, 20), [10, 2]),
      tf.tensor2d([9, 1], [1, 2], 'int32'),
    ],
    'scatterND into axes of different length': () => [
      (y) => tf.scatterND(y, numbers(5), [10, 2]),
      tf.tensor2d([9, 1], [1, 2], 'int32'),
    ],
    'scatterND to one place twice': () => [
      (y) => tf.scatterND(y, numbers(5, 6), [3]),
      tf.tensor2d([1, 1], [2, 1], 'int32'),
    ],
    'a sum of segments with padding': () => [
      (y) => tf.unsortedSegmentSum(tf.ones([3]), y as tf.Tensor1D, 2),
      integers(0, 1, -1),
    ],
    'gather with a number below 0 that is cast to 0': () => [
      (x, i) => tf.gather(x, tf.cast(i, 'int32')),
      numbers(3, 1, 2),
      numbers(0.2, -0.5),
    ],
    'the gradient of gather with batches': () => [
      (x, i) => tf.grad((t) => tf.sum(tf.square(tf.gather(t, i as tf.Tensor2D, 1, 1))))(x),
      tf.tensor2d([1, 1, 2, 2, 3, 3], [3, 2]),
      tf.tensor2d([0, 0, 1, 0, 1, 1], [3, 2], 'int32'),
    ],
    'a confusion matrix': () => [
      (x, y) => tf.math.confusionMatrix(x as tf.Tensor1D, y as tf.Tensor1D, 3),
      integers(0, 1, 2),
      integers(0, 2, 2),
    ],
    'the binary accuracy': () => [
      (x, y) => tf.metrics.binaryAccuracy(x, y),
      tf.tensor2d([1, 0], [2, 1]),
      tf.tensor2d([0.9, 0.2], [2, 1]),
    ],
    'the categorical accuracy': () => [
      (x, y) => tf.metrics.sparseCategoricalAccuracy(x, y),
      numbers(1, 0),
      tf.tensor2d([0.1, 0.9, 0.2, 0.8], [2, 2]),
    ],
    'the precision': () => [
      (x, y) => tf.metrics.precision(x, y),
      tf.tensor2d([1, 0], [1, 2]),
      tf.tensor2d([1, 0], [1, 2]),
    ],
    'a cumulative sum of int32': () => [
      (x) => tf.cumsum(tf.cast(tf.greater(x, 1), 'int32')),
      numbers(3, 1, 2),
    ],
    'an einsum': () => [(x) => tf.einsum('ij,jk->ik', x, x), tf.tensor2d([1, 2, 3, 4], [2, 2])],
    'a norm': () => [(x) => tf.norm(x), numbers(3, 1, 2)],
    'a sorted search': () => [(x) => tf.searchSorted(x, numbers(2)), numbers(1, 2, 3)],
    bincount: () => [(x) => tf.bincount(x as tf.Tensor1D, tf.ones([3]), 4), integers(0, 1, 1)],
    'a band of a matrix': () => [(x) => tf.linalg.bandPart(x, 0, -1), tf.ones([3, 3])],
    'an image, mirrored': () => [
      (x) => tf.image.flipLeftRight(x as tf.Tensor4D),
      tf.reshape(tf.range(0, 4), [1, 2, 2, 1]),
    ],
    'an image, resized': () => [
      (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [2, 2]),
      tf.reshape(tf.range(0, 2), [1, 1, 2, 1]),
    ],
    'a cross-entropy with labels of int32': () => [
      (x, y) => tf.losses.softmaxCrossEntropy(y, x),
      tf.tensor2d([3, 1], [1, 2]),
      tf.tensor2d([1, 0], [1, 2], 'int32'),
    ],
    'a loss with weights': () => [
      (x, y) => tf.losses.meanSquaredError(x, y, tf.tensor2d([1, 0], [1, 2])),
      tf.tensor2d([3, 1], [1, 2]),
      tf.tensor2d([1, 0], [1, 2]),
    ],
    'a Fourier transform': () => [(x) => tf.real(tf.fft(tf.complex(x, tf.zeros([2])))), numbers(1, 2)],
    'a QR decomposition': () => [
      (x) => tf.linalg.qr(tf.mul<tf.Tensor2D>(tf.tensor2d([1, 2, 3, 4], [2, 2]), x))[0],
      tf.tensor2d([1, 2], [1, 2]),
    ],
    'a gradient of a gradient': () => [
      (x) => tf.grad((y) => tf.sum(tf.grad((z) => tf.sum(tf.pow(z, 3)))(y)))(x),
      numbers(1, 2),
    ],
    'a permutation that is drawn': () => [
      (x) => tf.sum(tf.gather(x, stream.permutation(3))),
      numbers(3, 1, 2),
    ],
  });
});
