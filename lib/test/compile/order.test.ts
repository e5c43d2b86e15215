/** A step reads and assigns variables one statement after another, as in eager code. */
import { afterEach, describe } from 'vitest';
import { tf } from '../../src/runtime';
import { itDoesAsEagerCode, variable, type Scene } from './paths';

afterEach(() => tf.disposeVariables());

const vector = (start: number): number[] => Array.from({ length: 3 }, (_, i) => Math.sin(start + i));
/** Inputs of 12 calls. */
const rows = () => Array.from({ length: 12 }, (_, t) => [tf.tensor1d(vector(10 + t))]);
const calls = () => Array.from({ length: 5 }, () => []);

/** Variables that start from different values, and a step on them. */
function withVariables(count: number, make: (...variables: tf.Variable[]) => Scene['step']): () => Scene {
  return () => {
    const variables = Array.from({ length: count }, (_, i) => variable(vector(i)));
    return { variables, step: make(...variables) };
  };
}

describe('the old value of a variable that the step overwrites', () => {
  itDoesAsEagerCode(
    'is returned',
    withVariables(1, (w) => (x) => {
      const old = w.clone();
      w.assign(x);
      return old;
    }),
    rows,
  );

  itDoesAsEagerCode(
    'is computed with',
    withVariables(1, (w) => (x) => {
      const difference = tf.sub(x, w);
      w.assign(x);
      return difference;
    }),
    rows,
  );

  itDoesAsEagerCode(
    'is returned beside the new one',
    withVariables(1, (w) => (x) => {
      const old = w.clone();
      w.assign(x);
      return [old, w.clone(), w];
    }),
    rows,
  );

  itDoesAsEagerCode(
    'is a count that starts anew',
    withVariables(1, (n) => (x) => {
      const old = n.clone();
      n.assign(tf.zeros([3]));
      return tf.add(old, tf.sum(x));
    }),
    rows,
  );

  itDoesAsEagerCode(
    'is a gradient, taken before the assignment',
    withVariables(1, (w) => (x) => {
      const gradient = tf.grad((v) => tf.sum(tf.mul(tf.square(v), x)))(w);
      w.assign(x);
      return gradient;
    }),
    rows,
  );
});

describe('variables that are assigned from one another', () => {
  itDoesAsEagerCode(
    'change places',
    withVariables(2, (a, b) => () => {
      const old = a.clone();
      a.assign(b);
      b.assign(old);
    }),
    calls,
  );

  itDoesAsEagerCode(
    'rotate',
    withVariables(3, (a, b, c) => () => {
      const old = a.clone();
      a.assign(b);
      b.assign(c);
      c.assign(old);
    }),
    calls,
  );

  itDoesAsEagerCode(
    'rotate the other way',
    withVariables(3, (a, b, c) => () => {
      const old = c.clone();
      c.assign(b);
      b.assign(a);
      a.assign(old);
    }),
    calls,
  );

  itDoesAsEagerCode(
    'rotate in a chain of four',
    withVariables(4, (a, b, c, d) => () => {
      const old = a.clone();
      a.assign(b);
      b.assign(c);
      c.assign(d);
      d.assign(old);
    }),
    calls,
  );

  itDoesAsEagerCode(
    'queue up behind a new value',
    withVariables(3, (a, b, c) => () => {
      c.assign(b);
      b.assign(a);
      a.assign(tf.add(a, 10));
    }),
    calls,
  );

  itDoesAsEagerCode(
    'shift towards the front',
    withVariables(3, (a, b, c) => () => {
      const next = tf.add(a, 1);
      a.assign(b);
      b.assign(c);
      c.assign(next);
    }),
    calls,
  );

  itDoesAsEagerCode(
    'are a history whose mean is returned',
    withVariables(3, (a, b, c) => (x) => {
      const mean = tf.div(tf.addN([a, b, c]), 3);
      a.assign(b);
      b.assign(c);
      c.assign(x);
      return mean;
    }),
    rows,
  );

  itDoesAsEagerCode(
    'are a history written from its end',
    withVariables(3, (a, b, c) => (x) => {
      const mean = tf.div(tf.addN([a, b, c]), 3);
      const [second, third] = [b.clone(), c.clone()];
      c.assign(x);
      b.assign(third);
      a.assign(second);
      return mean;
    }),
    rows,
  );

  itDoesAsEagerCode(
    'are a double buffer',
    withVariables(2, (front, back) => (x) => {
      const next = tf.add(front, x);
      back.assign(front);
      front.assign(next);
      return tf.sum(front);
    }),
    rows,
  );

  itDoesAsEagerCode(
    'are two models of which the loser takes the place of the winner',
    withVariables(2, (a, b) => (x) => {
      const wins = tf.greater(tf.sum(tf.mul(a, x)), tf.sum(tf.mul(b, x)));
      const [winner, loser] = [tf.where(wins, a, b), tf.where(wins, b, a)];
      a.assign(winner);
      b.assign(tf.add(loser, x));
      return tf.cast(wins, 'float32');
    }),
    rows,
  );
});

