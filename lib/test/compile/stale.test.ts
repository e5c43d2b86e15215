/** What JavaScript holds may change after a step was compiled; then the step follows, or says that it cannot. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CompileError, type CompileOptions } from '../../src/compile';
import {
  adam,
  adaFactor,
  adaX,
  amos,
  lamb,
  lion,
  mixed,
  rmsProp,
  sgd,
  signum,
  tiger,
} from '../../src/optimizers';
import { fed, tf } from '../../src/runtime';
import { compileOn, isClose, paths, values, variable, type Step } from './paths';

afterEach(() => tf.disposeVariables());

interface Scene {
  readonly step: Step;
  readonly variables?: readonly tf.Variable[];
  /** What happens in JavaScript after the second call. */
  readonly change: () => void;
}

interface Demand {
  /** Whether the step has to follow; otherwise it may also be refused. */
  readonly mustFollow?: boolean;
  readonly options?: CompileOptions;
}

/** Every call is compared with an eager run. */
const VERIFIED: CompileOptions = { verify: 'always' };

/** Tests that the step does what eager code does, before the change and after it, or is refused after it. */
function itIsNotStale(name: string, build: () => Scene, { mustFollow, options }: Demand = {}): void {
  it.each(paths.flatMap((path) => [1, 2].map((count) => [path, count] as const)))(
    `${name} (%s, calls of %i)`,
    (path, count) => {
      const [eager, compiled] = [build(), build()];
      const step = compileOn(path, compiled.step, options);
      for (let call = 0; call < 4; call++) {
        if (call === 2) for (const { change } of [eager, compiled]) change();
        const wanted = Array.from({ length: count }, () => resultsOf(eager.step()));
        const given = attempt(() =>
          count === 1 ? [step.call().flatMap(values)] : rowsOf(step.loop(count), count),
        );
        if (given instanceof CompileError && call >= 2 && !mustFollow) return;
        if (given instanceof Error) throw given;
        const all = (numbers: number[][], scene: Scene) => [
          ...numbers.flat(),
          ...(scene.variables ?? []).flatMap(values),
        ];
        expectClose(all(given, compiled), all(wanted, eager), `call ${call}`);
      }
    },
  );
}

function resultsOf(result: ReturnType<Step>): number[] {
  if (!result) return [];
  return (result instanceof tf.Tensor ? [result] : result).flatMap(values);
}

const rowsOf = (results: readonly tf.Tensor[], count: number): number[][] =>
  Array.from({ length: count }, (_, i) => results.flatMap((result) => values(tf.unstack(result)[i]!)));

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}

function expectClose(given: readonly number[], wanted: readonly number[], what: string): void {
  const isRight = given.length === wanted.length && given.every((x, i) => isClose(x, wanted[i]!, 1e-5));
  if (!isRight) expect(given, what).toEqual(wanted);
}

/** Gradient 1 for two weights, which are compared. */
function training<T extends tf.Optimizer>(make: () => T, change: (optimizer: T) => void): () => Scene {
  return () => {
    const weights = variable([0, 0]);
    const optimizer = make();
    const step = () => optimizer.minimize(() => tf.sum(weights), true, [weights])!;
    return { step, variables: [weights], change: () => change(optimizer) };
  };
}

const set =
  (name: string, value: unknown) =>
  (optimizer: object): void =>
    void Object.assign(optimizer, { [name]: value });

describe('the hyperparameters of an optimizer of TensorFlow.js', () => {
  itIsNotStale(
    'adam.learningRate',
    training(() => tf.train.adam(0.1), set('learningRate', 1e-3)),
  );
  itIsNotStale(
    'adam.beta1',
    training(() => tf.train.adam(0.1), set('beta1', 0.1)),
  );
  itIsNotStale(
    'adamax.learningRate',
    training(() => tf.train.adamax(0.1), set('learningRate', 1e-3)),
  );
  itIsNotStale(
    'rmsprop.learningRate',
    training(() => tf.train.rmsprop(0.1), set('learningRate', 1e-3)),
  );
  itIsNotStale(
    'adagrad.learningRate',
    training(() => tf.train.adagrad(0.1), set('learningRate', 1e-3)),
  );
  itIsNotStale(
    'adadelta.learningRate',
    training(() => tf.train.adadelta(10), set('learningRate', 100)),
  );
  itIsNotStale(
    'momentum.setMomentum()',
    training(
      () => tf.train.momentum(0.1, 0.9),
      (optimizer) => optimizer.setMomentum(0),
    ),
  );
  itIsNotStale(
    'sgd.setLearningRate()',
    training(
      () => tf.train.sgd(0.1),
      (optimizer) => optimizer.setLearningRate(1e-3),
    ),
    { mustFollow: true },
  );
  itIsNotStale(
    'momentum.setLearningRate()',
    training(
      () => tf.train.momentum(0.1, 0.9),
      (optimizer) => optimizer.setLearningRate(1e-3),
    ),
    { mustFollow: true },
  );

  itIsNotStale('adam.learningRate as a part of mixed()', () => {
    const part = tf.train.adam(0.1);
    return training(
      () => mixed([{ optimizer: part }]),
      () => set('learningRate', 1e-3)(part),
    )();
  });
});

describe('the learning rate of an optimizer of liandan', () => {
  const all = { adam, adaFactor, adaX, amos, lamb, lion, rmsProp, sgd, signum, tiger };
  for (const [name, make] of Object.entries(all)) {
    itIsNotStale(
      `${name}.setLearningRate()`,
      training(
        () => make({ learningRate: 0.1 }),
        (optimizer) => optimizer.setLearningRate(1e-3),
      ),
      { mustFollow: true },
    );
  }

  itIsNotStale(
    'as a part of mixed()',
    () => {
      const part = adam({ learningRate: 0.1 });
      return training(
        () => mixed([{ optimizer: part }]),
        () => part.setLearningRate(1e-3),
      )();
    },
    { mustFollow: true },
  );

  itIsNotStale(
    'as iterations that start anew',
    training(
      () => adam({ learningRate: 0.1 }),
      (optimizer) => (optimizer.iterations = 0),
    ),
    { mustFollow: true },
  );
});

