/** Variables and tensors that share data stay apart for a compiled step. */
import { afterEach, describe, expect, it } from 'vitest';
import { adam, sgd, WeightAverage } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { compileOn, itDoesAsEagerCode, paths, values, variable, type Scene, type Step } from './paths';

afterEach(() => tf.disposeVariables());

const rows = () => Array.from({ length: 10 }, (_, t) => [tf.tensor1d([1 + (t % 4) / 4])]);
const calls = () => Array.from({ length: 5 }, () => []);

/** Weights and a copy, both assigned from outside in between: a restored checkpoint, say. */
function assignedInBetween(step: Scene['step'], variables: readonly tf.Variable[]): Scene {
  return {
    step,
    variables,
    before: {
      4: () => variables[0]!.assign(tf.tensor1d([10])),
      7: () => variables[1]!.assign(tf.tensor1d([-10])),
    },
  };
}

const optimizers: Record<string, () => tf.Optimizer> = {
  'SGD, which has no slots': () => sgd({ learningRate: 0.1 }),
  'Adam, which creates slots at its first step': () => adam({ learningRate: 0.1 }),
  'Adam of TensorFlow.js': () => tf.train.adam(0.1),
};

describe('a target network that is copied from the weights after the step', () => {
  for (const [name, make] of Object.entries(optimizers)) {
    for (const targetFirst of [false, true]) {
      itDoesAsEagerCode(
        `beside ${name}${targetFirst ? ', registered first' : ''}`,
        () => {
          const first = variable([targetFirst ? 5 : 1]);
          const second = variable([targetFirst ? 1 : 5]);
          const [weights, target] = targetFirst ? [second, first] : [first, second];
          const optimizer = make();
          const loss = (x: tf.Tensor) => () =>
            tf.sum<tf.Scalar>(tf.square(tf.sub(tf.mul(weights, x), target)));
          const step: Scene['step'] = (x) => {
            const value = optimizer.minimize(loss(x), true, [weights])!;
            target.assign(weights);
            return value;
          };
          return assignedInBetween(step, [weights, target]);
        },
        rows,
        { tolerance: 1e-4 },
      );
    }
  }
});

describe('variables that a step assigns from one tensor', () => {
  itDoesAsEagerCode(
    'are slow and fast weights (look-ahead)',
    () => {
      const [fast, slow] = [variable([1]), variable([2])];
      const step: Scene['step'] = (x) => {
        const nextFast = tf.sub(fast, tf.mul(0.1, x));
        const nextSlow = tf.add(slow, tf.mul(0.5, tf.sub(nextFast, slow)));
        slow.assign(nextSlow);
        fast.assign(nextSlow);
        return tf.sum(tf.sub(nextFast, slow));
      };
      return assignedInBetween(step, [fast, slow]);
    },
    rows,
  );

  itDoesAsEagerCode(
    'are an average with decay 0',
    () => {
      const weights = variable([1]);
      const average = new WeightAverage([weights], { decay: 0 });
      const optimizer = adam({ learningRate: 0.1 });
      const step: Scene['step'] = (x) => {
        const loss = () => tf.sum<tf.Scalar>(tf.square(tf.sub(tf.mul(weights, x), 3)));
        const value = optimizer.minimize(loss, true, [weights])!;
        average.update();
        return value;
      };
      return assignedInBetween(step, [weights, average.of(weights) as tf.Variable]);
    },
    rows,
    { tolerance: 1e-4 },
  );

  itDoesAsEagerCode(
    'are the input, which is also returned',
    () => {
      const variables = [variable([1]), variable([2])];
      return {
        variables,
        step: (x) => {
          for (const each of variables) each.assign(x);
          return x;
        },
      };
    },
    rows,
  );
});

