import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schedules, type Schedule } from '../../src/optimizers';

const {
  constant,
  cosine,
  inverseSquare,
  inverseSquareRoot,
  inverseTime,
  linear,
  piecewiseLinear,
  product,
  warmUp,
} = schedules;
const at = (schedule: Schedule, steps: readonly number[]): number[] => steps.map((step) => schedule(step));

describe('schedules', () => {
  it('constant', () => {
    expect(at(constant(0.5), [1, 1e9])).toEqual([0.5, 0.5]);
  });

  it('linear uses the first value at step 1 and reaches the last after `steps` updates', () => {
    expect(at(linear({ from: 1, steps: 4 }), [1, 2, 4, 5, 100])).toEqual([1, 0.75, 0.25, 0, 0]);
    expect(at(linear({ from: 0.1, to: 0.3, steps: 2 }), [1, 3])).toEqual([0.1, 0.3]);
  });

  it('cosine is half a wave between its ends', () => {
    const schedule = cosine({ from: 1, to: 0.2, steps: 100 });
    expect(schedule(1)).toBe(1);
    expect(schedule(51)).toBeCloseTo(0.6, 12);
    expect(schedule(26)).toBeCloseTo(0.2 + 0.4 * (1 + Math.SQRT1_2), 12);
    expect(at(schedule, [101, 1000])).toEqual([0.2, 0.2]);
  });

  it('warm-up reaches the first value of what follows at its last step, and what follows starts after it', () => {
    const schedule = warmUp({ steps: 4, then: linear({ from: 1, steps: 2 }) });
    expect(at(schedule, [1, 2, 3, 4, 5, 6, 7])).toEqual([0.25, 0.5, 0.75, 1, 1, 0.5, 0]);
    expect(at(warmUp({ steps: 2, from: 0.5, then: 1 }), [1, 2, 3])).toEqual([0.75, 1, 1]);
  });

  it('TG-5: piecewise linear has its values at the knots, is constant after the last and starts at (0, 0)', () => {
    const knots = { 40000: 1, 160000: 0.5, 640000: 0.1, 1280000: 0.01 };
    const schedule = piecewiseLinear(knots);
    expect(schedule(1)).toBe(0);
    for (const [updates, value] of Object.entries(knots)) expect(schedule(Number(updates) + 1)).toBe(value);
    expect(schedule(20001)).toBe(0.5);
    expect(schedule(100001)).toBe(0.75);
    expect(schedule(1e7)).toBe(0.01);
    expect(at(piecewiseLinear({ 0: 1 }), [1, 2, 1e6])).toEqual([1, 1, 1]);
    expect(
      piecewiseLinear([
        [10, 2],
        [0, 1],
      ])(6),
    ).toBe(1.5);
  });

  it('powers of time have the half-life that was asked for', () => {
    for (const schedule of [inverseTime, inverseSquare, inverseSquareRoot]) {
      expect(schedule({ initial: 0.2, halfLife: 1000 })(1)).toBe(0.2);
      expect(schedule({ initial: 0.2, halfLife: 1000 })(1001)).toBeCloseTo(0.1, 14);
      expect(schedule({ initial: 0.2, kappa: 0 })(1001)).toBe(0.2);
    }
    expect(inverseTime({ initial: 1, kappa: 0.5 })(3)).toBe(0.5);
    expect(inverseSquare({ initial: 1, kappa: 0.5 })(3)).toBe(0.25);
    expect(inverseSquareRoot({ initial: 1, kappa: 1.5 })(3)).toBe(0.5);
  });

  it('multiply', () => {
    expect(product(3, linear({ from: 1, steps: 2 }), 2)(2)).toBe(3);
  });

  it('survive JSON', () => {
    const schedule = warmUp({
      steps: 5,
      then: product(0.1, piecewiseLinear({ 3: 1, 9: 0.5 }), inverseTime({ initial: 2, kappa: 0.1 })),
    });
    const text = JSON.stringify(schedule.description);
    const copy = schedules.fromDescription(JSON.parse(text) as schedules.ScheduleDescription);
    const steps = Array.from({ length: 30 }, (_, i) => i + 1);
    expect(at(copy, steps)).toEqual(at(schedule, steps));
  });

  it('never leave the range of their ends', () => {
    const value = fc.double({ min: 0, max: 10, noNaN: true });
    fc.assert(
      fc.property(
        value,
        value,
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 3000 }),
        (from, to, steps, step) => {
          for (const schedule of [
            linear({ from, to, steps }),
            cosine({ from, to, steps }),
            piecewiseLinear([
              [0, from],
              [steps, to],
            ]),
          ]) {
            expect(schedule(step)).toBeGreaterThanOrEqual(Math.min(from, to) * (1 - 1e-15));
            expect(schedule(step)).toBeLessThanOrEqual(Math.max(from, to) * (1 + 1e-15));
          }
        },
      ),
    );
  });

  it('refuse what makes no sense', () => {
    expect(() => linear({ from: 1, steps: 0 })).toThrow('steps must be a positive integer, got 0');
    expect(() => cosine({ from: NaN, steps: 1 })).toThrow('from must be a finite number, got NaN');
    expect(() => piecewiseLinear({})).toThrow('at least one knot');
    expect(() =>
      piecewiseLinear([
        [1, 1],
        [1, 2],
      ]),
    ).toThrow('Two knots stand at 1');
    expect(() => piecewiseLinear([[-1, 1]])).toThrow('A knot must stand at 0 or later, got -1');
    expect(() => inverseTime({ initial: 1 })).toThrow('either kappa or halfLife, got neither');
    expect(() => inverseTime({ initial: 1, kappa: 1, halfLife: 1 })).toThrow('got both');
    expect(() => inverseTime({ initial: 1, kappa: -1 })).toThrow('kappa must be at least 0');
    expect(() => inverseTime({ initial: 1, halfLife: 0 })).toThrow('halfLife must be greater than 0');
    expect(() => warmUp({ steps: 1, then: (step) => step })).toThrow('plain function');
    expect(() => linear({ from: 1, steps: 2 })(0)).toThrow('counts from 1, got 0');
  });
});
