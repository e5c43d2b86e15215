import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { schedules, stateBytes } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import {
  draw,
  expectClose,
  normal,
  stateOf,
  step,
  tensor,
  values,
  variable,
  type AnyOptimizer,
} from './support';
import { subjects } from './subjects';

afterEach(() => tf.disposeVariables());

const shapes: Record<string, number[]> = { kernel: [4, 3], bias: [3], gain: [], filter: [2, 2, 1, 3] };

function makeVariables(seed = 5): Variable[] {
  const next = normal(seed);
  return Object.entries(shapes).map(([name, shape]) =>
    variable(
      name,
      shape,
      draw(
        shape.reduce((a, b) => a * b, 1),
        next,
      ),
    ),
  );
}

/** Steps with gradients that depend on the seed and on the name of the variable only. */
function stepAll(optimizer: AnyOptimizer, variables: readonly Variable[], seed: number): void {
  step(
    optimizer,
    variables.map((of) => [of, gradientOf(of, seed)] as const),
  );
}

const gradientOf = (of: Variable, seed: number): Float64Array =>
  draw(of.size, normal(seed * 100 + Object.keys(shapes).indexOf(of.name)));

const snapshot = (variables: readonly Variable[]): Record<string, number[]> =>
  Object.fromEntries(variables.map((of) => [of.name, Array.from(values(of))]));

