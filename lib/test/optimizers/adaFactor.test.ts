import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  adaFactor,
  adam,
  factoringError,
  iDivergence,
  rankOneFactors,
  schedules,
  stateBytes,
} from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { draw, expectClose, normal, stateOf, step, uniform, values, variable } from './support';

afterEach(() => tf.disposeVariables());

const array = (of: Parameters<typeof values>[0]): number[] => Array.from(values(of));
const rms = (x: ArrayLike<number>): number =>
  Math.sqrt(Array.from(x).reduce((sum, value) => sum + value ** 2, 0) / x.length);
const positive = (size: number, seed: number): Float64Array =>
  draw(size, uniform(seed)).map((value) => value + 0.01);
const sumOf = (x: ArrayLike<number>): number => Array.from(x).reduce((sum, value) => sum + value, 0);

/** 1 − β̂ of the three rules, in float64. */
const adamRest = (t: number): number =>
  1 - (0.999 * -Math.expm1((t - 1) * Math.log(0.999))) / -Math.expm1(t * Math.log(0.999));

describe('the best factors of a matrix', () => {
  it('AF-1: satisfy both stationarity equations, and no perturbation lowers the divergence', () => {
    const [m, n] = [6, 4];
    const c = positive(m * n, 1);
    const { row, column } = rankOneFactors(c, n);
    for (let i = 0; i < m; i++)
      expect((row[i] as number) * sumOf(column)).toBeCloseTo(sumOf(c.slice(i * n, i * n + n)), 12);
    for (let j = 0; j < n; j++)
      expect((column[j] as number) * sumOf(row)).toBeCloseTo(sumOf(c.filter((_, k) => k % n === j)), 12);
    const least = iDivergence(c, row, column);
    const next = uniform(2);
    const shake = (x: Float64Array): Float64Array => x.map((value) => value * (1 + 0.1 * (next() - 0.5)));
    for (let trial = 0; trial < 10_000; trial++)
      expect(iDivergence(c, shake(row), shake(column))).toBeGreaterThan(least);
  });

  it('AF-2: are determined up to a common scale', () => {
    const c = positive(24, 3);
    const { row, column } = rankOneFactors(c, 4);
    expect(
      iDivergence(
        c,
        row.map((value) => 7 * value),
        column.map((value) => value / 7),
      ),
    ).toBeCloseTo(iDivergence(c, row, column), 12);
  });

  it('AF-3: lose the total times the mutual information, and nothing on rank 1', () => {
    const c = positive(24, 4);
    const total = sumOf(c);
    const { row, column } = rankOneFactors(c, 4);
    const information = c.reduce(
      (sum, value, k) =>
        sum +
        (value / total) *
          Math.log(
            value / total / (((row[Math.floor(k / 4)] as number) / total) * (column[k % 4] as number)),
          ),
      0,
    );
    expect(iDivergence(c, row, column)).toBeCloseTo(total * information, 12);
    expect(factoringError(c, 4)).toBeCloseTo(information, 12);
    const [a, b] = [positive(5, 5), positive(3, 6)];
    const outer = Float64Array.from(
      { length: 15 },
      (_, k) => (a[Math.floor(k / 3)] as number) * (b[k % 3] as number),
    );
    expect(factoringError(outer, 3)).toBeCloseTo(0, 12);
    expect(factoringError(new Float64Array(6), 3)).toBe(0);
    expect(() => rankOneFactors(outer, 4)).toThrow('15 elements do not make rows of 4');
  });

  it('AF-4: keep the row sums and the column sums', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 12, maxLength: 12 }),
        (values) => {
          const { row, column } = rankOneFactors(values, 3);
          if (sumOf(row) === 0) return;
          for (let i = 0; i < 4; i++)
            expect((row[i] as number) * sumOf(column)).toBeCloseTo(sumOf(values.slice(3 * i, 3 * i + 3)), 8);
          for (let j = 0; j < 3; j++)
            expect((column[j] as number) * sumOf(row)).toBeCloseTo(
              sumOf(values.filter((_, k) => k % 3 === j)),
              8,
            );
        },
      ),
    );
  });
});

