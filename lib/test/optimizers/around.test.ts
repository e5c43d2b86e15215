import { afterEach, describe, expect, it } from 'vitest';
import { adam, lion, sgd } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, stateOf, step, tensor, values, variable } from './support';

afterEach(() => tf.disposeVariables());

const array = (of: Parameters<typeof values>[0]): number[] => Array.from(values(of));

describe('clipping', () => {
  const make = (options: object) => sgd({ learningRate: 1, ...options });

  it('by value bounds every element', () => {
    const x = variable('x', [4], [0, 0, 0, 0]);
    step(make({ clipValue: 0.5 }), [[x, [3, -3, 0.25, 0]]]);
    expect(array(x)).toEqual([-0.5, 0.5, -0.25, 0]);
  });

  it('by norm bounds each gradient by itself', () => {
    const [x, y] = [variable('x', [2], [0, 0]), variable('y', [2], [0, 0])];
    // ‖(3, 4)‖ = 5 → 2.5; ‖(0.3, 0.4)‖ = 0.5 stays
    step(make({ clipNorm: 2.5 }), [
      [x, [3, 4]],
      [y, [0.25, 0.5]],
    ]);
    expectClose(values(x), [-1.5, -2]);
    expect(array(y)).toEqual([-0.25, -0.5]);
  });

  it('by global norm keeps the direction of all together', () => {
    const [x, y] = [variable('x', [1], [0]), variable('y', [2], [0, 0])];
    // √(3² + 0² + 4²) = 5 → 1: factor 0.2
    step(make({ clipGlobalNorm: 1 }), [
      [x, [3]],
      [y, [0, -4]],
    ]);
    expectClose([...values(x), ...values(y)], [-0.6, 0, 0.8]);
    step(make({ clipGlobalNorm: 10 }), [
      [x, [3]],
      [y, [0, -4]],
    ]);
    expectClose([...values(x), ...values(y)], [-3.6, 0, 4.8]);
  });

  it('leaves a gradient of zero as it is', () => {
    const x = variable('x', [2], [1, 1]);
    for (const options of [{ clipValue: 1 }, { clipNorm: 1 }, { clipGlobalNorm: 1 }])
      step(make(options), [[x, [0, 0]]]);
    expect(array(x)).toEqual([1, 1]);
  });

  it('takes one limit, and a positive one', () => {
    expect(() => make({ clipValue: 1, clipNorm: 1 })).toThrow(
      'one of clipValue, clipNorm and clipGlobalNorm',
    );
    expect(() => make({ clipNorm: 0 })).toThrow('clipNorm must be a number greater than 0, got 0');
  });
});

describe('coupled weight decay', () => {
  it('adds λθ to the gradient before the moments, and spares what is excluded', async () => {
    const optimizer = sgd({
      learningRate: 0.5,
      momentum: 0.5,
      coupledWeightDecay: 0.25,
      excludeFromWeightDecay: 'y',
      clipValue: 1,
    });
    const [x, y] = [variable('x', [1], [8]), variable('y', [1], [8])];
    // Clipping first: g = 1 + 0.25·8 = 3, θ = 8 − 1.5 = 6.5; y: 8 − 0.5 = 7.5
    step(optimizer, [
      [x, [5]],
      [y, [5]],
    ]);
    expect([...array(x), ...array(y)]).toEqual([6.5, 7.5]);
    expect(await stateOf(optimizer)).toMatchObject({ 'x/velocity': [3], 'y/velocity': [1] });
  });
});