describe('training that remembers', () => {
  itDoesAsEagerCode(
    'the previous gradient',
    withVariables(2, (w, previous) => (x) => {
      const gradient = tf.grad((v) => tf.sum(tf.mul(tf.square(v), x)))(w);
      const change = tf.sub(gradient, previous);
      previous.assign(gradient);
      w.assign(tf.sub(w, tf.mul(0.1, tf.add(gradient, tf.mul(0.5, change)))));
      return tf.sum(change);
    }),
    rows,
    { tolerance: 1e-4 },
  );

  itDoesAsEagerCode(
    'the previous weights and gradient (Barzilai-Borwein)',
    withVariables(3, (w, oldWeights, oldGradient) => (x) => {
      const gradient = tf.mul(w, tf.add(tf.abs(x), 0.5));
      const [s, y] = [tf.sub(w, oldWeights), tf.sub(gradient, oldGradient)];
      const length = tf.minimum(tf.divNoNan(tf.abs(tf.sum(tf.mul(s, y))), tf.sum(tf.square(y))), 1);
      oldWeights.assign(w);
      oldGradient.assign(gradient);
      w.assign(tf.sub(w, tf.mul(length, gradient)));
      return length;
    }),
    rows,
    { tolerance: 1e-4 },
  );

  itDoesAsEagerCode(
    'the weights before the step, for a target network',
    withVariables(2, (w, target) => (x) => {
      const error = tf.mul(tf.sub(w, target), x);
      target.assign(w);
      w.assign(tf.sub(w, tf.mul(0.2, tf.mul(error, x))));
      return tf.sum(tf.square(error));
    }),
    rows,
    { tolerance: 1e-4 },
  );

  itDoesAsEagerCode(
    'the best weights so far',
    withVariables(3, (w, best, bestLoss) => (x) => {
      const loss = tf.sum(tf.square(tf.sub(w, x)));
      best.assign(tf.where(tf.less(loss, bestLoss), w, best));
      bestLoss.assign(tf.minimum(tf.fill([3], 9), tf.add(tf.mul(bestLoss, 0.5), loss)));
      w.assign(tf.sub(w, tf.mul(0.1, tf.sub(w, x))));
      return bestLoss.clone();
    }),
    rows,
    { tolerance: 1e-4 },
  );
});

describe('the optimizer Adan, written on variables,', () => {
  /** Xie et al. 2022: it remembers the previous gradient. */
  function adan(weights: tf.Variable, rate: number): (gradient: tf.Tensor) => void {
    const [m, d, n, previous] = Array.from({ length: 4 }, () => tf.variable(tf.zerosLike(weights)));
    return (g) => {
      const change = tf.sub(g, previous!);
      m!.assign(tf.add(tf.mul(m!, 0.98), tf.mul(g, 0.02)));
      d!.assign(tf.add(tf.mul(d!, 0.92), tf.mul(change, 0.08)));
      n!.assign(tf.add(tf.mul(n!, 0.99), tf.mul(tf.square(tf.add(g, tf.mul(change, 0.92))), 0.01)));
      previous!.assign(g);
      const step = tf.div(tf.add(m!, tf.mul(d!, 0.92)), tf.add(tf.sqrt(n!), 1e-3));
      weights.assign(tf.sub(weights, tf.mul(rate, step)));
    };
  }

  itDoesAsEagerCode(
    'trains a convolution',
    () => {
      const kernel = tf.variable<tf.Rank.R4>(tf.randomNormal([3, 3, 1, 4], 0, 0.3, 'float32', 1));
      const head = tf.variable<tf.Rank.R2>(tf.randomNormal([4, 2], 0, 0.3, 'float32', 2));
      const updates = [adan(kernel, 1e-2), adan(head, 1e-2)];
      return {
        variables: [kernel, head],
        step: (x, y) => {
          const { value, grads } = tf.variableGrads(() => {
            const features = tf.mean<tf.Tensor2D>(
              tf.relu(tf.conv2d(x as tf.Tensor4D, kernel, 1, 'same')),
              [1, 2],
            );
            return tf.losses.softmaxCrossEntropy(y, tf.matMul(features, head));
          }, [kernel, head]);
          [kernel, head].forEach(({ name }, i) => updates[i]!(grads[name]!));
          return value;
        },
      };
    },
    () =>
      Array.from({ length: 8 }, (_, t) => {
        const x = tf.randomNormal([8, 8, 8, 1], 0, 1, 'float32', 10 + t);
        const isBright = tf.cast(tf.greater(tf.mean(x, [1, 2, 3]), 0), 'int32') as tf.Tensor1D;
        return [x, tf.cast(tf.oneHot(isBright, 2), 'float32')];
      }),
    { tolerance: 1e-3, paths: ['TensorFlow', 'default'] },
  );
});
