/** A step that fails was not taken, and leaves nothing behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mlp } from '../../src/models';
import { adam, sgd, WeightAverage } from '../../src/optimizers';
import { assertFinite, random, tf } from '../../src/runtime';
import { nativeBackend } from '../../src/runtime/binding';
import { train, type TrainOptions } from '../../src/training';
import {
  compileOn,
  itDoesAsEagerCode,
  paths,
  values,
  variable,
  type Path,
  type Scene,
  type Step,
} from './paths';

afterEach(() => tf.disposeVariables());

const index = (...list: number[]): tf.Tensor1D => tf.tensor1d(list, 'int32');
const one = (): tf.Tensor => tf.scalar(1, 'int32');
/** XLA is refused for steps with computed indices and with assertFinite. */
const PATHS: readonly Path[] = ['TensorFlow', 'oneDNN', 'default'];

describe('a step of which a part fails does not change variables', () => {
  const table = () => tf.tensor1d([1, 2, 3]);
  const byIndex = () => [[index(1)], [index(2)], [index(9)], [index(3)], [index(0)], [index(1)]];
  const bySign = () => [1, 2, -1, 3, -2, 1].map((x) => [tf.tensor1d([x])]);
  const lookUp = (i: tf.Tensor) => tf.gather(table(), tf.sub<tf.Tensor1D>(i, one()));

  const scenes: Record<string, [build: () => Scene, rows: () => tf.Tensor[][]]> = {
    'where a result fails': [
      () => {
        const w = variable([1, 2]);
        const step: Step = (i) => {
          w.assign(tf.mul(w, 2));
          return lookUp(i);
        };
        return { variables: [w], step };
      },
      byIndex,
    ],
    'where what a result is computed from fails': [
      () => {
        const w = variable([1]);
        const step: Step = (i) => {
          w.assign(tf.add(w, 1));
          return tf.mul(tf.add(lookUp(i), 1), w);
        };
        return { variables: [w], step };
      },
      byIndex,
    ],
    'where the value of another variable fails': [
      () => {
        const [a, b, c] = [variable([1]), variable([1]), variable([1])];
        const step: Step = (i) => {
          a.assign(tf.add(a, 1));
          b.assign(lookUp(i));
          c.assign(tf.mul(a, 2));
        };
        return { variables: [a, b, c], step };
      },
      byIndex,
    ],
    'where a check fails': [
      () => {
        const w = variable([1]);
        const step: Step = (x) => {
          w.assign(tf.add(w, 1));
          return assertFinite(tf.log(x), 'logarithm');
        };
        return { variables: [w], step };
      },
      bySign,
    ],
    'where a check of one gradient of two fails': [
      () => {
        const [a, b] = [variable([1]), variable([1])];
        const optimizer = sgd({ learningRate: 0.1 });
        const step: Step = (x) =>
          optimizer.applyGradients([
            { name: a.name, tensor: tf.ones([1]) },
            { name: b.name, tensor: assertFinite(tf.sqrt(x), 'gradient') },
          ]);
        return { variables: [a, b], step };
      },
      bySign,
    ],
    'where the loss fails after a running mean': [
      () => {
        const [w, mean] = [variable([1]), variable([0])];
        const optimizer = sgd({ learningRate: 0.1 });
        const step: Step = (x) => {
          mean.assign(tf.add(tf.mul(mean, 0.9), tf.mul(x, 0.1)));
          const loss = () => tf.sum<tf.Scalar>(assertFinite(tf.log(tf.mul(w, x)), 'logarithm'));
          return optimizer.minimize(loss, true, [w])!;
        };
        return { variables: [w, mean], step };
      },
      bySign,
    ],
    'where an input is no index': [
      () => {
        const w = variable([1, 2, 3]);
        const step: Step = (i) => {
          const picked = tf.gather(w, i);
          w.assign(tf.mul(w, 2));
          return picked;
        };
        return { variables: [w], step };
      },
      byIndex,
    ],
  };
  for (const [name, [build, rows]] of Object.entries(scenes)) {
    itDoesAsEagerCode(name, build, rows, {
      paths: name.endsWith('no index') ? paths : PATHS,
      tolerance: 1e-5,
    });
  }

  it.each(PATHS)('nor the state of an optimizer (%s)', async (path) => {
    const w = variable([1, 2, 3]);
    const optimizer = adam({ learningRate: 0.1 });
    const loss = (i: tf.Tensor) => () => tf.sum<tf.Scalar>(tf.gather(w, tf.sub<tf.Tensor1D>(i, one())));
    const step = compileOn(path, (i) => optimizer.minimize(loss(i), true, [w])!);
    const state = async () => (await optimizer.getWeights()).map(({ tensor }) => values(tensor));
    step.call(index(1));
    step.call(index(2));
    expect(() => step.call(index(9))).toThrow();
    expect(() => step.loop([tf.stack([index(1), index(9), index(2)])])).toThrow();
    const twin = variable([1, 2, 3]);
    const eager = adam({ learningRate: 0.1 });
    for (const row of [0, 1]) eager.minimize(() => tf.sum(tf.gather(twin, index(row))), false, [twin]);
    const wanted = (await eager.getWeights()).map(({ tensor }) => values(tensor));
    expect(await state()).toEqual(wanted.map((of) => of.map((x) => expect.closeTo(x, 5) as number)));
    expect(optimizer.iterations).toBe(2);
    values(w).forEach((x, i) => expect(x).toBeCloseTo(values(twin)[i]!, 5));
  });
});

