import { afterEach, describe, expect, it } from 'vitest';
import { lion, schedules, sgd, stateBytes } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { expectClose, stateOf, step, values, variable } from './support';

afterEach(() => tf.disposeVariables());

const at = (name: string, value = 1) => variable(name, [1], [value]);
const theta = (of: ReturnType<typeof at>): number => values(of)[0] as number;

describe('parameter groups', () => {
  it('the first group that matches wins, by expression, name, predicate or list of them', () => {
    const optimizer = sgd({
      learningRate: 0.5,
      groups: [
        { match: /kernel/, learningRate: 0.25 },
        { match: [/never/, 'output/kernel', 'gain'], learningRate: 0.125 },
        { match: ({ shape, name }) => shape.length === 1 && name.startsWith('b'), learningRate: 0 },
      ],
    });
    const [kernel, gain, bias, other] = [at('output/kernel'), at('gain'), at('bias'), at('other')];
    step(
      optimizer,
      [kernel, gain, bias, other].map((of) => [of, [1]] as const),
    );
    expect([kernel, gain, bias, other].map(theta)).toEqual([0.75, 0.875, 1, 0.5]);
  });

  it('a group keeps what it does not override, schedules included', () => {
    const optimizer = sgd({
      learningRate: schedules.linear({ from: 0.5, steps: 2 }),
      weightDecay: 0.5,
      groups: [
        { match: 'free', weightDecay: 0 },
        { match: 'fast', learningRate: schedules.constant(1) },
      ],
    });
    const [free, fast, plain] = [at('free'), at('fast'), at('plain')];
    for (let count = 0; count < 2; count++)
      step(
        optimizer,
        [free, fast, plain].map((of) => [of, [0.5]] as const),
      );
    // free: 1 − 0.5·0.5 = 0.75, − 0.25·0.5 = 0.625; fast: 1 − (0.5 + 0.5) = 0, − 0.5 = −0.5;
    // plain: 1 − 0.5(0.5 + 0.5) = 0.5, − 0.25(0.5 + 0.25) = 0.3125
    expect([free, fast, plain].map(theta)).toEqual([0.625, -0.5, 0.3125]);
    expect(optimizer.settingsFor(free)).toMatchObject({ weightDecay: 0 });
    expect(optimizer.settingsFor(fast)).toMatchObject({ weightDecay: 0.5 });
  });

  it('excluded parameters do not decay, whatever their group says', () => {
    const optimizer = sgd({
      learningRate: 0.5,
      weightDecay: 0.5,
      excludeFromWeightDecay: [/bias/, ({ name }) => name === 'gain'],
      groups: [{ match: /bias/, learningRate: 0.25, weightDecay: 4 }],
    });
    const [bias, gain, kernel] = [at('bias'), at('gain'), at('kernel')];
    step(
      optimizer,
      [bias, gain, kernel].map((of) => [of, [1]] as const),
    );
    expect([bias, gain, kernel].map(theta)).toEqual([0.75, 0.5, 0.25]);
    expect(optimizer.settingsFor(bias).weightDecay).toBe(0);
  });

  it('decide on the state as well', async () => {
    const optimizer = sgd({ momentum: 0.5, groups: [{ match: /bias/, momentum: 0 }] });
    const [kernel, bias] = [at('kernel'), at('bias')];
    step(optimizer, [
      [kernel, [1]],
      [bias, [1]],
    ]);
    expect(Object.keys(await stateOf(optimizer))).toEqual(['iter', 'kernel/velocity']);
    expect(stateBytes(optimizer, [kernel, bias])).toBe(4);
    expect(stateBytes(optimizer, [[2, 3], { name: 'bias', shape: [100] }])).toBe(24);
  });

  it('a rule with the global flag answers the same at every call', () => {
    const optimizer = sgd({ weightDecay: 1, learningRate: 0.5, excludeFromWeightDecay: /b/g });
    const variables = [at('b1'), at('b2'), at('b3')];
    step(
      optimizer,
      variables.map((of) => [of, [0]] as const),
    );
    expect(variables.map(theta)).toEqual([1, 1, 1]);
  });
});

describe('a changed learning rate', () => {
  it('acts from the next step on, but for groups that have their own', () => {
    const optimizer = sgd({ learningRate: 0.5, groups: [{ match: 'own', learningRate: 0.25 }] });
    const [plain, own] = [at('plain'), at('own')];
    step(optimizer, [
      [plain, [1]],
      [own, [1]],
    ]);
    optimizer.setLearningRate(0.125);
    step(optimizer, [
      [plain, [1]],
      [own, [1]],
    ]);
    expect([plain, own].map(theta)).toEqual([0.375, 0.5]);
    expect(() => optimizer.setLearningRate(-1)).toThrow('learningRate must be');
    expect(optimizer.settings.learningRate).toBe(0.125);
    expect(optimizer.getConfig()).toMatchObject({ learningRate: 0.125 });
  });

  it('a schedule that goes astray is named with its step, and nothing moves', () => {
    const optimizer = lion({ learningRate: (count) => (count < 3 ? 0.5 : -1) });
    const x = at('x');
    for (let count = 0; count < 2; count++) step(optimizer, [[x, [1]]]);
    expect(() => step(optimizer, [[x, [1]]])).toThrow('Lion: learningRate is -1 at step 3');
    expect(theta(x)).toBe(0);
  });

  it('iterations can be assigned; schedules follow', () => {
    const optimizer = sgd({ learningRate: schedules.linear({ from: 1, steps: 4 }) });
    const x = at('x');
    step(optimizer, [[x, [1]]]);
    optimizer.iterations = 0;
    step(optimizer, [[x, [1]]]);
    optimizer.iterations = 3;
    step(optimizer, [[x, [1]]]);
    expectClose(values(x), [-1.25]);
    expect(optimizer.iterations).toBe(4);
    expect(() => (optimizer.iterations = -1)).toThrow('iterations must be a whole number');
  });
});

describe('several optimizers on one model', () => {
  it('keep apart', async () => {
    const [fast, slow] = [sgd({ learningRate: 0.5, momentum: 0.5 }), lion({ learningRate: 0.25 })];
    const [x, y] = [at('x'), at('y')];
    step(fast, [[x, [1]]]);
    step(slow, [[y, [1]]]);
    step(slow, [[x, [1]]]);
    expect([x, y].map(theta)).toEqual([0.25, 0.75]);
    expect(await stateOf(fast)).toEqual({ iter: [1], 'x/velocity': [1] });
    expect(Object.keys(await stateOf(slow))).toEqual(['iter', 'y/momentum', 'x/momentum']);
    fast.dispose();
    step(slow, [[x, [1]]]);
    expect(theta(x)).toBe(0);
  });
});
