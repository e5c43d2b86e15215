/** What a step does to JavaScript while it runs happens at each call, or the step is refused. */
import { afterEach, describe, expect, it } from 'vitest';
import { compile, CompileError } from '../../src/compile';
import { adam, schedules, sgd } from '../../src/optimizers';
import { fed, StepCounter, tf } from '../../src/runtime';
import { compileOn, isClose, paths, values, variable, type Step } from './paths';

afterEach(() => tf.disposeVariables());

/** A step, and what it has to have done to variables and JavaScript in the end. */
interface Scene {
  readonly step: Step;
  readonly outcome?: () => readonly number[];
}

/** Tests that calls and loops of the step do what eager code does, as long as they are not refused. */
function itDoesOrIsRefused(name: string, build: () => Scene): void {
  const input = () => tf.tensor1d([10]);
  const seen = (result: ReturnType<Step>) =>
    !result ? [] : (result instanceof tf.Tensor ? [result] : [...result]).flatMap(values);
  const all = paths.flatMap((path) =>
    [false, true].map((loops) => [path, loops ? 'loop' : 'calls'] as const),
  );
  it.each(all)(`${name} (%s, %s)`, (path, kind) => {
    const [eager, compiled] = [build(), build()];
    const wanted = [1, 2, 3, 4].flatMap(() => seen(eager.step(input())));
    const step = compileOn(path, compiled.step);
    let given: number[];
    try {
      if (kind === 'calls') {
        given = [1, 2, 3, 4].flatMap(() => step.call(input()).flatMap(values));
      } else {
        const results = step.loop([tf.stack([1, 2, 3, 4].map(input))]);
        given = [0, 1, 2, 3].flatMap((i) => results.flatMap((result) => values(tf.unstack(result)[i]!)));
      }
    } catch (error) {
      return expect(error).toBeInstanceOf(CompileError);
    }
    const [numbers, expected] = [
      [...given, ...(compiled.outcome?.() ?? [])],
      [...wanted, ...(eager.outcome?.() ?? [])],
    ];
    const isRight =
      numbers.length === expected.length && numbers.every((x, i) => isClose(x, expected[i]!, 1e-5));
    if (!isRight) expect(numbers).toEqual(expected);
  });
}

describe('an optimizer that the step changes', () => {
  itDoesOrIsRefused('by setLearningRate()', () => {
    const w = variable([0]);
    const optimizer = sgd({ learningRate: 1 });
    let calls = 0;
    const step = () => {
      optimizer.setLearningRate(1 / ++calls);
      optimizer.minimize(() => tf.sum(w), false, [w]);
      return w.clone();
    };
    return { step, outcome: () => values(w) };
  });

  itDoesOrIsRefused('by iterations that start anew', () => {
    const w = variable([0]);
    const optimizer = adam({ learningRate: schedules.linear({ from: 1, to: 0, steps: 4 }) });
    const step = () => {
      optimizer.iterations = 0;
      optimizer.minimize(() => tf.sum(w), false, [w]);
    };
    return { step, outcome: () => [...values(w), optimizer.iterations] };
  });

  itDoesOrIsRefused('of TensorFlow.js, by its learning rate', () => {
    const w = variable([0]);
    const optimizer = tf.train.adam(1);
    const step = () => {
      Object.assign(optimizer, { learningRate: 1 / (1 + optimizer.iterations) });
      optimizer.minimize(() => tf.sum(w), false, [w]);
    };
    return { step, outcome: () => values(w) };
  });
});

describe('a number of JavaScript that the step reads', () => {
  const optimizers = { liandan: () => sgd({ learningRate: 1 }), 'TensorFlow.js': () => tf.train.adam(1) };
  for (const [name, make] of Object.entries(optimizers)) {
    itDoesOrIsRefused(`from the iterations of an optimizer of ${name}`, () => {
      const w = variable([0]);
      const optimizer: { iterations: number } & tf.Optimizer = make();
      const step = () => {
        const loss = tf.mul(tf.sum(w), optimizer.iterations);
        optimizer.minimize(() => tf.sum(w), false, [w]);
        return loss;
      };
      return { step, outcome: () => [...values(w), optimizer.iterations] };
    });
  }

  itDoesOrIsRefused('from a counter that it assigns', () => {
    const counter = new StepCounter();
    const step: Step = (x) => {
      counter.value += 10;
      counter.advance();
      return tf.mul(
        x,
        fed(() => counter.value),
      );
    };
    return { step, outcome: () => [counter.value] };
  });

  itDoesOrIsRefused('from a function for fed() that takes a step itself', () => {
    const w = variable([0]);
    const inner = compile(() => w.assign(tf.add(w, 10)));
    const produce = () => {
      inner();
      return 2;
    };
    const step = () => {
      w.assign(tf.add(w, fed(produce)));
      return w.clone();
    };
    return { step, outcome: () => values(w) };
  });

  itDoesOrIsRefused('from a variable, in a function for fed()', () => {
    const w = variable([1]);
    const step = () => {
      w.assign(
        tf.add(
          w,
          fed(() => values(w)[0]!),
        ),
      );
      return w.clone();
    };
    return { step, outcome: () => values(w) };
  });

  itDoesOrIsRefused('as an attribute that changes from one infinity to the other', () => {
    let calls = 0;
    return { step: () => tf.leakyRelu(tf.tensor1d([-1]), ++calls % 2 ? Infinity : -Infinity) };
  });
});

