import { afterEach, describe, expect, it } from 'vitest';
import { adamW, amosSchedule, lion, lionBetas, reference, signum, stateBytes } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, stateOf, step, values, variable, type AnyOptimizer } from './support';

afterEach(() => tf.disposeVariables());

/** θ after each step of `optimizer` with these gradients. */
function trajectory(
  optimizer: AnyOptimizer,
  start: ArrayLike<number>,
  gradients: readonly ArrayLike<number>[],
): number[][] {
  const x = variable('x', [start.length], start);
  const path = gradients.map((gradient) => {
    step(optimizer, [[x, gradient]]);
    return Array.from(values(x));
  });
  x.dispose();
  optimizer.dispose();
  return path;
}

const noise = (steps: number, size: number, seed: number): Float64Array[] => {
  const next = normal(seed);
  return Array.from({ length: steps }, () => draw(size, next));
};

describe('Lion', () => {
  it('gives the values that its equations give by hand', async () => {
    // η = 0.1, λ = 0.5, β₁ = 0.9, β₂ = 0.99, θ₀ = 1, g = 2, −0.1, −0.3
    const optimizer = lion({ learningRate: 0.1, weightDecay: 0.5 });
    const x = variable('x', [1], [1]);
    // u = sign(0.1·2) = 1;                           θ = 1 − 0.1(1 + 0.5·1) = 0.85;          m = 0.01·2 = 0.02
    step(optimizer, [[x, [2]]]);
    expectClose(values(x), [0.85]);
    expectClose((await stateOf(optimizer))['x/momentum'] ?? [], [0.02]);
    // u = sign(0.9·0.02 − 0.1·0.1 = 0.008) = 1, against the gradient's sign;
    // θ = 0.85 − 0.1(1 + 0.425) = 0.7075;            m = 0.99·0.02 − 0.01·0.1 = 0.0188
    step(optimizer, [[x, [-0.1]]]);
    expectClose(values(x), [0.7075]);
    expectClose((await stateOf(optimizer))['x/momentum'] ?? [], [0.0188]);
    // u = sign(0.9·0.0188 − 0.1·0.3 = −0.01308) = −1, against the new momentum's sign;
    // θ = 0.7075 − 0.1(−1 + 0.35375) = 0.772125;     m = 0.99·0.0188 − 0.01·0.3 = 0.015612
    step(optimizer, [[x, [-0.3]]]);
    expectClose(values(x), [0.772125]);
    expectClose((await stateOf(optimizer))['x/momentum'] ?? [], [0.015612]);
  });

  it('has the β pairs of its authors', () => {
    expect(lion().settings).toMatchObject(lionBetas.vision);
    expect(lion(lionBetas.language).settings).toMatchObject({ beta1: 0.95, beta2: 0.98 });
    expect(lionBetas.vision).toEqual({ beta1: 0.9, beta2: 0.99 });
  });

  it('accepts β₁ = 0, where the update is the sign of the gradient', () => {
    const [after] = trajectory(lion({ beta1: 0, learningRate: 0.5 }), [0, 0, 0], [[3, -2, 0]]);
    expect(after).toEqual([-0.5, 0.5, 0]);
  });

  it('LI-1: its update is −1, 0 or 1, of norm √k without zeros, and a step at most η(1 + λ|θ|)', () => {
    const k = 257;
    const eta = 2 ** -6;
    const gradients = noise(20, k, 1);
    // From 0 with a dyadic rate and no decay, the steps are exact multiples of η.
    let before = new Array<number>(k).fill(0);
    for (const after of trajectory(lion({ learningRate: eta }), before, gradients)) {
      const u = after.map((value, i) => ((before[i] as number) - value) / eta);
      expect(u.every((value) => value === 1 || value === -1)).toBe(true);
      expect(Math.hypot(...u)).toBeCloseTo(Math.sqrt(k), 10);
      before = after;
    }
    const withZeros = gradients.map((gradient) => gradient.map((value, i) => (i % 3 === 0 ? 0 : value)));
    const [first] = trajectory(lion({ learningRate: eta }), new Array<number>(k).fill(0), withZeros);
    expect(first?.every((value, i) => (i % 3 === 0 ? value === 0 : Math.abs(value) === eta))).toBe(true);

    const weightDecay = 0.7;
    let theta = Array.from(draw(k, normal(2)));
    for (const after of trajectory(lion({ learningRate: eta, weightDecay }), theta, gradients)) {
      after.forEach((value, i) => {
        const bound = eta * (1 + weightDecay * Math.abs(theta[i] as number));
        expect(Math.abs(value - (theta[i] as number))).toBeLessThanOrEqual(bound * (1 + 1e-4));
      });
      theta = after;
    }
  });

  it.each([2 ** 12, 2 ** -12])('LI-2: scaling the loss by %d leaves the trajectory identical', (scale) => {
    const gradients = noise(100, 50, 3);
    const start = draw(50, normal(4));
    const options = { learningRate: 0.01, weightDecay: 0.1 };
    const plain = trajectory(lion(options), start, gradients);
    expect(
      trajectory(
        lion(options),
        start,
        gradients.map((g) => g.map((value) => scale * value)),
      ),
    ).toEqual(plain);
  });

  it('LI-3: with β₁ = β₂ it is Signum, bit for bit', () => {
    const gradients = noise(200, 50, 5);
    const start = draw(50, normal(6));
    const shared = { learningRate: 0.01, weightDecay: 0.1 };
    const asLion = trajectory(lion({ ...shared, beta1: 0.945, beta2: 0.945 }), start, gradients);
    expect(trajectory(signum({ ...shared, beta: 0.945 }), start, gradients)).toEqual(asLion);
    expect(trajectory(lion(shared), start, gradients)).not.toEqual(asLion);
  });

  it('LI-4: its first step is the sign of the gradient, as is that of AdamW with ε = 0', () => {
    const [gradient] = noise(1, 50, 7) as [Float64Array];
    const start = draw(50, normal(8));
    const options = { learningRate: 0.01, weightDecay: 0.1 };
    const expected = start.map((value, i) => value - 0.01 * (Math.sign(gradient[i] as number) + 0.1 * value));
    expectClose(trajectory(lion(options), start, [gradient])[0] ?? [], expected);
    expectClose(trajectory(adamW({ ...options, epsilon: 0 }), start, [gradient])[0] ?? [], expected);
  });

  it.each([
    { beta1: 0.9, expected: 0.2294, ratio: 4.36 },
    { beta1: 0.95, expected: 0.1601, ratio: 6.24 },
  ])(
    'LI-5: on pure noise the root mean square of AdamW’s update is √((1−β₁)/(1+β₁)) = $expected',
    ({ beta1, expected, ratio }) => {
      expect(Math.sqrt((1 - beta1) / (1 + beta1))).toBeCloseTo(expected, 4);
      const size = 4000;
      const next = normal(9);
      const optimizer = adamW({ learningRate: 1, weightDecay: 0, beta1 });
      const x = variable('x', [size], draw(size, next));
      for (let count = 0; count < 400; count++) step(optimizer, [[x, draw(size, next)]]);
      const before = values(x);
      step(optimizer, [[x, draw(size, next)]]);
      const u = values(x).map((value, i) => (before[i] as number) - value);
      const rootMeanSquare = Math.sqrt(u.reduce((sum, value) => sum + value * value, 0) / size);
      // 4000 draws: standard error 1.1 %; 400 steps of β₂ = 0.999 leave 1 % more.
      expect(Math.abs(rootMeanSquare / expected - 1)).toBeLessThan(0.04);
      expect(Math.abs(1 / rootMeanSquare / ratio - 1)).toBeLessThan(0.04);
    },
  );

  it('LI-6: from inside the box |θ| ≤ 1/λ it never leaves; from outside it closes in by at least 1 − ηλ', () => {
    const [learningRate, weightDecay] = [0.125, 2];
    const wall = 1 / weightDecay;
    const gradients = noise(300, 64, 10).map((gradient) =>
      gradient.map((value, i) => (i < 8 ? 1 : i < 16 ? -1 : value)),
    );
    const inside = draw(64, normal(11)).map((value) => Math.max(-wall, Math.min(wall, value)));
    const path = trajectory(lion({ learningRate, weightDecay }), inside, gradients);
    expect(Math.max(...path.flat().map(Math.abs))).toBeLessThanOrEqual(wall * (1 + 1e-6));
    // A gradient that never turns drives to the wall.
    expectClose(path.at(-1)?.slice(0, 16) ?? [], [
      ...Array<number>(8).fill(-wall),
      ...Array<number>(8).fill(wall),
    ]);

    let before = Array.from({ length: 64 }, (_, i) => (i % 2 ? 10 : -10) * wall);
    for (const after of trajectory(lion({ learningRate, weightDecay }), before, gradients)) {
      after.forEach((value, i) => {
        const excess = Math.max(0, Math.abs(before[i] as number) - wall);
        expect(Math.abs(value) - wall).toBeLessThanOrEqual((1 - learningRate * weightDecay) * excess + 1e-6);
      });
      before = after;
    }
  });

  it('LI-7: the effective decay is ηλ: (η/10, 10λ) decays alike, with AdamW too', () => {
    const start = draw(20, normal(12));
    const still = Array.from({ length: 50 }, () => new Float64Array(20));
    const expected = Array.from(start.map((value) => value * (1 - 0.01 * 0.5) ** 50));
    for (const make of [lion, adamW]) {
      for (const options of [
        { learningRate: 0.01, weightDecay: 0.5 },
        { learningRate: 0.001, weightDecay: 5 },
      ]) {
        expectClose(trajectory(make(options), start, still).at(-1) ?? [], expected);
      }
    }
  });

  it('LI-8: it keeps one number per parameter, AdamW two', () => {
    const shapes = [[784, 256], [256], [256, 128], [128], [128, 10], [10]];
    expect(stateBytes(lion(), shapes)).toBe(4 * 235_146);
    expect(stateBytes(adamW(), shapes)).toBe(4 * 470_292);
    const variables = shapes.map((shape, i) => tf.variable(tf.zeros(shape), true, `w${i}`));
    for (const [optimizer, floats] of [
      [lion(), 235_146],
      [adamW(), 470_292],
    ] as const) {
      const before = tf.memory().numBytes;
      step(
        optimizer,
        variables.map((of) => [of, new Float32Array(of.size)] as const),
      );
      expect(tf.memory().numBytes - before).toBe(4 * floats);
      optimizer.dispose();
    }
  });

  it('LI-9: the combination rule gives η = 4.005e-5 and λ = 0.01538 for BERT base', () => {
    const { learningRate, weightDecay } = amosSchedule({ alpha0: 1.11e-3, sigma: 768 ** -0.5 });
    expect(learningRate(1)).toBeCloseTo(4.005e-5, 8);
    expect(learningRate(1_000_000)).toBe(learningRate(1));
    expect(weightDecay).toBeCloseTo(0.01538, 5);
    // ρ = ηλ = α₀²/2
    expect(learningRate(1) * weightDecay).toBeCloseTo(6.16e-7, 9);
  });

  it('LI-9: with a half-life, step and decay fall together as 1/(κt + 1)', () => {
    const rule = amosSchedule({ alpha0: 0.01, sigma: 0.05, halfLife: 100 });
    expect(rule.learningRate(101)).toBeCloseTo(rule.learningRate(1) / 2, 12);
    expect(rule.learningRate(301)).toBeCloseTo(rule.learningRate(1) / 4, 12);
    const square = amosSchedule({ alpha0: 0.01, sigma: 0.05, halfLife: 100, decay: 'inverseSquare' });
    expect(square.learningRate(101)).toBeCloseTo(square.learningRate(1) / 2, 12);
    expect(lion(rule).settings.weightDecay).toBeCloseTo(0.1, 12);
    const twin = reference.lion(1, rule);
    expect(twin.step(Float64Array.of(1), Float64Array.of(3))[0]).toBeCloseTo(1 - 5e-4 * (1 + 0.1), 12);
  });
});
