/** Steps on XLA's own runtime beside the same steps in a session of TensorFlow. */
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { compile } from '../../src/compile';
import { adam, lion } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { nativeBackend, nativePrograms } from '../../src/runtime/binding';
import { variable, values } from './paths';

afterEach(() => vi.unstubAllEnvs());

type Scene = () => { step: (x: tf.Tensor1D) => tf.Tensor[]; state: tf.Variable[] };

const captured = tf.tensor1d([0.5, -2, 3, 1e-3]);
const large = tf.randomNormal([300, 300], 0, 1, 'float32', 3);

const scenes: Record<string, Scene> = {
  Adam: () => {
    const w = variable([0.1, -0.2, 0.3, 0.4]);
    const optimizer = adam({ learningRate: 0.1 });
    return {
      step: (x) => [optimizer.minimize(() => tf.sum(tf.square(tf.sub(tf.mul(w, captured), x))), true)!],
      state: [w],
    };
  },
  'Lion, whose state and result share a value': () => {
    const w = variable([0.1, -0.2, 0.3, 0.4]);
    const optimizer = lion({ learningRate: 0.01 });
    return {
      step: (x) => {
        const loss = optimizer.minimize(() => tf.sum(tf.square(tf.sub(w, x))), true)!;
        return [loss, w.clone(), w.clone()];
      },
      state: [w],
    };
  },
  'variables that change places, and one that is only read': () => {
    const [a, b, c] = [variable([1, 2, 3, 4]), variable([5, 6, 7, 8]), variable([9, 9, 9, 9])];
    return {
      step: (x) => {
        const old = a.clone();
        a.assign(b);
        b.assign(old);
        return [tf.add(tf.add(a, c), x), old];
      },
      state: [a, b, c],
    };
  },
  'results of other types, constants, nothing, an input handed on': () => {
    const count = variable(0, 'int32');
    return {
      step: (x) => {
        count.assign(tf.add(count, tf.scalar(1, 'int32')));
        return [
          tf.greater(x, 0),
          tf.argMax(x),
          tf.cast(x, 'int32'),
          tf.tensor1d([1, 2]),
          tf.slice(x, 0, 0),
          x.clone(),
        ];
      },
      state: [count],
    };
  },
  'numbers too small for their exponent, which count as 0': () => {
    const tiny = variable([1e-40, -1e-38, 1e-30, 3e38]);
    return {
      step: (x) => {
        tiny.assign(tf.mul(tiny, x));
        return [tf.floor(tf.div(tf.mul(tiny, 1e-9), x)), tf.mul(tiny, 2), tf.sign(tiny)];
      },
      state: [tiny],
    };
  },
};

const products: Record<string, Scene> = {
  'an update that reads another one elsewhere, and what others read of old values': () => {
    const [w, m] = [variable(large.arraySync()), variable(large.arraySync())];
    return {
      step: (x) => {
        const flat = tf.reshape(w, [1000, 90]);
        m.assign(tf.add(tf.mul(m, 0.9), tf.mul(large, tf.sum(x))));
        // Transposed: new numbers of one place belong to old ones of another.
        w.assign(tf.sub(w, tf.mul(tf.transpose<tf.Tensor>(m), 0.1)));
        // Old values in another form, which are needed late.
        let late: tf.Tensor2D = tf.mul(large, tf.sum(x));
        for (let i = 0; i < 3; i++) late = tf.tanh(tf.matMul<tf.Tensor2D>(late, large as tf.Tensor2D));
        return [tf.matMul(flat, tf.slice(late, [0, 0], [90, 300]))];
      },
      state: [w, m],
    };
  },
  'weights whose gradient flows through all of them': () => {
    const weights = [1, 2, 3].map((seed) =>
      variable(tf.randomNormal([64, 64], 0, 0.1, 'float32', seed).arraySync()),
    );
    const optimizer = adam({ learningRate: 0.1 });
    return {
      step: (x) => {
        const inputs = tf.reshape(tf.tile(x, [64]), [4, 64]);
        const loss = () =>
          tf.mean(
            tf.square(
              weights.reduce<tf.Tensor>((h, w) => tf.tanh(tf.matMul(h, w as unknown as tf.Tensor2D)), inputs),
            ),
          );
        const before = tf.matMul(weights[1] as unknown as tf.Tensor2D, weights[2] as unknown as tf.Tensor2D);
        return [optimizer.minimize(loss as () => tf.Scalar, true)!, before, weights[0]!.clone()];
      },
      state: weights,
    };
  },
  'a result of 360 kB, a captured tensor, a variable that one result is': () => {
    const w = variable(large.arraySync());
    return {
      step: (x) => {
        w.assign(tf.add(tf.mul(w, 0.5), tf.mul(large, tf.sum(x))));
        return [tf.matMul<tf.Tensor2D>(w, large, false, true), w.clone()];
      },
      state: [w],
    };
  },
};

