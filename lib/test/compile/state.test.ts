import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { sgd } from '../../src/optimizers';
import { nativeBackend } from '../../src/runtime/binding';
import { tf } from '../../src/runtime';
import { difference, mlp } from './models';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const value = (x: tf.Tensor): number => x.dataSync()[0]!;

/** A counter in a variable: each step adds its input and returns the new value. */
function accumulator(xla = false) {
  const total = tf.variable(tf.scalar(0));
  const step = compile(
    (x: tf.Tensor) => {
      total.assign(total.add(x));
      return total.mul(1);
    },
    { xla },
  );
  return { total, step, add: (x: number) => tf.tidy(() => value(step(tf.scalar(x)))) };
}

describe.each([false, true])('variables are the truth (XLA: %s)', (xla) => {
  it('is read as the step left it', () => {
    const { total, add } = accumulator(xla);
    expect(add(2)).toBe(2);
    expect(value(total)).toBe(2);
    expect(add(3)).toBe(5);
    expect(add(4)).toBe(9);
    expect(value(total)).toBe(9);
    expect(value(tf.mul(total, 10))).toBe(90);
  });

  it('is read asynchronously as the step left it', async () => {
    const { total, add } = accumulator(xla);
    add(2);
    add(5);
    expect(await total.data()).toEqual(Float32Array.of(7));
    expect(await total.array()).toBe(7);
  });

  it('counts from what was assigned between steps', () => {
    const { total, add } = accumulator(xla);
    add(2);
    total.assign(tf.scalar(100));
    expect(add(1)).toBe(101);
    add(1);
    total.assign(tf.add(total, 1000));
    expect(add(1)).toBe(1103);
  });

  it('keeps snapshots taken between steps', () => {
    const { total, add } = accumulator(xla);
    add(1);
    const unread = total.clone();
    add(1);
    const read = total.clone();
    expect(value(read)).toBe(2);
    add(1);
    add(1);
    expect([unread, read, total].map(value)).toEqual([1, 2, 4]);
  });

  it('is shared by several compiled functions and eager code', () => {
    const { total, add } = accumulator(xla);
    const double = compile(
      () => {
        total.assign(total.mul(2));
      },
      { xla },
    );
    const read = compile(() => total.add(0.5), { xla });
    add(1);
    double();
    expect(value(read())).toBe(2.5);
    total.assign(tf.add(total, 1));
    double();
    double();
    expect(value(read())).toBe(12.5);
    expect(add(1)).toBe(13);
    expect(value(read())).toBe(13.5);
    expect(value(total)).toBe(13);
  });

  it('survives the compiled step', () => {
    const { total, step, add } = accumulator(xla);
    add(5);
    step.dispose();
    expect(value(total)).toBe(5);
    expect(add(1)).toBe(6);
    step.dispose();
    expect(value(total)).toBe(6);
  });
});

describe('variables that share data', () => {
  it.each([false, true])('does not write into the array that a variable was made from (XLA: %s)', (xla) => {
    const initial = new Float32Array(1000).fill(1);
    const weights = tf.variable(tf.tensor1d(initial));
    const step = compile(() => weights.assign(weights.add(1)), { xla });
    for (let i = 0; i < 3; i++) step();
    const read = weights.dataSync();
    step();
    expect(new Set(read)).toEqual(new Set([4]));
    expect(new Set(initial)).toEqual(new Set([1]));
    expect(new Set(weights.dataSync())).toEqual(new Set([5]));
  });

  it('tells an average of weights from the weights it was made from', () => {
    const weights = tf.variable(tf.tensor1d([1, 2]));
    const average = tf.variable(tf.zeros([2]));
    average.assign(weights);
    const initial = weights.clone();
    const step = compile(
      () => {
        weights.assign(weights.add(1));
        average.assign(average.mul(0.5).add(weights.mul(0.5)));
        return weights.sub(initial);
      },
      { xla: false },
    );
    step().dispose();
    const moved = step();
    expect(Array.from(moved.dataSync())).toEqual([2, 2]);
    expect(Array.from(weights.dataSync())).toEqual([3, 4]);
    expect(Array.from(average.dataSync())).toEqual([2.25, 3.25]);
    expect(Array.from(initial.dataSync())).toEqual([1, 2]);
  });

  it('assigns one variable from another', () => {
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(10))];
    const step = compile(() => {
      const old = a.clone();
      a.assign(b);
      b.assign(old);
    });
    step();
    expect([a, b].map(value)).toEqual([10, 1]);
    step();
    expect([a, b].map(value)).toEqual([1, 10]);
    step();
    expect([a, b].map(value)).toEqual([10, 1]);
  });

  it('tells an input from the same tensor captured, and from another input', () => {
    const x = tf.scalar(3);
    const step = compile((a: tf.Tensor, b: tf.Tensor) => a.mul(100).add(b.mul(10)).add(x));
    expect(value(step(x, x))).toBe(333);
    expect(value(step(tf.scalar(1), tf.scalar(2)))).toBe(123);
  });
});