describe('variables that share data before the first call', () => {
  itDoesAsEagerCode(
    'because one was assigned from the other',
    () => {
      const [a, b] = [variable([1]), variable([2])];
      a.assign(b);
      return {
        variables: [a, b],
        before: { 3: () => b.assign(a), 4: () => a.assign(b) },
        step: (x) => {
          a.assign(tf.add(a, x));
          return tf.sub(a, b);
        },
      };
    },
    rows,
  );

  itDoesAsEagerCode(
    'because they were made from one tensor',
    () => {
      const initial = tf.tensor1d([3]);
      const [a, b] = [tf.variable(initial), tf.variable(initial)];
      return {
        variables: [a, b],
        step: (x) => {
          b.assign(tf.mul(b, x));
          return tf.add(tf.add(a, b), initial);
        },
      };
    },
    rows,
  );
});

describe('each recording of a step starts from the same state', () => {
  itDoesAsEagerCode(
    'so that a position in a variable does not run past its table',
    () => {
      const table = tf.tensor1d([10, 20, 30, 40, 50]);
      const position = variable(0, 'int32');
      return {
        variables: [position],
        step: () => {
          const found = tf.gather(table, position);
          position.assign(tf.add(position, tf.scalar(1, 'int32')));
          return found;
        },
      };
    },
    calls,
    { paths: ['TensorFlow', 'oneDNN', 'default'] },
  );

  it.each(['TensorFlow', 'oneDNN', 'default'] as const)(
    'also where a new shape comes at the last row of the table (%s)',
    (path) => {
      const table = tf.tensor1d([10, 20, 30]);
      const position = variable(0, 'int32');
      const step = compileOn(path, (x) => {
        const found = tf.mul(tf.gather(table, position), x);
        position.assign(tf.add(position, tf.scalar(1, 'int32')));
        return found;
      });
      const inputs = [tf.scalar(1), tf.scalar(1), tf.ones([1])];
      expect(inputs.flatMap((x) => step.call(x).flatMap(values))).toEqual([10, 20, 30]);
      expect(values(position)).toEqual([3]);
    },
  );
});

describe.each(paths)('inputs that are shared (%s)', (path) => {
  const make = () => {
    const w = variable([1, 2]);
    const step = compileOn(path, (a, b) => {
      w.assign(tf.add(a, 1));
      return tf.add(tf.mul(a, 10), b);
    });
    step.call(tf.tensor1d([1, 1]), tf.tensor1d([5, 5]));
    return { w, call: (a: tf.Tensor, b: tf.Tensor) => values(step.call(a, b)[0]!) };
  };

  it('may be the same tensor twice, which stays as it is', () => {
    const { w, call } = make();
    const x = tf.tensor1d([3, 4]);
    expect(call(x, x)).toEqual([33, 44]);
    expect([x, w].map(values)).toEqual([
      [3, 4],
      [4, 5],
    ]);
  });

  it('may be a variable, whose value at the call counts', () => {
    const { w, call } = make();
    w.assign(tf.tensor1d([4, 5]));
    expect(call(w, tf.zeros([2]))).toEqual([40, 50]);
    expect(call(w, w)).toEqual([55, 66]);
    expect(values(w)).toEqual([6, 7]);
  });

  it('may be a clone or a view beside its variable, which keep their values', () => {
    const { w, call } = make();
    w.assign(tf.tensor1d([6, 7]));
    const [clone, view] = [w.clone(), w.reshape([2])];
    expect(call(clone, w)).toEqual([66, 77]);
    expect(call(view, w)).toEqual([67, 78]);
    expect([clone, view].map(values)).toEqual([
      [6, 7],
      [6, 7],
    ]);
  });
});