/** Three single calls, a loop of four, one more call: all results, and the state at the end. */
function run(scene: Scene, wanted: '' | 'session' | 'device'): number[][] {
  vi.stubEnv('LIANDAN_XLA', wanted);
  const createMemory = vi.spyOn(nativeBackend().binding, 'createMemory');
  const { step, state } = scene();
  const compiled = compile(step, { xla: true });
  const rows = Array.from({ length: 4 }, (_, i) => tf.tensor1d([i - 1.5, 0.25 * i, 2 - i, 1]));
  const results = [
    ...rows.slice(0, 3).flatMap((row) => compiled(row)),
    ...compiled.loop(tf.stack(rows) as tf.Tensor2D),
    ...compiled(rows[1]!),
  ].map(values);
  expect(compiled.info).toMatchObject({
    kernels: 'XLA',
    runtime: wanted === 'session' ? 'session' : 'program',
  });
  // Nothing has quietly run elsewhere.
  const platforms = { session: [], device: ['Host'], '': [''] };
  expect(createMemory.mock.calls.map(([, platform]) => platform)).toEqual(platforms[wanted]);
  createMemory.mockRestore();
  const seen = [...results, ...state.map(values)];
  compiled.dispose();
  // Once more from the variables, which must have their values by now.
  expect(state.map(values)).toEqual(seen.slice(-state.length));
  return seen;
}