describe('eager and compiled steps mix', () => {
  it('alternates without changing the result', () => {
    const [eager, mixed] = [mlp(), mlp()];
    const train = ({ loss, weights }: ReturnType<typeof mlp>) => {
      const optimizer = tf.train.momentum(0.1, 0.9);
      return (...inputs: tf.Tensor[]) => optimizer.minimize(() => loss(...inputs), true, weights)!;
    };
    const [eagerStep, mixedStep] = [train(eager), train(mixed)];
    const compiled = compile(mixedStep);
    for (let i = 0; i < 12; i++) {
      tf.tidy(() => {
        const expected = value(eagerStep(...eager.batch(i)));
        const loss = (i % 3 === 0 ? mixedStep : compiled)(...mixed.batch(i));
        expect(value(loss)).toBeCloseTo(expected, 6);
      });
    }
    expect(difference(mixed.weights, eager.weights)).toBeLessThan(1e-6);
  });

  it('counts the iterations of the optimizers of TensorFlow.js', async () => {
    const { loss, weights, batch } = mlp();
    const optimizer = tf.train.adam(1e-3);
    const step = compile((...inputs: tf.Tensor[]) =>
      optimizer.minimize(() => loss(...inputs), true, weights)!,
    );
    for (let i = 0; i < 3; i++) step(...batch(i));
    step.loop(...batch(0).map((input) => tf.stack([input, input])));
    expect(optimizer.iterations).toBe(5);
    const [iterations] = await optimizer.getWeights();
    expect(value(iterations!.tensor)).toBe(5);
  });

  it('resumes from saved weights and optimizer state as if it had not stopped', async () => {
    const build = () => {
      const { loss, weights, batch } = mlp();
      const optimizer = tf.train.adam(1e-2);
      const step = compile((...inputs: tf.Tensor[]) =>
        optimizer.minimize(() => loss(...inputs), true, weights)!,
      );
      return { weights, optimizer, run: (i: number) => tf.tidy(() => value(step(...batch(i)))) };
    };
    const [whole, first, second] = [build(), build(), build()];
    for (let i = 0; i < 6; i++) whole.run(i);
    for (let i = 0; i < 3; i++) first.run(i);
    second.weights.forEach((weight, i) => weight.assign(first.weights[i]!.clone()));
    await second.optimizer.setWeights(await first.optimizer.getWeights());
    for (let i = 3; i < 6; i++) second.run(i);
    expect(difference(second.weights, whole.weights)).toBeLessThan(1e-6);
  });

  it('saves what compiled steps have learned', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], useBias: false })] });
    const optimizer = tf.train.sgd(0.1);
    const step = compile((x: tf.Tensor) =>
      optimizer.minimize(() => tf.mean(tf.square(model.apply(x) as tf.Tensor)).asScalar(), true),
    );
    for (let i = 0; i < 5; i++) step(tf.ones([4, 2]));
    let saved: ArrayBuffer | undefined;
    await model.save(
      tf.io.withSaveHandler((artifacts) => {
        saved = artifacts.weightData as ArrayBuffer;
        return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } });
      }),
    );
    expect(Array.from(new Float32Array(saved!))).toEqual(Array.from(model.getWeights()[0]!.dataSync()));
    expect(Math.abs(new Float32Array(saved!)[0]! + new Float32Array(saved!)[1]!)).toBeLessThan(0.5);
  });

  it('leaves LayersModel.fit as it is, before and after', async () => {
    const make = () => {
      const kernelInitializer = tf.initializers.glorotUniform({ seed: 3 });
      const model = tf.sequential({
        layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer })],
      });
      model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
      return model;
    };
    const [plain, mixed] = [make(), make()];
    const [x, y] = [
      tf.tensor2d([
        [1, 2],
        [3, -1],
      ]),
      tf.tensor2d([[1], [0]]),
    ];
    const optimizer = tf.train.sgd(0.1);
    const lossOf = (model: tf.LayersModel) =>
      tf.losses.meanSquaredError(y, model.apply(x) as tf.Tensor).asScalar();
    const step = compile(() => optimizer.minimize(() => lossOf(mixed), true));
    const fit = (model: tf.LayersModel) => model.fit(x, y, { epochs: 2, verbose: 0, shuffle: false });
    await fit(plain);
    await fit(mixed);
    optimizer.minimize(() => lossOf(plain));
    step();
    await fit(plain);
    await fit(mixed);
    expect(difference(mixed.getWeights(), plain.getWeights())).toBeLessThan(1e-6);
  });
});