describe('AdaFactor', () => {
  it('gives the values that its equations give by hand', async () => {
    // t = 1, β̂ = 0. G = [[1, 2], [2, 4]] is of rank 1, so v̂ = G² and u = sign(G); RMS(u) = 1, no clipping.
    // RMS(θ) = √((1 + 1 + 4 + 4)/4) = 1.5811; θ − 0.1·1.5811·u
    const optimizer = adaFactor({ learningRate: 0.1, minDimensionSizeToFactor: 1 });
    const x = variable('x', [2, 2], [1, 1, 2, 2]);
    step(optimizer, [[x, [1, 2, -2, 4]]]);
    const s = 0.1 * Math.sqrt(2.5);
    expectClose(values(x), [1 - s, 1 - s, 2 + s, 2 - s]);
    // Means, not sums: rows (1 + 4)/2 and (4 + 16)/2, columns (1 + 4)/2 and (4 + 16)/2.
    const state = await stateOf(optimizer);
    expectClose(state['x/rowSecondMoment'] ?? [], [2.5, 10]);
    expectClose(state['x/columnSecondMoment'] ?? [], [2.5, 10]);
  });

  it('AF-5: the averages of row sums are the row sums of the average, so either total may divide', async () => {
    const next = normal(7);
    const optimizer = adaFactor({ minDimensionSizeToFactor: 1 });
    const x = variable('x', [4, 3], draw(12, next));
    const full = new Float64Array(12);
    for (let t = 1; t <= 50; t++) {
      const gradient = draw(12, next);
      gradient.forEach((g, i) => (full[i] = (1 - t ** -0.8) * (full[i] as number) + t ** -0.8 * g ** 2));
      step(optimizer, [[x, gradient]]);
    }
    const state = await stateOf(optimizer);
    const [rows, columns] = [state['x/rowSecondMoment'] ?? [], state['x/columnSecondMoment'] ?? []];
    expectClose(
      rows,
      [0, 1, 2, 3].map((i) => sumOf(full.slice(3 * i, 3 * i + 3)) / 3),
    );
    expectClose(
      columns,
      [0, 1, 2].map((j) => sumOf(full.filter((_, k) => k % 3 === j)) / 4),
    );
    expect(3 * sumOf(rows)).toBeCloseTo(4 * sumOf(columns), 4);
  });

  it('AF-6: means and sums give the same second moment', () => {
    const c = positive(12, 8);
    const { row, column } = rankOneFactors(c, 3);
    const means = {
      row: row.map((value) => value / 3),
      column: column.map((value) => (value * sumOf(row)) / 4),
    };
    c.forEach((_, k) => {
      const [i, j] = [Math.floor(k / 3), k % 3];
      const byMeans = ((means.row[i] as number) * (means.column[j] as number)) / (sumOf(means.row) / 4);
      expect(byMeans).toBeCloseTo((row[i] as number) * (column[j] as number), 12);
    });
  });

  it('AF-7: Adam’s corrected second moment follows the recursion with β̂ = β(1 − β^(t−1))/(1 − β^t)', () => {
    const next = normal(9);
    let [v, recursive] = [0, 0];
    for (let t = 1; t <= 5000; t++) {
      const square = next() ** 2;
      v = 0.999 * v + 0.001 * square;
      const rest = adamRest(t);
      recursive = (1 - rest) * recursive + rest * square;
      expect(Math.abs(recursive / (v / -Math.expm1(t * Math.log(0.999))) - 1)).toBeLessThan(1e-10);
    }
  });

  it('AF-8: β̂ is 0 at first; then 1 − β̂ falls as a power of t, while Adam’s ends at 0.001', () => {
    expect(adaFactor().hyperparameters(1)).toMatchObject({ beta2: 0, oneMinusBeta2: 1 });
    const table = {
      10: [0.158, 0.1005],
      100: [0.0251, 0.0105],
      1e3: [3.98e-3, 1.58e-3],
      1e4: [6.31e-4, 1e-3],
      1e5: [1e-4, 1e-3],
    };
    for (const [t, [own, adams]] of Object.entries(table)) {
      expect(adaFactor().hyperparameters(Number(t)).oneMinusBeta2 / (own as number)).toBeCloseTo(1, 2);
      expect(adamRest(Number(t)) / (adams as number)).toBeCloseTo(1, 2);
    }
  });

  it('AF-9: unfactored, |u| is at most t^(c/2), reached by a jump; clipping bounds its root mean square', () => {
    const spike = (options: object): number => {
      const optimizer = adaFactor({ learningRate: 1, scaleByParameter: false, ...options });
      const x = variable('x', [1], [0]);
      for (let t = 1; t < 1000; t++) step(optimizer, [[x, [1e-6]]]);
      const before = values(x)[0] as number;
      step(optimizer, [[x, [1]]]);
      const jump = before - (values(x)[0] as number);
      x.dispose();
      return jump;
    };
    expect(spike({ clipThreshold: null })).toBeCloseTo(1000 ** 0.4, 1);
    expect(1000 ** 0.4).toBeCloseTo(15.85, 2);
    expect(spike({ clipThreshold: 1 })).toBeCloseTo(1, 3);
    expect(spike({ clipThreshold: 2 })).toBeCloseTo(2, 3);
  });

  it('AF-10: the first update of a vector is the sign of the gradient', () => {
    const gradient = draw(20, normal(10));
    const x = variable('x', [20], new Float64Array(20));
    step(adaFactor({ learningRate: 1, scaleByParameter: false }), [[x, gradient]]);
    expectClose(
      values(x),
      gradient.map((value) => -Math.sign(value)),
    );
    const y = variable('y', [64, 32], new Float64Array(2048));
    step(
      adaFactor({
        learningRate: 1,
        scaleByParameter: false,
        clipThreshold: null,
        minDimensionSizeToFactor: 1,
      }),
      [[y, draw(2048, normal(11))]],
    );
    expect(Math.abs(rms(values(y)) - 1)).toBeLessThan(0.02);
  });

  it('AF-11: it keeps m + n numbers of a matrix: 0.42 % of Adam’s for the MLP', () => {
    const shapes = [[784, 256], [256], [256, 128], [128], [128, 10], [10]];
    const all = adaFactor({ minDimensionSizeToFactor: 1 });
    expect(stateBytes(all, shapes)).toBe(4 * 1956);
    expect(stateBytes(all, shapes) / stateBytes(adam(), shapes)).toBeLessThan(0.0043);
    expect(adaFactor().slotsFor({ name: 'x', shape: [128, 10] })).toEqual({
      secondMoment: { shape: [128, 10], dtype: 'float32' },
    });
  });

  it('AF-12: a step is at most α·max(ε₂, RMS(θ)) in root mean square, and moves a tensor of zeros', () => {
    const next = normal(12);
    const optimizer = adaFactor({ learningRate: 0.1, minDimensionSizeToFactor: 1 });
    const [x, zeros] = [
      variable('x', [5, 4], draw(20, next)),
      variable('zeros', [5, 4], new Float64Array(20)),
    ];
    for (let count = 0; count < 30; count++) {
      for (const of of [x, zeros]) {
        const before = array(of);
        const single = adaFactor({ learningRate: 0.1, minDimensionSizeToFactor: 1 });
        step(count % 2 ? optimizer : single, [[of, draw(20, next)]]);
        single.dispose();
        const moved = rms(array(of).map((value, i) => value - (before[i] as number)));
        expect(moved).toBeLessThanOrEqual(0.1 * Math.max(1e-3, rms(before)) * (1 + 1e-4));
        expect(moved).toBeGreaterThan(0);
      }
    }
  });

  it('AF-13: its own learning rate is 0.01 until step 10⁴, then 1/√t', () => {
    const rate = (t: number): number => adaFactor().hyperparameters(t).learningRate;
    expect([1, 100, 10_000].map(rate)).toEqual([0.01, 0.01, 0.01]);
    expect(rate(1e6)).toBeCloseTo(1e-3, 12);
    const warm = schedules.relativeStep({ warmUp: true });
    expect([warm(1), warm(1000), warm(1e6)]).toEqual([1e-6, 1e-3, 1e-3]);
  });

  it('AF-14: scaling the loss leaves the trajectory, as long as g² is far above ε₁', () => {
    const next = normal(13);
    const start = draw(12, next);
    const gradients = Array.from({ length: 50 }, () => draw(12, next));
    const run = (scale: number): number[] => {
      const x = variable('x', [4, 3], start);
      const optimizer = adaFactor({ minDimensionSizeToFactor: 1 });
      for (const gradient of gradients) step(optimizer, [[x, gradient.map((value) => scale * value)]]);
      const result = array(x);
      x.dispose();
      return result;
    };
    expectClose(run(2 ** 20), run(1));
    expectClose(run(2 ** -20), run(1));
  });

  it('factors the two largest dimensions, wherever they stand, by their sizes', () => {
    const slots = (shape: number[], minDimensionSizeToFactor = 128) =>
      Object.fromEntries(
        Object.entries(adaFactor({ minDimensionSizeToFactor }).slotsFor({ name: 'x', shape })).map(
          ([name, slot]) => [name, slot.shape],
        ),
      );
    expect(slots([256, 3, 200])).toEqual({ rowSecondMoment: [256, 3], columnSecondMoment: [3, 200] });
    expect(slots([3, 3, 128, 128])).toEqual({
      rowSecondMoment: [3, 3, 128],
      columnSecondMoment: [3, 3, 128],
    });
    expect(slots([127, 500])).toEqual({ secondMoment: [127, 500] });
    expect(slots([127, 500], 127)).toEqual({ rowSecondMoment: [127], columnSecondMoment: [500] });
    expect(slots([1000])).toEqual({ secondMoment: [1000] });
  });

  it('stays finite on gradients of zeros, rows never seen and sizes that differ by decades', () => {
    const optimizer = adaFactor({ minDimensionSizeToFactor: 1, learningRate: 0.01 });
    const [x, embeddings] = [
      variable('x', [3, 2], [1, 2, 3, 4, 5, 6]),
      variable('embeddings', [3, 2], [1, 1, 1, 1, 1, 1]),
    ];
    const start = array(x);
    for (const size of [1e4, 1e-12, 1, 1e8]) {
      step(optimizer, [
        [x, [0, 0, 0, 0, 0, 0]],
        [embeddings, [size, -size, 0, 0, 0, size]],
      ]);
      expect(array(embeddings).every(Number.isFinite)).toBe(true);
    }
    expect(array(x)).toEqual(start);
    expect(array(embeddings).slice(2, 4)).toEqual([1, 1]);
  });

  it('averages the update before it is scaled by the learning rate', () => {
    // β₁ = 0.5: û = 1 twice; m = 0.5, 0.75; the rate of the second step acts on all of m.
    const optimizer = adaFactor({
      learningRate: (t) => (t === 1 ? 1 : 0.1),
      beta1: 0.5,
      scaleByParameter: false,
    });
    const x = variable('x', [1], [0]);
    step(optimizer, [[x, [3]]]);
    expectClose(values(x), [-0.5]);
    step(optimizer, [[x, [3]]]);
    expectClose(values(x), [-0.575]);
  });
});