describe.each(paths)('an exception in the step while it is traced (%s)', (path) => {
  it('leaves weights, counters and random streams as they were; the next call is the first step', () => {
    const w = variable([1]);
    const optimizer = adam({ learningRate: 0.1 });
    const stream = random(3);
    let fails = true;
    const step = compileOn(path, () => {
      const factor = stream.uniform([1], { min: 1, max: 2 });
      optimizer.minimize(() => tf.sum(tf.mul(w, factor)), false, [w]);
      if (fails) throw new Error('boom');
      return w.clone();
    });
    const before = tf.memory().numTensors;
    expect(() => step.call()).toThrow('boom');
    // The two slots of Adam stay.
    expect(tf.memory().numTensors - before).toBe(2);
    expect([values(w)[0], optimizer.iterations, stream.counter.value]).toEqual([1, 0, 0]);
    fails = false;
    expect(values(step.call()[0]!)[0]).toBeCloseTo(0.9, 5);
    expect(optimizer.iterations).toBe(1);
  });

  it('leaves them at a new shape in the middle of a training, too', () => {
    const w = variable([1]);
    const optimizer = adam({ learningRate: 0.1 });
    const step = compileOn(path, (x) => {
      optimizer.minimize(() => tf.sum(tf.mul(w, tf.sum(x))), false, [w]);
      if (x.shape[0] === 3) throw new Error('three');
      return w.clone();
    });
    step.call(tf.ones([2]));
    const [before] = values(step.call(tf.ones([2]))[0]!);
    expect(() => step.call(tf.ones([3]))).toThrow('three');
    expect([values(w)[0], optimizer.iterations]).toEqual([before, 2]);
    step.call(tf.ones([2]));
    expect(values(w)[0]).toBeCloseTo(0.7, 4);
  });

  it('leaves no tensor behind where a loss throws', () => {
    const w = variable([1]);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const step = compileOn(path, () => {
        const loss = (): tf.Scalar => {
          tf.add(w, 1);
          throw new Error('boom');
        };
        return tf.variableGrads(loss, [w]).value;
      });
      expect(() => step.call()).toThrow('boom');
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves no trace of a loss that throws in a later step', () => {
    const w = variable([1]);
    let fails = true;
    const step = compileOn(path, () => {
      const loss = (): tf.Scalar => {
        const value = tf.sum<tf.Scalar>(w);
        if (fails) throw new Error('boom');
        return value;
      };
      return tf.variableGrads(loss, [w]).value;
    });
    expect(() => step.call()).toThrow('boom');
    fails = false;
    expect(values(step.call()[0]!)).toEqual([1]);
  });
});

describe.each(paths)('a schedule that throws (%s)', (path) => {
  it('stops the step before it is taken, in a loop all of its steps', () => {
    const w = variable([1]);
    const learningRate = (step: number): number => {
      if (step === 4) throw new Error('schedule');
      return 0.125;
    };
    const optimizer = sgd({ learningRate });
    const step = compileOn(path, () => optimizer.minimize(() => tf.sum(w), false, [w]) ?? undefined);
    step.loop(2);
    expect(() => step.loop(3)).toThrow('schedule');
    expect([values(w)[0], optimizer.iterations]).toEqual([0.75, 2]);
    step.call();
    expect([values(w)[0], optimizer.iterations]).toEqual([0.625, 3]);
  });
});

describe.each(paths)('inside of tf.tidy (%s)', (path) => {
  it('variables keep what a step gave them, also where the tidy throws', () => {
    const w = variable([1]);
    const step = compileOn(path, () => {
      w.assign(tf.add(w, 1));
      return w.clone();
    });
    const boom = () =>
      tf.tidy(() => {
        step.call();
        throw new Error('boom');
      });
    expect(boom).toThrow('boom');
    expect(values(w)).toEqual([2]);
    tf.tidy(() => void [step.call(), step.call()]);
    expect(values(w)).toEqual([4]);
    expect(values(tf.tidy(() => step.call()[0]!))).toEqual([5]);
  });
});