describe.each(subjects)('$name', (subject) => {
  const { make, parabola, rosenbrock, restingFactor = 0.9375, propagatingOptions } = subject;

  it('finds the minimum of a parabola', () => {
    const { learningRate: from, steps, options } = parabola;
    const optimizer = make({ learningRate: schedules.linear({ from, steps }), ...options });
    const x = variable('x', [3], [-1, 10, 1]);
    const target = [1, -1, 1];
    // Two phases would hide nothing: the farthest component, at 11, must come all the way.
    for (let count = 0; count < steps; count++) {
      step(optimizer, [[x, values(x).map((value, i) => 2 * (value - (target[i] as number)))]]);
    }
    expectClose(values(x), target, { rtol: 0, atol: 1e-3 });
  });

  it("finds the minimum of Rosenbrock's valley", () => {
    const { learningRate: from, steps, options } = rosenbrock;
    const optimizer = make({ learningRate: schedules.linear({ from, steps }), ...options });
    const x = variable('x', [2], [0, 0]);
    for (let count = 0; count < steps; count++) {
      const [a, b] = values(x) as unknown as [number, number];
      step(optimizer, [[x, [-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]]]);
    }
    expectClose(values(x), [1, 1], { rtol: 0, atol: 0.05 });
  });

  it('minimizes through tf.Optimizer, returning the cost on request', () => {
    const optimizer = make({ learningRate: 0.01 });
    const x = variable('x', [2], [1, -2]);
    const loss = (): Scalar => x.square().sum();
    const cost = optimizer.minimize(loss, true);
    expect(cost?.dataSync()[0]).toBe(5);
    expect(optimizer.minimize(loss)).toBeNull();
    expect(Math.abs(values(x)[0] as number)).toBeLessThan(1);
    expect(optimizer.iterations).toBe(2);
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const optimizer = make({ learningRate: 0.01, weightDecay: 0.1 });
    const variables = makeVariables();
    stepAll(optimizer, variables, 1);
    const after = tf.memory();
    for (let seed = 2; seed < 10; seed++) stepAll(optimizer, variables, seed);
    expect(tf.memory().numTensors).toBe(after.numTensors);
    expect(tf.memory().numBytes).toBe(after.numBytes);
    optimizer.dispose();
    tf.dispose(variables);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keeps exactly the bytes of state that stateBytes says', () => {
    const optimizer = make();
    const variables = makeVariables();
    const before = tf.memory().numBytes;
    const expected = stateBytes(optimizer, variables);
    expect(tf.memory().numBytes).toBe(before);
    stepAll(optimizer, variables, 1);
    expect(tf.memory().numBytes - before).toBe(expected);
  });

  it('resumes from saved state bit for bit', async () => {
    const options = { learningRate: schedules.cosine({ from: 0.02, steps: 20 }), weightDecay: 0.1 };
    const straight = make(options);
    const variables = makeVariables();
    for (let seed = 1; seed <= 8; seed++) stepAll(straight, variables, seed);
    const saved = (await straight.getWeights()).map(({ name, tensor: of }) => ({ name, tensor: of.clone() }));
    const middle = snapshot(variables);
    for (let seed = 9; seed <= 20; seed++) stepAll(straight, variables, seed);
    const expected = { ...snapshot(variables), ...(await stateOf(straight)) };

    for (const of of variables) of.assign(tensor(of.shape, middle[of.name] ?? []));
    const resumed = make(options);
    // The order of the state does not matter: it is found by name.
    await resumed.setWeights([...saved].reverse());
    for (let seed = 9; seed <= 20; seed++) stepAll(resumed, variables, seed);
    expect({ ...snapshot(variables), ...(await stateOf(resumed)) }).toEqual(expected);

    // The compiled step holds on to slot variables: loading into a used optimizer must not replace them.
    const tensors = tf.memory().numTensors;
    await resumed.setWeights(saved);
    expect(tf.memory().numTensors).toBe(tensors);
    for (const of of variables) of.assign(tensor(of.shape, middle[of.name] ?? []));
    for (let seed = 9; seed <= 20; seed++) stepAll(resumed, variables, seed);
    expect({ ...snapshot(variables), ...(await stateOf(resumed)) }).toEqual(expected);
  });

  it('does not depend on the order of the parameters', async () => {
    const [forward, backward] = [make({ learningRate: 0.01 }), make({ learningRate: 0.01 })];
    const variables = makeVariables();
    const start = snapshot(variables);
    for (let seed = 1; seed <= 5; seed++) stepAll(forward, variables, seed);
    const expected = { ...snapshot(variables), ...(await stateOf(forward)) };
    for (const of of variables) of.assign(tensor(of.shape, start[of.name] ?? []));
    const reversed = [...variables].reverse();
    for (let seed = 1; seed <= 5; seed++) stepAll(backward, seed % 2 ? reversed : variables, seed);
    expect({ ...snapshot(variables), ...(await stateOf(backward)) }).toEqual(expected);
  });

  it('keeps the state of a parameter apart from the list it is stepped in', () => {
    const optimizer = make({ learningRate: 0.01 });
    const alone = make({ learningRate: 0.01 });
    const variables = makeVariables();
    const [kernel, bias] = variables as [Variable, Variable];
    stepAll(optimizer, [kernel, bias], 1);
    const afterFirst = Array.from(values(bias));
    stepAll(optimizer, [bias], 2);
    const expected = Array.from(values(bias));

    const restart = makeBias();
    step(alone, [[restart, draw(3, normal(101))]]);
    expect(Array.from(values(restart))).toEqual(afterFirst);
    step(alone, [[restart, draw(3, normal(201))]]);
    expect(Array.from(values(restart))).toEqual(expected);

    function makeBias(): Variable {
      const next = normal(5);
      draw(12, next);
      return variable('bias again', [3], draw(3, next));
    }
  });

  it('accepts gradients as a map as well as as a list', () => {
    const [one, other] = [make({ learningRate: 0.01 }), make({ learningRate: 0.01 })];
    const [x, y] = [variable('x', [2], [1, 2]), variable('y', [2], [1, 2])];
    const gradient = tensor([2], [0.5, -0.25]);
    one.applyGradients({ x: gradient });
    other.applyGradients([{ name: 'y', tensor: gradient }]);
    expect(values(x)).toEqual(values(y));
    expect(values(x)).not.toEqual(Float32Array.of(1, 2));
  });

  it('passes over variables without gradient', () => {
    const optimizer = make({ learningRate: 0.1, weightDecay: 0.1 });
    const [x, frozen] = [variable('x', [], [1]), variable('frozen', [], [1])];
    frozen.trainable = false;
    optimizer.minimize(() => tf.add(x.square(), frozen.square()).sum(), false, [x, frozen]);
    expect(values(frozen)[0]).toBe(1);
    expect(values(x)[0]).toBeLessThan(1);
  });

  it('accepts an empty list of gradients', () => {
    const optimizer = make();
    optimizer.applyGradients([]);
    optimizer.applyGradients({});
    expect(optimizer.iterations).toBe(2);
  });

  it('accepts tensors without elements', () => {
    const optimizer = make({ learningRate: 0.1, weightDecay: 0.1 });
    const empty = variable('empty', [0, 3], []);
    step(optimizer, [[empty, []]]);
    expect(empty.shape).toEqual([0, 3]);
  });

  it('changes nothing at learning rate 0', () => {
    const optimizer = make({ learningRate: 0, weightDecay: 0.1 });
    const variables = makeVariables();
    const start = snapshot(variables);
    for (let seed = 1; seed <= 3; seed++) stepAll(optimizer, variables, seed);
    expect(snapshot(variables)).toEqual(start);
  });

  it('is at rest where the gradient is zero from the start, but for the decay', () => {
    const optimizer = make({ learningRate: 0.125, weightDecay: 0.5, excludeFromWeightDecay: 'kept' });
    const [decays, kept] = [variable('decays', [2], [1, -4]), variable('kept', [2], [1, -4])];
    step(optimizer, [
      [decays, [0, 0]],
      [kept, [0, 0]],
    ]);
    expectClose(values(decays), [restingFactor, -4 * restingFactor]);
    expect(Array.from(values(kept))).toEqual([1, -4]);
  });

  it('lets a NaN in a gradient show, in that parameter only', () => {
    const optimizer = make({ learningRate: 0.1, ...propagatingOptions });
    const [sick, well] = [variable('sick', [2], [1, 1]), variable('well', [2], [1, 1])];
    step(optimizer, [
      [sick, [NaN, NaN]],
      [well, [1, 1]],
    ]);
    expect(values(sick)[0]).toBeNaN();
    expect(values(well)[0]).toBeLessThan(1);
  });

  it('does the same in a compiled step, with all that can surround it', async () => {
    const options = {
      learningRate: schedules.warmUp({ steps: 3, then: schedules.cosine({ from: 0.02, steps: 20 }) }),
      weightDecay: schedules.linear({ from: 0.2, steps: 12 }),
      coupledWeightDecay: 0.01,
      excludeFromWeightDecay: /bias/,
      groups: [{ match: 'gain', learningRate: 0.001 }],
      nonFinite: 'skip',
      clipGlobalNorm: 2,
      accumulationSteps: 2,
      // Tiger, which accumulates without a buffer, cannot know the rows of earlier micro-steps.
      ...(subject.name !== 'tiger' && { lazyRows: { match: 'kernel' } }),
    };
    const [eager, traced] = [make(options), make(options)];
    const variables = makeVariables();
    const start = snapshot(variables);
    for (let seed = 1; seed <= 12; seed++) stepAll(eager, variables, seed);
    const expected = { ...snapshot(variables), ...(await stateOf(eager)) };
    for (const of of variables) of.assign(tensor(of.shape, start[of.name] ?? []));
    const compiled = compile((gradients: Record<string, Tensor>) => traced.applyGradients(gradients));
    for (let seed = 1; seed <= 12; seed++) {
      tf.tidy(() => {
        compiled(
          Object.fromEntries(variables.map((of) => [of.name, tensor(of.shape, gradientOf(of, seed))])),
        );
      });
    }
    const found = { ...snapshot(variables), ...(await stateOf(traced)) };
    compiled.dispose();
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expectClose(found[name] ?? [], value);
  });

  it('refuses gradients that do not fit, changing nothing', async () => {
    const optimizer = make({ learningRate: 0.1 });
    const [x, y] = [variable('x', [2], [1, 2]), variable('y', [1], [3])];
    const good = { name: 'x', tensor: tensor([2], [1, 1]) };
    const attempts = [
      { gradients: [good, good], message: 'The gradient of "x" is given twice.' },
      { gradients: [good, { name: 'z', tensor: good.tensor }], message: 'There is no variable named "z"' },
      {
        gradients: [good, { name: 'y', tensor: good.tensor }],
        message: 'The gradient of "y" has shape [2], expected [1].',
      },
    ];
    for (const { gradients, message } of attempts) {
      expect(() => optimizer.applyGradients(gradients)).toThrow(message);
    }
    expect(Array.from(values(x))).toEqual([1, 2]);
    expect(Array.from(values(y))).toEqual([3]);
    expect(await stateOf(optimizer)).toEqual({ iter: [0] });
  });

  it('survives a round trip of its configuration through JSON', () => {
    const options = {
      learningRate: schedules.warmUp({ steps: 3, then: schedules.linear({ from: 0.02, steps: 10 }) }),
      weightDecay: 0.1,
      excludeFromWeightDecay: ['gain', /^bi/],
      groups: [{ match: /kernel/i, learningRate: 0.05 }],
    };
    const original = make(options);
    const config = JSON.parse(JSON.stringify(original.getConfig())) as Parameters<
      typeof tf.serialization.SerializationMap.register
    >[0];
    const [type, fromConfig] =
      tf.serialization.SerializationMap.getMap().classNameMap[original.getClassName()] ?? [];
    const copy = fromConfig?.(type as never, config as never) as AnyOptimizer;
    expect(copy.getConfig()).toEqual(original.getConfig());
    const variables = makeVariables();
    const start = snapshot(variables);
    for (let seed = 1; seed <= 5; seed++) stepAll(original, variables, seed);
    const expected = snapshot(variables);
    for (const of of variables) of.assign(tensor(of.shape, start[of.name] ?? []));
    for (let seed = 1; seed <= 5; seed++) stepAll(copy, variables, seed);
    expect(snapshot(variables)).toEqual(expected);
  });

  it('refuses a number in the place of its options, as tf.train takes it', () => {
    expect(() => make(0.05 as never)).toThrow(
      /takes its options as an object, e.g. \{ learningRate: 0.05 \}, got 0.05/,
    );
    expect(() => make(null as never)).toThrow('takes its options as an object');
  });

  it('refuses options that do not exist or are out of range', () => {
    expect(() => make({ learningrate: 0.1 })).toThrow(
      /no option learningrate. Its options are: learningRate, /,
    );
    expect(() => make({ learningRate: -1 })).toThrow(
      /learningRate must be a number that is at least 0, got -1/,
    );
    expect(() => make({ learningRate: NaN })).toThrow(/learningRate must be .* got NaN/);
    expect(() => make({ weightDecay: -0.1 })).toThrow(/weightDecay must be/);
    expect(() => make({ groups: [{ match: /x/, weightdecay: 1 }] })).toThrow(
      /groups\[0\] has no option weightdecay/,
    );
    expect(() => make({ groups: [{ match: /x/, learningRate: -1 }] })).toThrow(
      /groups\[0\]: learningRate must be/,
    );
  });
});
