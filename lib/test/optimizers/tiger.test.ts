import { afterEach, describe, expect, it } from 'vitest';
import { lion, reference, schedules, stateBytes, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, stateOf, step, values, variable } from './support';

afterEach(() => tf.disposeVariables());

const array = (of: Parameters<typeof values>[0]): number[] => Array.from(values(of));
const rms = (x: ArrayLike<number>): number =>
  Math.sqrt(Array.from(x).reduce((sum, value) => sum + value ** 2, 0) / x.length);

describe('Tiger', () => {
  it('gives the values that its equations give by hand', () => {
    // α = 0.1, β = 0.5, λ = 0.5. kernel (3, 4, 0, 0): RMS = √(25/4) = 2.5, η = 0.25; m = 0.5g; u = sign(g)
    const optimizer = tiger({ learningRate: 0.1, beta: 0.5, weightDecay: 0.5 });
    const [kernel, bias] = [variable('kernel', [2, 2], [3, 4, 0, 0]), variable('bias', [2], [1, -1])];
    step(optimizer, [
      [kernel, [1, -1, 2, 0]],
      [bias, [3, 0]],
    ]);
    // 3 − 0.25(1 + 1.5) = 2.375; 4 − 0.25(−1 + 2) = 3.75; −0.25; 0
    expectClose(values(kernel), [2.375, 3.75, -0.25, 0]);
    // bias: η = 0.05, no decay: 1 − 0.05 = 0.95; −1
    expectClose(values(bias), [0.95, -1]);
  });

  it('takes the root mean square of each row of embeddings', () => {
    const optimizer = tiger({ learningRate: 0.1, weightDecay: 0 });
    const rows = variable('embedding_1/embeddings', [2, 2], [1, 1, 10, 10]);
    step(optimizer, [[rows, [1, -1, 1, -1]]]);
    expectClose(values(rows), [0.9, 1.1, 9, 11]);
  });

  it('TG-1: with one learning rate for all it is Lion with β₁ = β₂, bit for bit', () => {
    const next = normal(1);
    const options = { learningRate: 0.01, weightDecay: 0.1 };
    const [one, other] = [
      tiger({ ...options, beta: 0.945, relative: false }),
      lion({ ...options, beta1: 0.945, beta2: 0.945 }),
    ];
    const start = draw(30, next);
    const [x, y] = [variable('x', [30], start), variable('y', [30], start)];
    for (let count = 0; count < 100; count++) {
      const gradient = draw(30, next);
      step(one, [[x, gradient]]);
      step(other, [[y, gradient]]);
    }
    expect(array(x)).toEqual(array(y));
  });

  it('TG-2: k micro-steps within the momentum equal one step on the mean gradient', async () => {
    const next = normal(2);
    const k = 4;
    const [whole, parts] = [
      tiger({ learningRate: 0.01 }),
      tiger({ learningRate: 0.01, accumulationSteps: k }),
    ];
    const start = draw(40, next);
    const [x, y] = [variable('x', [8, 5], start), variable('y', [8, 5], start)];
    const twins = [
      reference.tiger(40, { learningRate: 0.01 }),
      reference.tiger(40, { learningRate: 0.01, accumulationSteps: k }),
    ] as const;
    let [exactX, exactY] = [start, start];
    for (let count = 0; count < 200; count++) {
      const gradients = Array.from({ length: k }, () => draw(40, next));
      const mean = gradients.reduce(
        (sum, gradient) => sum.map((value, i) => value + (gradient[i] as number) / k),
        new Float64Array(40),
      );
      step(whole, [[x, mean]]);
      exactX = twins[0].step(exactX, mean);
      for (const gradient of gradients) {
        step(parts, [[y, gradient]]);
        exactY = twins[1].step(exactY, gradient);
      }
    }
    expectClose(exactY, exactX, { rtol: 0, atol: 0 });
    expectClose(twins[1].state.momentum ?? [], twins[0].state.momentum ?? [], { rtol: 0, atol: 1e-14 });
    expectClose(values(y), values(x));
    expectClose((await stateOf(parts))['y/momentum'] ?? [], (await stateOf(whole))['x/momentum'] ?? []);
  });

  it('TG-3: it keeps one number per parameter, with accumulation too', () => {
    const shapes = [[784, 256], [256], [256, 10], [10]];
    const count = 784 * 256 + 256 + 2560 + 10;
    expect(stateBytes(tiger(), shapes)).toBe(4 * count);
    expect(stateBytes(tiger({ accumulationSteps: 8 }), shapes)).toBe(4 * count);
    expect(stateBytes(lion({ accumulationSteps: 8 }), shapes)).toBe(8 * count);
  });

  it('TG-4: the relative step is α, and scaling θ leaves the relative trajectory', () => {
    const next = normal(3);
    const alpha = 0.01;
    const start = draw(64, next);
    const scale = 2 ** 7;
    const optimizer = tiger({ learningRate: alpha, weightDecay: 0 });
    const [x, y] = [
      variable('x', [64], start),
      variable(
        'y',
        [64],
        start.map((value) => scale * value),
      ),
    ];
    for (let count = 0; count < 50; count++) {
      const gradient = draw(64, next);
      const before = array(x);
      step(optimizer, [
        [x, gradient],
        [y, gradient.map((value) => value / scale)],
      ]);
      expect(rms(array(x).map((value, i) => value - (before[i] as number))) / rms(before)).toBeCloseTo(
        alpha,
        6,
      );
    }
    expect(array(y).map((value) => value / scale)).toEqual(array(x));
  });

  it('TG-5: β is the mean of Lion’s two', () => {
    expect((0.9 + 0.99) / 2).toBeCloseTo(0.945, 12);
    expect((0.95 + 0.98) / 2).toBeCloseTo(tiger().settings.beta, 12);
  });

  it('TG-6: a NaN shrinks its tensor toward its centre and leaves m; the others go on', async () => {
    const optimizer = tiger({ learningRate: 0.1 });
    const [kernel, gamma, well] = [
      variable('kernel', [2], [4, -2]),
      variable('gamma', [2], [3, 1]),
      variable('well', [1], [1]),
    ];
    step(optimizer, [
      [kernel, [1, 1]],
      [gamma, [1, 1]],
      [well, [1]],
    ]);
    const [k, c, w, state] = [array(kernel), array(gamma), array(well), await stateOf(optimizer)];
    step(optimizer, [
      [kernel, [NaN, 1]],
      [gamma, [NaN, NaN]],
      [well, [1]],
    ]);
    expectClose(
      values(kernel),
      k.map((value) => 0.99 * value),
    );
    expectClose(
      values(gamma),
      c.map((value) => 1 + 0.99 * (value - 1)),
    );
    expect(array(well)[0]).toBeLessThan(w[0] as number);
    expect(await stateOf(optimizer)).toMatchObject({
      'kernel/momentum': state['kernel/momentum'],
      'gamma/momentum': state['gamma/momentum'],
    });
    for (let count = 0; count < 99; count++) step(optimizer, [[kernel, [NaN, 1]]]);
    expectClose(
      values(kernel),
      k.map((value) => 0.99 ** 100 * value),
      { rtol: 1e-4 },
    );
    expect(0.99 ** 100).toBeCloseTo(0.366, 3);
  });

  it('TG-7: a NaN in the first micro-step does not cancel the decay of m, unlike in the author’s code', async () => {
    const optimizer = tiger({ beta: 0.5, accumulationSteps: 2 });
    const x = variable('x', [1], [1]);
    const momenta: number[] = [];
    for (const gradient of [4, 4, NaN, 4]) {
      step(optimizer, [[x, [gradient]]]);
      momenta.push((await stateOf(optimizer))['x/momentum']?.[0] as number);
    }
    // (1−β)/k = 0.25: 1, 2; then 0.5·2 + 0 = 1, 1 + 1 = 2. Without the decay it would end at 3.
    expect(momenta).toEqual([1, 2, 1, 2]);
  });

  it('TG-8: a tensor that starts at zero never moves, unless a floor is set', () => {
    const [stuck, moving] = [tiger({ learningRate: 0.1 }), tiger({ learningRate: 0.1, rmsFloor: 0.01 })];
    const [x, y, bias] = [
      variable('x', [2], [0, 0]),
      variable('y', [2], [0, 0]),
      variable('bias', [2], [0, 0]),
    ];
    for (let count = 0; count < 10; count++) {
      step(stuck, [
        [x, [1, -1]],
        [bias, [1, -1]],
      ]);
      step(moving, [[y, [1, -1]]]);
    }
    expect(array(x)).toEqual([0, 0]);
    expect(array(y)[0]).toBeLessThan(-0.009);
    expect(array(bias)[0]).toBeLessThan(-0.4);
  });

  it('TG-9: float16 swallows updates below half a unit in the last place', () => {
    // 10 bits of fraction: the unit in the last place of x is 2^(⌊log₂ x⌋ − 10).
    const half = (x: number): number => 2 ** (Math.floor(Math.log2(x)) - 11);
    expect(half(0.036)).toBeCloseTo(1.5e-5, 6);
    expect(half(0.5)).toBeCloseTo(2.4e-4, 5);
    expect(half(0.4999)).toBeCloseTo(1.2e-4, 5);
    expect(half(10)).toBeCloseTo(3.9e-3, 4);
    expect(1e-3 * 0.036).toBeGreaterThan(half(0.036));
    expect(4e-4 * 0.036).toBeLessThan(half(0.036));
  });

  it('TG-10: γ = 1 is Tiger and γ = 0 is momentum', () => {
    const next = normal(4);
    const start = draw(20, next);
    const gradients = Array.from({ length: 20 }, () => draw(20, next));
    const run = (gamma: number | (() => number), name: string): number[] => {
      const x = variable(name, [20], start);
      const optimizer = tiger({ learningRate: 0.01, weightDecay: 0, relative: false, beta: 0.5, gamma });
      for (const gradient of gradients) step(optimizer, [[x, gradient]]);
      return array(x);
    };
    expect(run(() => 1, 'scheduled')).toEqual(run(1, 'constant'));
    let [theta, m] = [start, new Float64Array(20)];
    for (const gradient of gradients) {
      m = m.map((value, i) => 0.5 * value + 0.5 * (gradient[i] as number));
      theta = theta.map((value, i) => value - 0.01 * (m[i] as number));
    }
    expectClose(run(0, 'momentum'), theta);
  });

  it('TG-11: averaging per micro-step with 1 − (1 − β)/k comes close to β per group', () => {
    expect((1 - (1 - 0.965) / 4) ** 4).toBeCloseTo(0.9655, 4);
  });

  it('moves at the last of k micro-steps only, and counts its schedule in updates, as all optimizers do', () => {
    const seen: number[] = [];
    const learningRate = (t: number): number => (seen.push(t), t / 8);
    const optimizer = tiger({ accumulationSteps: 3, learningRate, relative: false, weightDecay: 0 });
    const x = variable('x', [1], [0]);
    const path = [1, 1, 1, 1, 1, 1].map(() => {
      step(optimizer, [[x, [1]]]);
      return array(x)[0];
    });
    expect(path).toEqual([0, 0, -0.125, -0.125, -0.125, -0.375]);
    expect(new Set(seen)).toEqual(new Set([1, 2]));
  });

  it('takes the author’s schedule, whose knots count micro-steps, through a helper that says so', () => {
    const knots = { 40_000: 1, 160_000: 0.5 };
    const schedule = schedules.piecewiseLinear(knots);
    const learningRate = schedules.ofMicroSteps({ accumulationSteps: 4, schedule });
    const optimizer = tiger({ learningRate, accumulationSteps: 4 });
    for (const update of [1, 10_000, 20_000]) {
      expect(optimizer.hyperparameters(update).learningRate).toBe(schedule(4 * update));
    }
    expect(schedules.fromDescription(learningRate.description!)(7)).toBe(schedule(28));
  });

  it('does not pretend to know lazy rows under accumulation', () => {
    expect(() => tiger({ accumulationSteps: 2, lazyRows: { match: /embeddings/ } })).toThrow(
      'lazyRows does not go with accumulationSteps',
    );
  });
});