describe.each(paths)('results are tensors of their own (%s)', (path) => {
  it('where the step returns an input or a variable', () => {
    const w = variable([1]);
    const step = compileOn(path, (x) => [x, w]);
    const x = tf.tensor1d([7]);
    const [sameInput, sameVariable] = step.call(x);
    x.dispose();
    w.assign(tf.tensor1d([100]));
    expect([sameInput!, sameVariable!].map(values)).toEqual([[7], [1]]);
    sameVariable!.dispose();
    expect(values(w)).toEqual([100]);
  });

  it('where the step assigns its input', () => {
    const w = variable([1]);
    const step = compileOn(path, (x) => {
      w.assign(x);
      return w.clone();
    });
    const x = tf.tensor1d([7]);
    const [first] = step.call(x);
    x.dispose();
    expect([w, first!].map(values)).toEqual([[7], [7]]);
    const [second] = step.call(tf.tensor1d([8]));
    tf.dispose([first!, second!]);
    expect(values(w)).toEqual([8]);
  });

  it('where it returns one tensor several times', () => {
    const w = variable([1]);
    const step = compileOn(path, () => {
      const old = w.clone();
      w.assign(tf.add(w, 1));
      return [old, w.clone(), w, old];
    });
    const first = step.call();
    expect(first.flatMap(values)).toEqual([1, 2, 2, 1]);
    first[0]!.dispose();
    expect(values(first[3]!)).toEqual([1]);
    expect(step.call().flatMap(values)).toEqual([2, 3, 3, 2]);
    expect(first.slice(1).flatMap(values)).toEqual([2, 2, 1]);
  });
});

describe.each(paths)('several steps on the same variables (%s)', (path) => {
  it('feed each other, also after one was disposed', () => {
    const [a, b] = [variable([1]), variable([10])];
    const first = compileOn(path, () => a.assign(tf.add(a, b)));
    const second = compileOn(path, () => b.assign(tf.add(a, b)));
    let [p, q] = [1, 10];
    const turn = () => {
      first.call();
      second.call();
      p += q;
      q += p;
    };
    for (let i = 0; i < 3; i++) turn();
    expect([a, b].flatMap(values)).toEqual([p, q]);
    first.dispose();
    turn();
    second.dispose();
    turn();
    expect([a, b].flatMap(values)).toEqual([p, q]);
  });

  it('share state between the shapes of one step', () => {
    const total = variable([1]);
    const step = compileOn(path, (x) => {
      total.assign(tf.add(total, tf.sum(x)));
    });
    for (const size of [2, 3, 2]) step.call(tf.ones([size]));
    expect(values(total)).toEqual([8]);
    total.assign(tf.tensor1d([0]));
    step.call(tf.ones([3]));
    expect(values(total)).toEqual([3]);
  });
});

describe('steps on different kernels and eager code', () => {
  it.each([false, true])('take turns on the same variables (reading in between: %s)', (reads) => {
    const [a, b] = [variable([1]), variable([2])];
    let [p, q] = [1, 2];
    const body: Step = (x) => {
      const old = a.clone();
      a.assign(tf.add(b, x));
      b.assign(tf.mod(tf.add(b, old), 16));
      return a.clone();
    };
    const model = (x: number) => ([p, q] = [q + x, (q + p) % 16]);
    const steps = [...paths, 'default' as const].map((path) => compileOn(path, body));
    for (let turn = 0; turn < 3; turn++) {
      for (const step of steps) {
        expect(values(step.call(tf.tensor1d([turn]))[0]!)).toEqual([model(turn)[0]]);
        if (reads) expect([a, b].flatMap(values)).toEqual([p, q]);
        expect(values(step.loop([tf.tensor2d([[1], [2]])])[0]!)).toEqual([model(1)[0], model(2)[0]]);
      }
      tf.tidy(() => void body(tf.tensor1d([3])));
      model(3);
    }
    expect([a, b].flatMap(values)).toEqual([p, q]);
  });

  it.each(paths)('do not mix up what two steps with the same operations hold (%s)', (path) => {
    const large = (value: number) => Float32Array.from({ length: 20_000 }, (_, i) => value + (i % 2));
    const held = [1, 5].map((value) => tf.tensor1d(large(value)));
    const steps = [1, 5].map((value, k) =>
      compileOn(path, (x) => tf.mul(x, tf.add(tf.max(tf.tensor1d(large(value))), tf.max(held[k]!)))),
    );
    const call = (k: number) => values(steps[k]!.call(tf.scalar(1))[0]!)[0];
    expect([call(0), call(1), call(0)]).toEqual([4, 12, 4]);
    steps[0]!.dispose();
    expect([call(1), call(0), call(1)]).toEqual([12, 4, 12]);
  });
});
