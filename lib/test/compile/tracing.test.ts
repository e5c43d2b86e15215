/** What a step may do in JavaScript: it comes to the same as in eager code, or it is refused. */
import { afterEach, describe, expect, it } from 'vitest';
import { randomInt } from 'node:crypto';
import { compile, CompileError } from '../../src/compile';
import { sgd } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { compileOn, itDoesAsEagerCode, paths, variable, type Scene, type Step } from './paths';

afterEach(() => tf.disposeVariables());

const rows = () => Array.from({ length: 4 }, (_, i) => [tf.tensor1d([1 + i, 2])]);

describe('a step', () => {
  const scenes: Record<string, () => Scene> = {
    'may draw from a stream outside of it': () => {
      const stream = random(0);
      // XLA draws other numbers.
      return { step: (x) => tf.add(x, tf.mul(0, stream.normal([2]))) };
    },
    'may draw numbers from a seed, the same at each call': () => ({
      step: (x) => tf.add(x, tf.randomNormal([2], 0, 1, 'float32', 5)),
    }),
    'may dispose what it made': () => ({
      step: (x) => {
        const twice = tf.mul(x, 2);
        twice.dispose();
        return tf.add(x, 1);
      },
    }),
    'may contain a compiled step': () => {
      const inner = compile((x: tf.Tensor) => tf.mul(x, 3));
      return { step: (x) => tf.add(inner(x), 1) };
    },
    'may make a variable at its first call': () => {
      let total: tf.Variable | undefined;
      const step: Step = (x) => {
        total ??= variable([0, 0]);
        total.assign(tf.add(total, x));
        return total.clone();
      };
      return { step };
    },
    'may make a variable at its first call, in a tidy': () => {
      let total: tf.Variable | undefined;
      const step: Step = (x) =>
        tf.tidy(() => {
          total ??= variable([0, 0]);
          total.assign(tf.add(total, x));
          return total.clone();
        });
      return { step };
    },
    'may make a layer at its first call': () => {
      let layer: tf.layers.Layer | undefined;
      const step: Step = (x) => {
        layer ??= tf.layers.dense({ units: 2, kernelInitializer: 'ones' });
        return layer.apply(x.reshape([1, 2])) as tf.Tensor;
      };
      return { step };
    },
    'may use a variable twice in its loss': () => {
      const w = variable([1, 1]);
      const optimizer = sgd({ learningRate: 0.1 });
      const step: Step = (x) => {
        const loss = () => tf.add<tf.Scalar>(tf.sum(tf.mul(w, x)), tf.sum(tf.square(w)));
        optimizer.minimize(loss, false, [w]);
        return w.clone();
      };
      return { variables: [w], step };
    },
    'may catch the error of an operation': () => ({
      step: (x) => {
        try {
          return tf.matMul(x.reshape([1, 2]), tf.ones<tf.Rank.R2>([3, 1]));
        } catch {
          return tf.mul(x, 7);
        }
      },
    }),
    'may have gradients of its own (customGrad)': () => {
      const square = tf.customGrad((x, save) => {
        (save as tf.GradSaveFunc)([x as tf.Tensor]);
        const gradFunc = (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.mul(saved!, 10));
        return { value: tf.square(x as tf.Tensor), gradFunc };
      });
      return { step: (x) => tf.grad((y) => tf.sum(square(y)))(x) };
    },
    'may look at tf.memory()': () => ({
      step: (x) => {
        tf.memory();
        return tf.add(x, 1);
      },
    }),
  };
  for (const [name, build] of Object.entries(scenes)) {
    itDoesAsEagerCode(name, build, rows, { tolerance: 1e-5 });
  }
});

describe('a step is refused', () => {
  let calls = 0;
  let state = 1;
  const minimalStandard = () => (state = (state * 16807) % 2147483647) / 2147483647;
  const traps: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    'that starts a random stream at each call': (x) => tf.add(x, random(0).normal([2])),
    'that draws random numbers of JavaScript': (x) => tf.add(x, tf.randomUniform([2])),
    'that draws random numbers of Node': (x) => tf.mul(x, randomInt(1e9)),
    'that draws random numbers of its own': (x) => tf.mul(x, minimalStandard()),
    'that counts its calls': (x) => tf.mul(x, ++calls),
    'that shuffles in JavaScript': (x) => {
      const list = [1, 2, 3, 4, 5, 6, 7, 8];
      tf.util.shuffle(list);
      return tf.mul(x, list[0]!);
    },
    'that keeps a tensor beyond its end': (x) => tf.tidy(() => tf.keep(tf.mul(x, 2))),
    'that is asynchronous': (async (x: tf.Tensor) => Promise.resolve(x)) as unknown as () => tf.Tensor,
    'that returns a number': (() => 5) as unknown as () => tf.Tensor,
    'whose shapes depend on values': (x) => tf.unique(x).values,
    'that reads where something is': (x) => {
      void tf.whereAsync(tf.greater(x, 1)).catch(() => undefined);
      return x;
    },
  };
  const all = Object.entries(traps).flatMap(([name, step]) =>
    paths.map((path) => [name, path, step] as const),
  );
  it.each(all)('%s (%s)', (_, path, step) => {
    const compiled = compile(step, { xla: path.startsWith('XLA') });
    expect(() => compiled(tf.tensor1d([1, 2]))).toThrow(/step/);
  });

  it.each(paths)('that disposes a variable (%s)', (path) => {
    const w = variable([1, 1]);
    const compiled = compileOn(path, (x) => {
      const sum = tf.add(w, x);
      w.dispose();
      return sum;
    });
    expect(() => compiled.call(tf.tensor1d([1, 2]))).toThrow(CompileError);
  });
});
