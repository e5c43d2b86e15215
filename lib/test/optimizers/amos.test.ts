import { afterEach, describe, expect, it } from 'vitest';
import { adam, amos, amosSchedule, lamb, lion, reference, stateBytes } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, stateOf, step, values, variable } from './support';

afterEach(() => tf.disposeVariables());

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] as number), 0);
const norm = (a: ArrayLike<number>): number => Math.sqrt(dot(a, a));

describe('the strategies that article 04 derives', () => {
  it('AM-1: the expansion of ‖ε‖² is exact with its two dropped terms, which are of third order', () => {
    const next = normal(1);
    const [theta, target, u] = [draw(50, next), draw(50, next), draw(50, next)];
    const dropped = [1e-2, 1e-3].map((alpha) => {
      const rho = alpha ** 2;
      const error = theta.map((value, i) => value - (target[i] as number));
      const after = theta.map(
        (value, i) => value - alpha * (u[i] as number) - rho * value - (target[i] as number),
      );
      const kept =
        dot(error, error) -
        2 * alpha * dot(u, error) +
        (alpha ** 2 * dot(u, u) - 2 * rho * dot(theta, error));
      const rest = 2 * alpha * rho * dot(u, theta) + rho ** 2 * dot(theta, theta);
      expect(kept + rest).toBeCloseTo(dot(after, after), 10);
      return Math.abs(rest);
    });
    expect((dropped[0] as number) / (dropped[1] as number)).toBeGreaterThan(900);
    expect((dropped[0] as number) / (dropped[1] as number)).toBeLessThan(1200);
  });

  it.each([
    { a: 1e-3, square: 3.5e-4, time: 3.7e-4 },
    { a: 1e-2, square: 3.5e-3, time: 3.7e-3 },
    { a: 0.1, square: 3.5e-2, time: 3.8e-2 },
  ])('AM-2: the closed forms follow the recursion for α₀p = $a', ({ a, square, time }) => {
    const rule = (decay: 'inverseSquare' | 'inverseTime', kappa: number) =>
      amosSchedule({ alpha0: 1, sigma: 1, decay, kappa }).learningRate;
    const closed = { square: rule('inverseSquare', a), time: rule('inverseTime', 2 * a) };
    const worst = { square: 0, time: 0 };
    let [s, dynamic] = [0, 0];
    for (let t = 1; t <= 200_000; t++) {
      worst.square = Math.max(worst.square, Math.abs(closed.square(t) / Math.exp(-2 * s) - 1));
      worst.time = Math.max(worst.time, Math.abs(closed.time(t) / Math.exp(-2 * dynamic) - 1));
      s += a * Math.exp(-s);
      dynamic += a * Math.exp(-2 * dynamic);
    }
    expect(Math.abs(worst.square / square - 1)).toBeLessThan(0.12);
    expect(Math.abs(worst.time / time - 1)).toBeLessThan(0.12);
  });

  it('AM-3: the half-lives hold for the recursion too', () => {
    const T = 1000;
    let [s, dynamic] = [0, 0];
    for (let t = 0; t < T; t++) {
      s += ((Math.SQRT2 - 1) / T) * Math.exp(-s);
      dynamic += (1 / (2 * T)) * Math.exp(-2 * dynamic);
    }
    expect(Math.exp(-2 * s)).toBeCloseTo(0.49995, 4);
    expect(Math.exp(-2 * dynamic)).toBeCloseTo(0.49991, 4);
  });

  /** ‖ε_t‖² relative to its prediction after t = 100 and t = 1000 updates, where u_t has cosine p with ε_t. */
  function dynamics(target: Float64Array, theta0: Float64Array, next: () => number): number[] {
    const [alpha0, p] = [0.01, 0.1];
    const decay = amosSchedule({
      alpha0: 1,
      sigma: 1,
      decay: 'inverseSquare',
      kappa: alpha0 * p,
    }).learningRate;
    const errorOf = (of: Float64Array): Float64Array => of.map((value, i) => value - (target[i] as number));
    const start = norm(errorOf(theta0));
    const ratios: number[] = [];
    let theta = theta0;
    for (let t = 0; t <= 1000; t++) {
      const error = errorOf(theta);
      const size = norm(error);
      if (t === 100 || t === 1000) ratios.push(size ** 2 / (start ** 2 * decay(t + 1)));
      const noise = draw(theta.length, next);
      const along = dot(noise, error) / size ** 2;
      const across = noise.map((value, i) => value - along * (error[i] as number));
      const length = norm(across);
      const [alpha, rho] = [alpha0 * start * decay(t + 1), (alpha0 ** 2 / 2) * decay(t + 1)];
      theta = theta.map((value, i) => {
        const u = (p * (error[i] as number)) / size + (Math.sqrt(1 - p * p) * (across[i] as number)) / length;
        return value - alpha * u - rho * value;
      });
    }
    return ratios;
  }

  it('AM-4: in the idealised dynamics ‖ε‖² falls as predicted', () => {
    const next = normal(2);
    const [early, late] = dynamics(new Float64Array(2000), draw(2000, next), next);
    expect(early).toBeCloseTo(0.9997, 2);
    expect(late).toBeCloseTo(0.998, 2);
  });

  it('AM-5: for a kernel, whose optimum is independent of its start, it falls a few percent more slowly', () => {
    const next = normal(5);
    const [early, late] = dynamics(draw(2000, next), draw(2000, next), next);
    expect(early).toBeCloseTo(1.005, 2);
    expect(Math.abs((late as number) - 1.048)).toBeLessThan(0.01);
  });

  it('AM-6: BERT base: α = 4.005e-5, ρ = 6.16e-7, λ = 0.01538', () => {
    const { learningRate, weightDecay } = amosSchedule({ alpha0: 1.11e-3, sigma: 768 ** -0.5 });
    expect(learningRate(1)).toBeCloseTo(4.005e-5, 8);
    expect(learningRate(1) * weightDecay).toBeCloseTo(6.16e-7, 9);
    expect(weightDecay).toBeCloseTo(0.01538, 5);
    // q enters the decay only.
    expect(amosSchedule({ alpha0: 1.11e-3, sigma: 768 ** -0.5, q: 0.5 }).weightDecay).toBeCloseTo(
      2 * weightDecay,
      12,
    );
  });

  it('AM-7: with a sign the step is α₀‖ε₀‖ long whatever the scale of the gradient', () => {
    const [sigma, k] = [0.25, 400];
    const rule = amosSchedule({ alpha0: 0.01, sigma, halfLife: 100 });
    for (const scale of [1e-6, 1, 1e6]) {
      const x = variable('x', [k], new Float64Array(k));
      step(lion(rule), [[x, draw(k, normal(3)).map((value) => scale * value)]]);
      expect(norm(values(x))).toBeCloseTo(0.01 * sigma * Math.sqrt(k), 6);
      x.dispose();
    }
  });

  it('AM-8: with ‖θ‖ in the place of ‖ε₀‖ it is LAMB: the same direction, a step of η‖θ‖', () => {
    const next = normal(4);
    const [start, gradient] = [draw(30, next), draw(30, next)];
    const x = variable('x', [30], start);
    step(lamb({ learningRate: 0.01, weightDecay: 0, epsilon: 0 }), [[x, gradient]]);
    const move = Array.from(values(x)).map((value, i) => value - (start[i] as number));
    expect(norm(move)).toBeCloseTo(0.01 * norm(start), 6);
    const direction = gradient.map((value) => -Math.sign(value));
    expect(dot(move, direction) / norm(move) / norm(direction)).toBeCloseTo(1, 5);
  });

  it('refuses scales that are not positive', () => {
    expect(() => amosSchedule({ alpha0: 0, sigma: 1 })).toThrow('alpha0 must be greater than 0');
    expect(() => amosSchedule({ alpha0: 1, sigma: 1, kappa: 1, halfLife: 1 })).toThrow(
      'either kappa or halfLife',
    );
  });
});