describe('accumulation', () => {
  it('averages k gradients into one update, and schedules count updates', async () => {
    const learningRate = (count: number): number => (count === 1 ? 1 : 0.5);
    const optimizer = sgd({ learningRate, accumulationSteps: 4 });
    const x = variable('x', [1], [0]);
    const path = [1, 2, 3, 6, 8, 0, 0, 0].map((gradient) => {
      step(optimizer, [[x, [gradient]]]);
      return values(x)[0];
    });
    expect(path).toEqual([0, 0, 0, -3, -3, -3, -3, -4]);
    expect(optimizer.iterations).toBe(8);
    expect(await stateOf(optimizer)).toEqual({ iter: [8], 'x/accumulatedGradient': [0] });
  });

  it.each([
    { name: 'adam', make: (options: object) => adam({ learningRate: 0.01, weightDecay: 0.1, ...options }) },
    { name: 'lion', make: (options: object) => lion({ learningRate: 0.01, weightDecay: 0.1, ...options }) },
  ])('with $name equals the step on the mean gradient, clipped after averaging', ({ make }) => {
    const next = normal(1);
    const [whole, parts] = [make({ clipGlobalNorm: 1 }), make({ clipGlobalNorm: 1, accumulationSteps: 4 })];
    const start = draw(6, next);
    const [x, y] = [variable('x', [2, 3], start), variable('y', [2, 3], start)];
    for (let count = 0; count < 30; count++) {
      // On a grid of 1/8 sums are exact, so both see the same gradient to the last bit.
      const gradients = Array.from({ length: 4 }, () =>
        draw(6, next).map((value) => Math.round(8 * value) / 8),
      );
      step(whole, [
        [
          x,
          gradients.reduce(
            (sum, gradient) => sum.map((value, i) => value + (gradient[i] as number) / 4),
            new Float64Array(6),
          ),
        ],
      ]);
      for (const gradient of gradients) step(parts, [[y, gradient]]);
    }
    expect(array(y)).toEqual(array(x));
  });

  it('needs one buffer, which stateBytes knows', () => {
    const optimizer = lion({ accumulationSteps: 2 });
    expect(optimizer.slotsFor({ name: 'x', shape: [2, 3] })).toEqual({
      momentum: { shape: [2, 3], dtype: 'float32' },
      accumulatedGradient: { shape: [2, 3], dtype: 'float32' },
    });
  });

  it('takes a positive whole number', () => {
    expect(() => lion({ accumulationSteps: 0 })).toThrow(
      'accumulationSteps must be a positive integer, got 0',
    );
    expect(() => lion({ accumulationSteps: 1.5 })).toThrow('positive integer');
  });
});

describe('the guard against non-finite gradients', () => {
  it('skips the whole step and counts it', async () => {
    const optimizer = adam({ learningRate: 0.1, weightDecay: 0.1, nonFinite: 'skip' });
    const [x, y] = [variable('x', [2], [1, 2]), variable('y', [1], [3])];
    step(optimizer, [
      [x, [1, 1]],
      [y, [1]],
    ]);
    const before = { x: array(x), y: array(y), state: await stateOf(optimizer) };
    for (const bad of [NaN, Infinity, -Infinity])
      step(optimizer, [
        [x, [1, bad]],
        [y, [1]],
      ]);
    expect({ x: array(x), y: array(y) }).toEqual({ x: before.x, y: before.y });
    const after = await stateOf(optimizer);
    expect(after).toEqual({ ...before.state, iter: [4], 'nonFinite/skippedSteps': [3] });
    expect(await optimizer.skippedSteps()).toBe(3);
    step(optimizer, [
      [x, [1, 1]],
      [y, [1]],
    ]);
    expect(array(y)[0]).toBeLessThan(before.y[0] as number);
    expect(await optimizer.skippedSteps()).toBe(3);
    expect(await sgd().skippedSteps()).toBe(0);
  });

  it('leaves a micro-step out of the mean, and the update if none is left', async () => {
    const optimizer = sgd({ learningRate: 1, nonFinite: 'skip', accumulationSteps: 3 });
    const x = variable('x', [1], [0]);
    const path = [2, NaN, 4, NaN, NaN, NaN, 3, 3, 3].map((gradient) => {
      step(optimizer, [[x, [gradient]]]);
      return values(x)[0];
    });
    expect(path).toEqual([0, 0, -3, -3, -3, -3, -3, -3, -6]);
    expect(await optimizer.skippedSteps()).toBe(4);
  });

  it('refuses an unknown reaction', () => {
    expect(() => adam({ nonFinite: 'ignore' as never })).toThrow(
      "nonFinite must be one of 'propagate', 'skip'",
    );
  });

  it('keeps its count in the saved state', async () => {
    const [first, second] = [sgd({ nonFinite: 'skip' }), sgd({ nonFinite: 'skip' })];
    const x = variable('x', [1], [1]);
    step(first, [[x, [NaN]]]);
    await second.setWeights(await first.getWeights());
    expect(await second.skippedSteps()).toBe(1);
    step(second, [[x, [NaN]]]);
    expect(await second.skippedSteps()).toBe(2);
  });
});