describe('a variable that the step creates at its first call', () => {
  it('starts from its initial value', () => {
    let total: tf.Variable | undefined;
    const step = compile((x: tf.Tensor) => {
      total ??= tf.variable(tf.scalar(100));
      total.assign(total.add(x));
      return total.clone();
    });
    expect(value(step(tf.scalar(1)))).toBe(101);
    expect(value(step(tf.scalar(1)))).toBe(102);
    expect(value(total!)).toBe(102);
  });

  it('may be drawn at random', () => {
    let weights: tf.Variable | undefined;
    const step = compile(() => {
      weights ??= tf.variable(tf.randomNormal([4]));
      return weights.add(0);
    });
    const drawn = step();
    expect(difference([drawn], [weights!])).toBe(0);
  });
});

describe('memory', () => {
  it('keeps tf.memory() telling the truth', () => {
    const { total, step } = accumulator();
    const input = tf.scalar(1);
    const before = tf.memory();
    const result = step(input);
    expect(tf.memory().numTensors).toBe(before.numTensors + 1);
    result.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numBytes).toBe(before.numBytes);
    tf.tidy(() => {
      step(input);
      step(input);
    });
    expect(tf.memory().numTensors).toBe(before.numTensors);
    total.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors - 1);
  });

  it('does not grow over 5,000 steps', { timeout: 300_000 }, () => {
    const { loss, weights, batch } = mlp();
    const optimizer = tf.train.adam(1e-3);
    const step = compile(
      (...inputs: tf.Tensor[]) => optimizer.minimize(() => loss(...inputs), true, weights)!,
      {
        xla: false,
      },
    );
    const inputs = batch(0);
    const once = (i: number): void => {
      step(...inputs).dispose();
      // Reading makes the variables' values cross over, which must not leave anything behind either.
      if (i % 10 === 0) weights[0]!.dataSync();
    };
    for (let i = 0; i < 1000; i++) once(i);
    const { binding } = nativeBackend();
    const measure = () => [tf.memory().numTensors, binding.getNumOfTensors(), binding.getNumOfSavedModels()];
    const before = measure();
    const memory = process.memoryUsage().rss;
    for (let i = 0; i < 5000; i++) once(i);
    expect(measure()).toEqual(before);
    expect(process.memoryUsage().rss - memory).toBeLessThan(30e6);
  });

  it('frees its session when disposed', () => {
    const { binding } = nativeBackend();
    const count = () => [binding.getNumOfSavedModels(), binding.getNumOfTensors()];
    const use = () => {
      const step = compile((x: tf.Tensor) => x.add(1), { xla: false });
      for (const x of [tf.scalar(1), tf.zeros([2])]) tf.dispose([step(x), x]);
      return step;
    };
    // The first time, values that other tests left waiting may be handed over.
    use().dispose();
    const [sessions, tensors] = count();
    const step = use();
    expect(count()).toEqual([sessions! + 2, tensors]);
    step.dispose();
    expect(count()).toEqual([sessions, tensors]);
  });

  it('frees the sessions of steps that nothing refers to any more', async () => {
    const { binding } = nativeBackend();
    const before = binding.getNumOfSavedModels();
    (() => {
      const total = tf.variable(tf.scalar(0));
      const step = compile(() => total.assign(total.add(1)), { xla: false });
      step();
      expect(value(total)).toBe(1);
      total.dispose();
    })();
    expect(binding.getNumOfSavedModels()).toBe(before + 1);
    for (let i = 0; i < 20 && binding.getNumOfSavedModels() > before; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(binding.getNumOfSavedModels()).toBeLessThanOrEqual(before);
  });
});