describe('which variables are trained', () => {
  /** Two weights with gradient 1, of which those that are trainable move. */
  const withTwo = (isTrainable: boolean, change: (second: tf.Variable) => void) => (): Scene => {
    const [first, second] = [variable([1]), variable([1])];
    second.trainable = isTrainable;
    const optimizer = sgd({ learningRate: 0.1 });
    // Of no other test.
    const own = () => [first, second].filter(({ trainable }) => trainable);
    const step = () => optimizer.minimize(() => tf.sum(tf.add(first, second)), true, own())!;
    return { step, variables: [first, second], change: () => change(second) };
  };
  itIsNotStale(
    'more, once one is trainable',
    withTwo(false, (second) => (second.trainable = true)),
  );
  itIsNotStale(
    'fewer, once one is not',
    withTwo(true, (second) => (second.trainable = false)),
  );

  itIsNotStale('more, once a layer is unfrozen', () => {
    const useBias = false;
    const body = tf.layers.dense({ units: 2, inputShape: [2], useBias, kernelInitializer: 'ones' });
    const head = tf.layers.dense({ units: 1, useBias, kernelInitializer: 'ones' });
    const model = tf.sequential({ layers: [body, head] });
    const x = tf.ones([2, 2]);
    // The first apply of a tf.sequential makes every layer trainable again.
    model.apply(x);
    body.trainable = false;
    const optimizer = sgd({ learningRate: 0.01 });
    const weights = () => model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const step = () => optimizer.minimize(() => tf.mean(model.apply(x) as tf.Tensor), true, weights())!;
    const variables = model.getWeights() as tf.Variable[];
    return { step, variables, change: () => (body.trainable = true) };
  });

  itIsNotStale('more, once another one was made', () => {
    const weights = [variable([1])];
    const optimizer = tf.train.sgd(0.1);
    // Of all variables that there are, those that the loss uses.
    const step = () => optimizer.minimize(() => tf.addN(weights.map((w) => tf.sum<tf.Scalar>(w))), true)!;
    return { step, variables: weights, change: () => weights.push(variable([5])) };
  });

  itIsNotStale(
    'the same, when a variable was made that the step does not use',
    () => {
      const weights = variable([1]);
      const step = () => weights.assign(tf.add(weights, 1));
      return { step: () => void step(), variables: [weights], change: () => void variable([5]) };
    },
    { mustFollow: true },
  );
});

describe('values that a step that is always verified takes from JavaScript', () => {
  const verified = { options: VERIFIED };

  itIsNotStale(
    'a number in an object',
    () => {
      const settings = { weight: 1 };
      return { step: () => tf.mul(tf.scalar(2), settings.weight), change: () => (settings.weight = 10) };
    },
    verified,
  );

  itIsNotStale(
    'a weight in the loss',
    () => {
      let weight = 0;
      const w = variable([1]);
      const optimizer = sgd({ learningRate: 0.1 });
      const loss = () => tf.add(tf.sum(w), tf.mul(weight, tf.sum(tf.square(w)))).asScalar();
      const step = () => optimizer.minimize(loss, true, [w])!;
      return { step, variables: [w], change: () => (weight = 1) };
    },
    verified,
  );

  itIsNotStale(
    'a flag',
    () => {
      const state = { isTraining: true };
      const x = tf.scalar(2);
      return {
        step: () => (state.isTraining ? tf.mul(x, 2) : tf.mul(x, 3)),
        change: () => (state.isTraining = false),
      };
    },
    verified,
  );

  itIsNotStale(
    'a tensor that is replaced',
    () => {
      const state = { mask: tf.scalar(1) };
      return { step: () => tf.mul(state.mask, 2), change: () => (state.mask = tf.scalar(10)) };
    },
    verified,
  );

  itIsNotStale(
    'an array that is filled again',
    () => {
      const numbers = [1, 2];
      return { step: () => tf.mul(tf.tensor1d(numbers), 2), change: () => (numbers[0] = 10) };
    },
    verified,
  );
});

describe('values that follow in any step', () => {
  itIsNotStale(
    'those of fed()',
    () => {
      let weight = 1;
      return {
        step: () =>
          tf.mul(
            fed(() => weight),
            2,
          ),
        change: () => (weight = 10),
      };
    },
    { mustFollow: true },
  );

  itIsNotStale('a captured tensor that is replaced and disposed', () => {
    const state = { mask: tf.scalar(1) };
    return {
      step: () => tf.mul(state.mask, 2),
      change: () => {
        state.mask.dispose();
        state.mask = tf.scalar(10);
      },
    };
  });
});

describe('a step that asks for the time', () => {
  afterEach(() => vi.useRealTimers());

  it.each<[string, () => number]>([
    ['Date.now', () => Date.now()],
    ['new Date', () => new Date().getTime()],
    ['performance.now', () => performance.now()],
  ])('is refused, whatever the clock shows: %s', (_, time) => {
    for (const isStopped of [false, true]) {
      if (isStopped) vi.useFakeTimers({ toFake: ['Date', 'performance'] });
      const step = compileOn('TensorFlow', (x) => tf.mul(x, time()));
      expect(() => step.call(tf.scalar(1))).toThrow(CompileError);
    }
  });
});
