import { afterEach, describe, expect, it } from 'vitest';
import { adaFactor, adaX, adaXW, reference } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, step, values, variable } from './support';

afterEach(() => tf.disposeVariables());

describe('AdaX', () => {
  it('gives the values that its equations give by hand', () => {
    // β₂ = 1, so (1 + β₂)^t − 1 = 1, 3: β̂ = 0, then 1 − 1/3. g = 2: v̂ = 4; m = 1; u = 1/2.
    // g = 1: v̂ = 4·2/3 + 1/3 = 3; m = 0.5·1 + 0.5·1 = 1; u = 1/√3.
    const x = variable('x', [1], [1]);
    const optimizer = adaX({ learningRate: 0.1, beta1: 0.5, beta2: 1, epsilon: 0 });
    step(optimizer, [[x, [2]]]);
    expectClose(values(x), [0.95]);
    step(optimizer, [[x, [1]]]);
    expectClose(values(x), [0.95 - 0.1 / Math.sqrt(3)]);
  });

  it('AX-1: the recursion for v̂ is the definition', () => {
    const next = normal(1);
    const optimizer = adaX();
    let [v, recursive] = [0, 0];
    for (let t = 1; t <= 30_000; t++) {
      const square = next() ** 2;
      v = (1 + 1e-4) * v + 1e-4 * square;
      const { beta2, oneMinusBeta2 } = optimizer.hyperparameters(t);
      recursive = beta2 * recursive + oneMinusBeta2 * square;
      if (t % 1000 === 1)
        expect(Math.abs(recursive / (v / Math.expm1(t * Math.log1p(1e-4))) - 1)).toBeLessThan(1e-11);
    }
  });

  it('AX-2: β̂ starts at 0, grows, and tends to 1', () => {
    const optimizer = adaX();
    const betas = [1, 2, 10, 100, 1e3, 1e4, 5e4, 1e5].map((t) => optimizer.hyperparameters(t));
    expect(betas[0]?.beta2).toBeCloseTo(0, 12);
    betas.slice(1).forEach(({ beta2 }, i) => expect(beta2).toBeGreaterThan(betas[i]?.beta2 ?? 1));
    const expected = [1, undefined, 0.09996, 9.95e-3, 9.51e-4, 5.82e-5, 6.79e-7, 4.54e-9];
    expected.forEach((rest, i) => {
      if (rest !== undefined) expect((betas[i]?.oneMinusBeta2 ?? 0) / rest).toBeCloseTo(1, 2);
    });
  });

  it('AX-3: on a constant gradient the first updates are 0.1, 0.19 and 0.271 of the learning rate', () => {
    const x = variable('x', [1], [0]);
    const optimizer = adaX({ learningRate: 1, epsilon: 0 });
    const path = [1, 2, 3].map(() => {
      step(optimizer, [[x, [7]]]);
      return values(x)[0] as number;
    });
    expectClose(path, [-0.1, -0.29, -0.561]);
  });

  it('AX-4: β̂ is 0 at first for AdaX, AdaFactor and Adam; only Adam’s limit is below 1', () => {
    expect(adaX().hyperparameters(1).oneMinusBeta2).toBeCloseTo(1, 12);
    expect(adaFactor().hyperparameters(1).oneMinusBeta2).toBe(1);
    expect(adaX().hyperparameters(1e6).oneMinusBeta2).toBeLessThan(1e-30);
    expect(adaFactor().hyperparameters(1e9).oneMinusBeta2).toBeLessThan(1e-7);
  });

  it('AX-5: late jitter of v̂: AdaX far below AdaFactor, AdaFactor far below Adam', () => {
    const steps = 100_000;
    const rules = { adaX: adaX(), adaFactor: adaFactor() };
    const next = normal(2);
    const v = { adam: 0, adaX: 0, adaFactor: 0 };
    const jitter: Record<keyof typeof v, number[]> = { adam: [], adaX: [], adaFactor: [] };
    for (let t = 1; t <= steps; t++) {
      const square = next() ** 2;
      const rest = {
        adam: 0.001 / -Math.expm1(t * Math.log(0.999)),
        adaX: rules.adaX.hyperparameters(t).oneMinusBeta2,
        adaFactor: rules.adaFactor.hyperparameters(t).oneMinusBeta2,
      };
      for (const name of ['adam', 'adaX', 'adaFactor'] as const) {
        const change = rest[name] * (square - v[name]);
        v[name] += change;
        if (t > steps - 1000) jitter[name].push(Math.abs(change) / v[name]);
      }
    }
    const median = (name: keyof typeof v): number => jitter[name].sort((a, b) => a - b)[500] as number;
    for (const [name, expected] of [
      ['adam', 8.0e-4],
      ['adaFactor', 8.1e-5],
      ['adaX', 3.9e-9],
    ] as const) {
      expect(median(name) / expected).toBeGreaterThan(0.5);
      expect(median(name) / expected).toBeLessThan(2);
    }
  });

  it('AX-6: it never forgets: after gradients shrank tenfold √v̂ stays where it was', () => {
    const root = (rest: (t: number) => number): number => {
      let v = 0;
      for (let t = 1; t <= 1e5; t++) v += rest(t) * ((t <= 5e4 ? 1 : 0.01) - v);
      return Math.sqrt(v);
    };
    const [x, factor] = [adaX(), adaFactor()];
    expect(root((t) => x.hyperparameters(t).oneMinusBeta2)).toBeGreaterThan(0.9);
    expect(root((t) => factor.hyperparameters(t).oneMinusBeta2)).toBeLessThan(0.15);
    expect(root((t) => 0.001 / -Math.expm1(t * Math.log(0.999)))).toBeLessThan(0.15);
  });

  it('AX-7: float32 would be off by 1.7e-4 at the first step and overflow near step 887,273; this is neither', () => {
    expect(Math.abs((Math.fround(1 + 1e-4) - 1) / 1e-4 - 1)).toBeCloseTo(1.66e-4, 5);
    expect(Math.log(3.4028e38) / Math.log(1.0001)).toBeCloseTo(887_273, -1);
    const optimizer = adaX({ learningRate: 0.5, beta1: 0 });
    expect(Math.abs(optimizer.hyperparameters(1).oneMinusBeta2 - 1)).toBeLessThan(1e-15);
    const x = variable('x', [1], [0]);
    step(optimizer, [[x, [2]]]);
    optimizer.iterations = 1_000_000;
    step(optimizer, [[x, [2]]]);
    expectClose(values(x), [-1]);
    optimizer.iterations = 100_000_000;
    step(optimizer, [[x, [2]]]);
    expectClose(values(x), [-1.5]);
  });

  it('puts ε where it is told', () => {
    const first = (epsilonPlacement: 'outside' | 'inside' | 'unnormalized'): number => {
      const x = variable(epsilonPlacement, [1], [0]);
      step(adaX({ learningRate: 1, beta1: 0, epsilon: 0.25, epsilonPlacement, beta2: 0.25 }), [[x, [1]]]);
      return -(values(x)[0] as number);
    };
    // v̂ = 1: 1/(1 + 0.25), 1/√1.25, 1/(1 + 0.25/√0.25)
    expectClose(
      [first('outside'), first('inside'), first('unnormalized')],
      [0.8, 1 / Math.sqrt(1.25), 2 / 3],
    );
  });

  it('AdaX-W has its authors’ defaults and decouples the decay', () => {
    expect(adaXW().settings).toMatchObject({ learningRate: 5e-3, weightDecay: 0.05, epsilon: 1e-12 });
    const gradient = draw(5, normal(3));
    const x = variable('x', [5], [1, 1, 1, 1, 1]);
    step(adaXW(), [[x, gradient]]);
    const twin = reference.adaX(5, { learningRate: 5e-3, weightDecay: 0.05, epsilon: 1e-12 });
    expectClose(values(x), twin.step(new Float64Array(5).fill(1), gradient));
  });
});
