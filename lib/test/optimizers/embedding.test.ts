/** What article 07 says about rows of rare tokens under sign optimizers. */
import { afterEach, describe, expect, it } from 'vitest';
import { adam, lion, reference, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, step, values, variable } from './support';

afterEach(() => tf.disposeVariables());

describe('a row under a momentum whose sign stays', () => {
  const [eta, lambda] = [0.01, 0.5];
  const run = (start: number, steps: number, sign: number): number => {
    const twin = reference.lion(1, { learningRate: eta, weightDecay: lambda });
    let theta: Float64Array = Float64Array.of(start);
    for (let t = 0; t < steps; t++) theta = twin.step(theta, Float64Array.of(t === 0 ? sign : 0));
    return theta[0] as number;
  };

  it('EM-1: tends to −sign(m)/λ', () => {
    expect(run(0.3, 5000, 1)).toBeCloseTo(-1 / lambda, 8);
    expect(run(0.3, 5000, -1)).toBeCloseTo(1 / lambda, 8);
  });

  it('EM-2: follows θ* + (1 − ηλ)^t (θ₀ − θ*)', () => {
    const fixed = -1 / lambda;
    for (const t of [1, 10, 100, 139])
      expect(run(0.3, t, 1)).toBeCloseTo(fixed + (1 - eta * lambda) ** t * (0.3 - fixed), 10);
    // Half of the way is made after ln 2/(ηλ) = 138.6 steps.
    expect(run(0, 139, 1)).toBeCloseTo(fixed / 2, 2);
  });

  it('EM-3: never leaves the box |θ| ≤ 1/λ from inside, for Tiger neither', () => {
    const next = normal(1);
    const twin = reference.tiger(16, { learningRate: 0.01, weightDecay: 0.5 });
    let theta = draw(16, next);
    theta = theta.map((value) => Math.max(-2, Math.min(2, value)));
    for (let t = 0; t < 2000; t++) {
      theta = twin.step(
        theta,
        draw(16, next).map((value) => value + 1),
      );
      for (const value of theta) expect(Math.abs(value)).toBeLessThanOrEqual(2 + 1e-12);
    }
  });

  it('EM-4: under the rate of its own root mean square it grows logistically, to K/2 after ln(2K/r₀)/α', () => {
    const [d, alpha, K, r0] = [64, 1e-3, 100, 0.02];
    const twin = reference.tiger(d, { learningRate: alpha, weightDecay: 1 / K });
    const next = normal(2);
    let theta = draw(d, next);
    const size = (x: Float64Array): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / d);
    theta = theta.map((value) => (value * r0) / size(theta));
    const gradient = draw(d, next);
    let t = 0;
    while (size(theta) < K / 2) {
      theta = twin.step(theta, t === 0 ? gradient : new Float64Array(d));
      t += 1;
    }
    expect(Math.log((2 * K) / r0) / alpha).toBeCloseTo(9210, -1);
    expect(Math.abs(t / (Math.log((2 * K) / r0) / alpha) - 1)).toBeLessThan(0.05);
  });

  it('EM-5: Adam moves 31.8 η after a single gradient in all, whatever its size', () => {
    const expected = (1 - 0.9) / Math.sqrt(1 - 0.999) / (1 - 0.9 / Math.sqrt(0.999));
    expect(expected).toBeCloseTo(31.8, 1);
    for (const size of [1, 1e-3]) {
      const optimizer = adam({ learningRate: 1, epsilon: 1e-30 });
      const x = variable('x', [1], [0]);
      // The long run: the bias corrections are over.
      optimizer.iterations = 100_000;
      for (let t = 0; t < 300; t++) step(optimizer, [[x, [t === 0 ? size : 0]]]);
      expect(Math.abs(-(values(x)[0] as number) / expected - 1)).toBeLessThan(0.01);
      x.dispose();
    }
  });

  it('EM-6: sign(m) survives about 2034 steps where subnormals are flushed, forever in JavaScript’s float32', () => {
    const [beta, smallestNormal] = [0.965, 2 ** -126];
    const count = Math.ceil(Math.log(smallestNormal / 3.5e-7) / Math.log(beta));
    expect(Math.abs(count - 2034)).toBeLessThanOrEqual(1);
    let m = Math.fround(3.5e-7);
    for (let t = 0; t < 10_000; t++) m = Math.fround(Math.fround(beta) * m);
    // 14 units in the last place of a subnormal: round(0.965 · 14) = 14
    expect(m / 2 ** -149).toBe(14);
  });

  it('EM-8: a token that is never seen has m = 0: it only decays, by ∏(1 − ηλ)', () => {
    for (const make of [tiger, lion]) {
      const optimizer = make({ learningRate: 0.01, weightDecay: 0.5 });
      const x = variable('x', [4], [1, 1, 1, 1]);
      let expected = 1;
      for (let t = 0; t < 50; t++) {
        step(optimizer, [[x, [0, 0, 0, 0]]]);
        expected *= 1 - 0.01 * (make === tiger ? expected : 1) * 0.5;
      }
      expectClose(values(x), [expected, expected, expected, expected]);
      x.dispose();
    }
  });
});