describe('train()', () => {
  const data = () => ({ inputs: tf.ones([64, 2]), labels: tf.zeros<tf.Rank.R1>([64], 'int32') });
  const boom = (): never => {
    throw new Error('boom');
  };
  const failures: Record<string, Partial<TrainOptions>> = {
    'a loss that throws': { loss: boom },
    'a loss that throws, in eager code': { loss: boom, compiled: false },
    'a loss of the wrong shape': { loss: (outputs) => tf.mul<tf.Scalar>(outputs, 2) },
    'an evaluation that throws': { evaluate: boom },
    'an evaluation that throws in the middle of an epoch': { evaluate: boom, evaluateEvery: 2 },
    'a report of progress that throws': { onProgress: boom },
  };
  it.each(Object.entries(failures))('leaves no tensor behind: %s', async (_, options) => {
    const model = mlp({ sizes: [2, 2], seed: 1 });
    const settings = { model, optimizer: adam(), data: data(), epochs: 1, batchSize: 8 };
    await train(settings);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) await expect(train({ ...settings, ...options })).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Until finalizers have run. */
async function collect(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('memory', () => {
  const training = () => {
    const w = variable([1, 2]);
    const optimizer = adam();
    const step = compileOn('TensorFlow', () => optimizer.minimize(() => tf.sum(w), true, [w])!);
    for (let i = 0; i < 3; i++) tf.dispose(step.call());
    return { w, optimizer, step };
  };
  const cycles: Record<string, () => void> = {
    'a step, disposed before its variables': () => {
      const { w, optimizer, step } = training();
      step.dispose();
      optimizer.dispose();
      w.dispose();
    },
    'a step, disposed after its variables': () => {
      const { w, optimizer, step } = training();
      w.dispose();
      optimizer.dispose();
      step.dispose();
    },
    'a step that nobody disposes': () => {
      const { w, optimizer } = training();
      optimizer.dispose();
      w.dispose();
    },
    'a trace that fails': () => {
      const w = variable([1, 2]);
      const step = compileOn('TensorFlow', () => {
        w.assign(tf.add(w, 1));
        throw new Error('boom');
      });
      expect(() => step.call()).toThrow('boom');
      step.dispose();
      w.dispose();
    },
    'a call that fails': () => {
      const w = variable([1, 2]);
      const step = compileOn('TensorFlow', (i) => {
        w.assign(tf.add(w, 1));
        return tf.gather(w, i);
      });
      const [good, bad] = [index(0), index(5)];
      tf.dispose(step.call(good));
      expect(() => step.call(bad)).toThrow();
      tf.dispose([good, bad, w]);
      step.dispose();
    },
    'an average': () => {
      const w = variable([1, 2]);
      const average = new WeightAverage([w]);
      const step = compileOn('TensorFlow', () => {
        w.assign(tf.add(w, 1));
        average.update();
      });
      step.call();
      average.use(() => values(w));
      step.call();
      step.dispose();
      average.dispose();
      w.dispose();
    },
  };
  it.each(Object.entries(cycles))('is free again after %s', async (_, cycle) => {
    const { binding } = nativeBackend();
    const measure = () => [tf.memory().numTensors, binding.getNumOfTensors(), binding.getNumOfSavedModels()];
    for (let i = 0; i < 3; i++) cycle();
    await collect();
    const before = measure();
    for (let i = 0; i < 8; i++) cycle();
    await collect();
    measure().forEach((count, i) => expect(count).toBeLessThanOrEqual(before[i]!));
  });

  it('is read after the step that knew the value was collected', async () => {
    const w = variable([1, 2]);
    (() => {
      const step = compileOn('TensorFlow', () => w.assign(tf.add(w, 1)));
      step.call();
      step.call();
    })();
    await collect();
    expect(values(w)).toEqual([3, 4]);
  });

  it.each(paths)('may be collected after every step (%s)', (path) => {
    const w = variable([0]);
    const step = compileOn(path, (x) => {
      w.assign(tf.add(w, x));
      return w.clone();
    });
    for (let i = 0; i < 20; i++) {
      tf.tidy(() => void step.call(tf.tensor1d([1])));
      collectGarbage();
    }
    expect(values(w)).toEqual([20]);
  });

  it.each(paths)('holds one variable of many at a reading: the others stay where they are (%s)', (path) => {
    const variables = Array.from({ length: 50 }, () => variable([1]));
    const step = compileOn(path, () => {
      for (const each of variables) each.assign(tf.add(each, 1));
    });
    step.call();
    values(variables[0]!);
    const { binding } = nativeBackend();
    const run = vi.spyOn(binding, 'runSavedModel');
    step.call();
    run.mockClear();
    expect(values(variables[7]!)).toEqual([3]);
    const fetched = run.mock.calls.reduce((sum, [, , , fetches]) => sum + fetches.split(',').length, 0);
    run.mockRestore();
    expect(fetched).toBeLessThan(5);
  });
});