describe('Amos', () => {
  it('gives the values that its equations give by hand', async () => {
    // ξ = 1, η̃ = 1, β = 0.5, θ = 1. t = 1, g = 2: v = 2, r = 0.5/2 = 1/4, c = d = 1, γ = 1/4·4 = 1;
    // θ ← 1 − (1·1/2·2 + 1/2·1) = −0.5; b = 0 + 1(1 + 0) = 1
    const optimizer = amos({ learningRate: 1, scale: 1, beta: 0.5 });
    const x = variable('x', [1], [1]);
    step(optimizer, [[x, [2]]]);
    expectClose(values(x), [-0.5]);
    // t = 2, g = −1: v = 1.5, r = 0.75/1.5 = 1/2, c = (1.25)^(−1/2), d = 1/1.25 = 0.8, γ = 0.8944272·0.5 = 0.4472136;
    // θ ← −0.5 − 0.8(−√0.5 + 0.2236068·(−0.5)) = −0.5 − 0.8(−0.7071068 − 0.1118034) = 0.1551282; b = 1 + 0.4472136·2
    step(optimizer, [[x, [-1]]]);
    expectClose(values(x), [0.1551282]);
    expectClose((await stateOf(optimizer))['x/accumulatedDecay'] ?? [], [1.8944272]);
  });

  it('AM-9: finds the parabola’s minimum to 1e-7', () => {
    const twin = reference.amos(3, { learningRate: 1, scale: 1, beta: 0.999 });
    const target = [1, -1, 1];
    let theta: Float64Array = Float64Array.of(-1, 10, 1);
    for (let t = 0; t < 10_000; t++)
      theta = twin.step(
        theta,
        theta.map((value, i) => 2 * (value - (target[i] as number))),
      );
    theta.forEach((value, i) => expect(Math.abs(value - (target[i] as number))).toBeLessThan(1e-7));

    const optimizer = amos({ learningRate: 1, scale: 1, beta: 0.999 });
    const x = variable('x', [3], [-1, 10, 1]);
    for (let t = 0; t < 2000; t++)
      step(optimizer, [[x, values(x).map((value, i) => 2 * (value - (target[i] as number)))]]);
    expectClose(values(x), target, { rtol: 1e-6 });
  });

  it('AM-9: finds Rosenbrock’s minimum to 1e-7 with clipping and momentum', () => {
    const twin = reference.amos(2, { learningRate: 0.5, scale: 1, beta: 0.5, momentum: 0.9 });
    let theta: Float64Array = new Float64Array(2);
    for (let t = 0; t < 10_000; t++) {
      const [a, b] = theta as unknown as [number, number];
      const gradient = Float64Array.of(-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a));
      theta = twin.step(
        theta,
        gradient.map((value) => Math.max(-1, Math.min(1, value))),
      );
    }
    theta.forEach((value) => expect(Math.abs(value - 1)).toBeLessThan(1e-7));
  });

  it('AM-10: it keeps two numbers per output of a matrix: 794 for the MLP, Adam 470,292', () => {
    const shapes = [[784, 256], [256], [256, 128], [128], [128, 10], [10]];
    expect(stateBytes(amos(), shapes)).toBe(4 * 794);
    expect(stateBytes(adam(), shapes)).toBe(4 * 470_292);
  });

  it('has scales and reduced axes by role, and by groups', () => {
    const optimizer = amos({
      learningRate: 1,
      groups: [
        { match: 'relu/kernel', scale: Math.sqrt(2 / 4) },
        { match: 'filter', reducedAxes: [0, 1] },
      ],
    });
    const shapeOf = (name: string, shape: number[]) =>
      optimizer.slotsFor({ name, shape }).secondMoment?.shape;
    expect(shapeOf('kernel', [784, 256])).toEqual([1, 256]);
    expect(shapeOf('token_embedding', [1000, 32])).toEqual([1000, 1]);
    expect(shapeOf('bias', [256])).toEqual([]);
    expect(shapeOf('gain', [])).toEqual([]);
    expect(shapeOf('filter', [3, 3, 8, 16])).toEqual([1, 1, 8, 16]);
    expect(() => optimizer.slotsFor({ name: 'filter', shape: [3] })).toThrow(
      'reducedAxes names axis 1, but "filter" has shape [3]',
    );

    // The first step is ξη̃·sign(g) where all squares are equal; the decay γ/2 acts on θ = 0.
    const shapes = { 'relu/kernel': [4, 1], kernel: [4, 1], embedding: [1, 2], bias: [4], gamma: [4] };
    const expected = { 'relu/kernel': Math.sqrt(0.5), kernel: 0.5, embedding: 1, bias: 0.5, gamma: 1 };
    for (const [name, shape] of Object.entries(shapes)) {
      const size = shape.reduce((a, b) => a * b, 1);
      const x = variable(name, shape, new Float64Array(size));
      step(optimizer, [[x, new Float64Array(size).fill(3)]]);
      expectClose(values(x), new Float64Array(size).fill(-expected[name as keyof typeof expected]), {
        rtol: 1e-3,
      });
      optimizer.dispose();
    }
  });
});