describe('lazy rows', () => {
  const gradient = [1, 1, 0, 0, 0, 2];

  it('do not move without a gradient, by no momentum and no decay; the state decays', async () => {
    const optimizer = sgd({
      learningRate: 0.5,
      momentum: 0.5,
      weightDecay: 0.5,
      lazyRows: { match: /embeddings/ },
    });
    const [rows, dense] = [
      variable('embeddings', [3, 2], [1, 1, 1, 1, 1, 1]),
      variable('dense', [3, 2], [1, 1, 1, 1, 1, 1]),
    ];
    step(optimizer, [
      [rows, [4, 4, 4, 4, 4, 4]],
      [dense, [4, 4, 4, 4, 4, 4]],
    ]);
    expect(array(rows)).toEqual([-1.25, -1.25, -1.25, -1.25, -1.25, -1.25]);
    step(optimizer, [
      [rows, gradient],
      [dense, gradient],
    ]);
    // v = 2 + g; θ − 0.5(v + 0.5θ)
    expect(array(rows)).toEqual([-2.4375, -2.4375, -1.25, -1.25, -1.9375, -2.9375]);
    expect(array(dense)).toEqual([-2.4375, -2.4375, -1.9375, -1.9375, -1.9375, -2.9375]);
    expect((await stateOf(optimizer))['embeddings/velocity']).toEqual([3, 3, 2, 2, 2, 4]);
  });

  it('keep their state where it is fully lazy', async () => {
    const optimizer = sgd({ momentum: 0.5, lazyRows: { match: /embeddings/, state: 'kept' } });
    const rows = variable('embeddings', [3, 2], [1, 1, 1, 1, 1, 1]);
    step(optimizer, [[rows, [4, 4, 4, 4, 4, 4]]]);
    step(optimizer, [[rows, gradient]]);
    expect((await stateOf(optimizer))['embeddings/velocity']).toEqual([3, 3, 4, 4, 2, 4]);
  });

  it('EM-7: rows that are never seen stay as they were initialised, to the last bit', () => {
    const next = normal(7);
    for (const make of [lion, adam]) {
      const optimizer = make({ learningRate: 0.01, weightDecay: 0.1, lazyRows: { match: 'E' } });
      const start = draw(20, next);
      const rows = variable('E', [5, 4], start);
      for (let count = 0; count < 50; count++) {
        step(optimizer, [[rows, draw(20, next).map((value, i) => (i >= 8 && i < 12 ? 0 : value))]]);
      }
      expect(array(rows).slice(8, 12)).toEqual(Array.from(start.slice(8, 12)));
      expect(array(rows)[0]).not.toBe(start[0]);
      rows.dispose();
    }
  });

  it('apply to the rows that any micro-step touched', () => {
    const optimizer = sgd({
      learningRate: 1,
      accumulationSteps: 2,
      weightDecay: 0.5,
      lazyRows: { match: 'E' },
    });
    const rows = variable('E', [3, 1], [1, 1, 1]);
    step(optimizer, [[rows, [2, 0, 0]]]);
    step(optimizer, [[rows, [0, 2, 0]]]);
    expect(array(rows)).toEqual([-0.5, -0.5, 1]);
  });
});

describe('what surrounds an update', () => {
  it('survives a round trip of the configuration', () => {
    const original = lion({
      accumulationSteps: 3,
      clipNorm: 2,
      nonFinite: 'skip',
      lazyRows: { match: ['word_embeddings', /b_/], state: 'kept' },
    });
    const config = JSON.parse(JSON.stringify(original.getConfig())) as never;
    const copy = tf.serialization.SerializationMap.getMap().classNameMap.Lion?.[1](
      original.constructor as never,
      config,
    );
    expect(copy?.getConfig()).toEqual(original.getConfig());
    expect(config).toMatchObject({
      accumulationSteps: 3,
      clipNorm: 2,
      nonFinite: 'skip',
      lazyRows: { state: 'kept' },
    });
    expect(JSON.stringify(config)).not.toContain('_');
  });

  it('leaves no tensor behind', () => {
    const optimizer = adam({
      accumulationSteps: 2,
      clipGlobalNorm: 1,
      nonFinite: 'skip',
      lazyRows: { match: 'x' },
      coupledWeightDecay: 0.1,
    });
    variable('x', [3, 2], [1, 2, 3, 4, 5, 6]);
    const gradient = tensor([3, 2], [1, 1, 0, 0, 1, 1]);
    optimizer.applyGradients({ x: gradient });
    const before = tf.memory().numTensors;
    for (let count = 0; count < 5; count++) optimizer.applyGradients({ x: gradient });
    expect(tf.memory().numTensors).toBe(before);
  });
});