describe('what the step does at its first call only', () => {
  /** Beside an optimizer, which creates slots at the first call and so has the step recorded once more. */
  const beside =
    (first: (x: tf.Tensor, w: tf.Variable, calls: number) => tf.Tensor) =>
    (hasSlots: boolean) =>
    (): Scene => {
      const w = variable([0]);
      const optimizer = hasSlots ? adam({ learningRate: 0.5 }) : sgd({ learningRate: 0.5 });
      let calls = 0;
      const step: Step = (x) => {
        const result = first(x, w, ++calls);
        optimizer.minimize(() => tf.sum(w), false, [w]);
        return [result, w.clone()];
      };
      return { step, outcome: () => values(w) };
    };
  const cases = {
    'weights that it takes from the data': beside((x, w, calls) => {
      if (calls === 1) w.assign(x);
      return tf.add(w, 1);
    }),
    'another result': beside((x, _, calls) => (calls === 1 ? tf.mul(x, 100) : x)),
    'another operation': beside((x, w, calls) => (calls === 1 ? tf.exp(w) : tf.add(x, w))),
  };
  for (const [name, of] of Object.entries(cases)) {
    for (const hasSlots of [false, true])
      itDoesOrIsRefused(`${name}${hasSlots ? ', beside new slots' : ''}`, of(hasSlots));
  }
  let masks: tf.Tensor[] = [];
  afterEach(() => {
    tf.dispose(masks);
    masks = [];
  });
  itDoesOrIsRefused('a tensor that it keeps, beside new slots', () => {
    const w = variable([0]);
    const optimizer = adam({ learningRate: 0.5 });
    let mask: tf.Tensor | undefined;
    const step: Step = (x) => {
      masks.push((mask ??= tf.keep(tf.mul(x, 2))));
      optimizer.minimize(() => tf.sum(w), false, [w]);
      return tf.mul(x, mask);
    };
    return { step };
  });
});

describe.each(paths)('a compiled step within another one (%s)', (path) => {
  it('goes on from where it was left when it was called alone', () => {
    const w = variable([0]);
    const inner = compile(() => {
      w.assign(tf.add(w, 1));
      return w.clone();
    });
    const outer = compileOn(path, () => {
      const between = inner();
      w.assign(tf.mul(w, 2));
      return [between, w.clone()];
    });
    inner();
    inner();
    expect(outer.call().flatMap(values)).toEqual([3, 6]);
    inner();
    expect(outer.call().flatMap(values)).toEqual([8, 16]);
    expect(values(w)).toEqual([16]);
  });

  it('has gradients there', () => {
    const inner = compile((x: tf.Tensor) => tf.mul(x, tf.square(x)));
    const outer = compileOn(path, (x) => tf.grad((y) => tf.sum(inner(y)))(x));
    expect(values(outer.call(tf.tensor1d([1, 2]))[0]!)).toEqual([3, 12]);
  });
});

describe.each(paths)('reading that waits while steps go on (%s)', (path) => {
  const counting = () => {
    const w = variable([1]);
    const step = compileOn(path, () => w.assign(tf.add(w, 1)));
    step.call();
    return { w, step };
  };

  it('gives the value at the time it was asked for', async () => {
    const { w, step } = counting();
    const [data, array] = [w.data(), w.array()];
    step.call();
    expect([Array.from(await data), await array]).toEqual([[2], [2]]);
    expect(values(w)).toEqual([3]);
  });

  it('gives it also after the variable was assigned or disposed', async () => {
    const { w, step } = counting();
    const first = w.data();
    w.assign(tf.tensor1d([50]));
    step.call();
    const second = w.data();
    w.dispose();
    expect([Array.from(await first), Array.from(await second)]).toEqual([[2], [51]]);
  });
});