describe.runIf(nativePrograms())('a program', () => {
  it.each(Object.entries(scenes))('gives what a session gives, bit by bit: %s', (_, scene) => {
    expect(run(scene, '')).toEqual(run(scene, 'session'));
  });

  it.each(Object.entries(scenes))('of a device gives what a session gives, bit by bit: %s', (_, scene) => {
    expect(run(scene, 'device')).toEqual(run(scene, 'session'));
  });

  it.each(
    Object.entries(products).flatMap(([name, scene]) =>
      (['', 'device'] as const).map((wanted) => [name, wanted, scene] as const),
    ),
  )('gives what a session gives, but for the rounding of products: %s %s', (_, wanted, scene) => {
    const [found, expected] = [run(scene, wanted), run(scene, 'session')];
    expect(found.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
    found.forEach((numbers, i) => {
      const size = expected[i]!.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
      const error = numbers.reduce(
        (most, number, j) => Math.max(most, Math.abs(number - expected[i]![j]!)),
        0,
      );
      // Adam divides by the gradient: where that is next to nothing its rounding shows. A wrong value is off by .01 or more.
      expect(error).toBeLessThanOrEqual(1e-4 * size);
    });
  });

  it('leaves to a session what it has no type for', () => {
    const step = compile((x: tf.Tensor1D) => tf.complex(x, x), { xla: true });
    expect(values(tf.real(step(tf.tensor1d([1, 2]))))).toEqual([1, 2]);
    expect(step.info).toMatchObject({ kernels: 'XLA', runtime: 'session' });
  });

  it('refuses inputs of another size, and then goes on', () => {
    const w = variable([1, 2]);
    const step = compile((x: tf.Tensor1D) => void w.assign(tf.add(w, x)), { xla: true, verify: false });
    const x = tf.tensor1d([1, 1]);
    step(x);
    const ids = nativeBackend().getInputTensorIds([captured]);
    vi.spyOn(nativeBackend(), 'getInputTensorIds').mockReturnValueOnce(ids);
    expect(() => step(x)).toThrow('The compiled step failed: input 0 has another size');
    vi.restoreAllMocks();
    expect(values(w)).toEqual([2, 3]);
    step(x);
    expect(values(w)).toEqual([3, 4]);
  });

  it('multiplies small matrices of all shapes, transposed or not, also where a factor is not finite', () => {
    const shapes = [
      [2, 2, 1],
      [3, 5, 7],
      [4, 16, 8],
      [5, 17, 33],
      [31, 15, 2],
      [33, 48, 16],
      [6, 32, 64],
      [2, 3, 0],
      [1, 9, 4],
      [9, 1, 4],
    ] as const;
    const transposed = [false, true].flatMap((left) => [false, true].map((right) => [left, right] as const));
    const cases = shapes.flatMap(([rows, columns, depth], seed) =>
      transposed.map(([isLeft, isRight]) => {
        const left = tf.randomNormal<tf.Rank.R2>(
          isLeft ? [depth, rows] : [rows, depth],
          0,
          1,
          'float32',
          2 * seed + 1,
        );
        const right = tf.randomNormal<tf.Rank.R2>(
          isRight ? [columns, depth] : [depth, columns],
          0,
          1,
          'float32',
          2 * seed + 2,
        );
        return { rows, columns, depth, isLeft, isRight, left, right };
      }),
    );
    const multiply = (factor: tf.Scalar) =>
      cases.map(({ left, right, isLeft, isRight }) =>
        tf.matMul(tf.mul(left, factor), right, isLeft, isRight),
      );
    const step = compile(multiply, { xla: true, verify: false });
    const check = (products: tf.Tensor[], factor: number) => {
      products.forEach((product, i) => {
        const { rows, columns, depth, isLeft, isRight, left, right } = cases[i]!;
        const [a, b, found] = [values(left), values(right), values(product)];
        expect(found).toHaveLength(rows * columns);
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            let [sum, size] = [0, 0];
            for (let k = 0; k < depth; k++) {
              const term =
                factor *
                a[isLeft ? k * rows + row : row * depth + k]! *
                b[isRight ? column * depth + k : k * columns + column]!;
              sum += term;
              size += Math.abs(term);
            }
            const got = found[row * columns + column]!;
            if (Number.isFinite(sum)) expect(Math.abs(got - sum)).toBeLessThanOrEqual(1e-6 * size);
            else expect(got).toBe(sum);
          }
        }
      });
    };
    check(step(tf.scalar(1)), 1);
    check(step(tf.scalar(-0.5)), -0.5);
    check(step(tf.scalar(Infinity)), Infinity);
    check(step(tf.scalar(NaN)), NaN);
    const looped = step.loop(tf.tensor1d([3, 0.25]));
    for (const [i, factor] of [3, 0.25].entries())
      check(
        looped.map((product) => tf.slice(product, [i, 0, 0], [1, -1, -1])),
        factor,
      );
    expect(step.info.runtime).toBe('program');
    step.dispose();
  });

  it.each(['', 'device'])('keeps no tensor, and frees its memory %s', (wanted) => {
    const script = `
      const { compile, tf } = require('liandan');
      const zeros = tf.zeros([2 ** 22]);
      zeros.dataSync();
      const one = () => {
        const w = tf.variable(zeros);
        const step = compile((x) => void w.assign(tf.add(w, x)), { xla: true, verify: false });
        for (let i = 0; i < 3; i++) step(zeros);
        step.dispose();
        w.dispose();
      };
      const use = () => [tf.backend().binding.getNumOfTensors(), process.memoryUsage().rss];
      one();
      const [tensors, bytes] = use();
      for (let i = 0; i < 40; i++) one();
      console.log(JSON.stringify([use()[0] - tensors, use()[1] - bytes]));`;
    // Large blocks of the heap have pages of their own and leave no holes: what remains is what is held.
    const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '1000000', LIANDAN_XLA: wanted };
    const printed = execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' });
    const [tensors, bytes] = JSON.parse(printed) as [number, number];
    expect(tensors).toBe(0);
    // 40 steps have held 16 MB each.
    expect(bytes).toBeLessThan(160e6);
  });
});