describe('sessions that XLA compiled', () => {
  const training = (start: number, target: tf.Tensor) => {
    const weights = tf.variable(tf.fill([3], start));
    const optimizer = sgd({ learningRate: 0.25 });
    const step = compile(() => optimizer.minimize(() => tf.sum(tf.square(tf.sub(weights, target))), true), {
      xla: true,
    });
    return { weights, step };
  };
  /** Weights after five steps: half of the distance is left after each. */
  const trained = (start: number, target: number) => {
    const goal = tf.fill([3], target);
    const { weights, step } = training(start, goal);
    step.loop(5);
    const result = value(weights);
    step.dispose();
    tf.dispose([weights, goal]);
    return result;
  };

  it('serve the next step with the same graph, which starts from its own values', () => {
    const { binding } = nativeBackend();
    expect(trained(1, 0)).toBeCloseTo(1 / 32, 6);
    const sessions = binding.getNumOfSavedModels();
    expect(trained(2, 0)).toBeCloseTo(2 / 32, 6);
    expect(trained(0, 64)).toBeCloseTo(62, 5);
    expect(binding.getNumOfSavedModels()).toBe(sessions);
  });

  it('do not serve two steps at a time', () => {
    const goal = tf.zeros([3]);
    const [first, second] = [training(1, goal), training(2, goal)];
    first.step.loop(1);
    second.step.loop(2);
    first.step.loop(1);
    expect([value(first.weights), value(second.weights)]).toEqual([0.25, 0.5]);
    for (const { step, weights } of [first, second]) {
      step.dispose();
      weights.dispose();
    }
  });

  it('keep no variables and no captured tensors', () => {
    const megabytes = 32;
    const once = (fill: number) => {
      const held = tf.fill([megabytes * 2 ** 18], fill);
      const step = compile((x: tf.Tensor) => tf.add(tf.sum(tf.mul(held, x)), fill), { xla: true });
      tf.dispose([step(tf.scalar(1)), held]);
      step.dispose();
    };
    once(1);
    const before = process.memoryUsage().rss;
    for (let fill = 2; fill < 12; fill++) once(fill);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(3 * megabytes);
  });

  it('are kept in a limited number', () => {
    const { binding } = nativeBackend();
    const use = (size: number) => {
      const step = compile((x: tf.Tensor) => tf.mul(x, size), { xla: true });
      tf.dispose(step(tf.ones([size])));
      step.dispose();
    };
    for (let size = 1; size <= 16; size++) use(size);
    const sessions = binding.getNumOfSavedModels();
    for (let size = 17; size <= 24; size++) use(size);
    expect(binding.getNumOfSavedModels()).toBe(sessions);
  });
});
