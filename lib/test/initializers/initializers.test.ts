import { describe, expect, it } from 'vitest';
import {
  constant,
  fans,
  he,
  lecun,
  normal,
  scaled,
  truncatedNormal,
  truncatedStandardDeviation,
  uniform,
  varianceScaling,
  xavier,
  type Initializer,
} from '../../src/initializers';
import { random, tf } from '../../src/runtime';

/** Standard deviation around 0 and largest absolute value of a million draws. */
function measured(initializer: Initializer, shape = [1000, 1000]) {
  return tf.tidy(() => {
    const values = initializer.draw(shape, random(4));
    const [deviation, largest] = [tf.sqrt(tf.mean(tf.square(values))), tf.max(tf.abs(values))];
    return { deviation: deviation.dataSync()[0]!, largest: largest.dataSync()[0]! };
  });
}

describe('truncatedStandardDeviation', () => {
  it('BI-1: cut at 2, a normal distribution keeps 0.7737413 of its variance', () => {
    expect(truncatedStandardDeviation(2) ** 2).toBeCloseTo(0.7737413035, 10);
    expect(1 / truncatedStandardDeviation()).toBeCloseTo(1.1368472, 7);
    expect(0.02 * truncatedStandardDeviation()).toBeCloseTo(0.0175925, 7);
  });

  it.each([0.01, 0.5, 1, 2, 3, 5])('agrees with the integrals, cut at %f', (cut) => {
    const steps = 2000;
    // Simpson's rule for the integrals of x²e^(−x²/2) and e^(−x²/2) from 0 to the cut.
    const integral = (f: (x: number) => number) =>
      Array.from({ length: steps + 1 }, (_, i) => f((cut * i) / steps))
        .map((value, i) => value * (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2))
        .reduce((sum, value) => sum + (value * cut) / (3 * steps), 0);
    const bell = (x: number) => Math.exp((-x * x) / 2);
    const variance = integral((x) => x * x * bell(x)) / integral(bell);
    expect(truncatedStandardDeviation(cut) / Math.sqrt(variance)).toBeCloseTo(1, 10);
  });

  it('tends to that of a uniform distribution for narrow cuts and to 1 for wide ones', () => {
    expect(truncatedStandardDeviation(1e-6) * 1e6 * Math.sqrt(3)).toBeCloseTo(1, 9);
    expect(truncatedStandardDeviation(30)).toBe(1);
  });

  it('refuses cuts that leave nothing or cannot be summed', () => {
    for (const cut of [0, -1, NaN, 31]) expect(() => truncatedStandardDeviation(cut)).toThrow(`got ${cut}`);
  });
});

describe('initializers', () => {
  const all: [string, Initializer, number, number][] = [
    ['normal', normal(), 0.02, 0.02],
    ['truncatedNormal', truncatedNormal(), 0.02, 0.02 / 1.1368472],
    ['uniform', uniform({ limit: 0.3 }), 0.3, 0.3 / Math.sqrt(3)],
    ['lecun', lecun(), Math.sqrt(1 / 1000), Math.sqrt(1 / 1000)],
    [
      'he, cut',
      he({ distribution: 'truncated normal' }),
      Math.sqrt(2 / 1000) * 1.1368472,
      Math.sqrt(2 / 1000),
    ],
    ['xavier, uniform', xavier({ distribution: 'uniform' }), Math.sqrt(3 / 1000), Math.sqrt(1 / 1000)],
    ['scaled', scaled(truncatedNormal({ standardDeviation: 1 }), 3), 3, 3 * 0.8796256],
  ];

  it.each(all)('BI-2: %s draws what it describes', (_, initializer, nominal, actual) => {
    const description = initializer.describe([1000, 1000]);
    expect(description.nominal / nominal).toBeCloseTo(1, 6);
    expect(description.actual / actual).toBeCloseTo(1, 6);
    // The relative standard error over a million values is below 0.0008.
    expect(Math.abs(measured(initializer).deviation / actual - 1)).toBeLessThan(0.0025);
  });

  it('BI-2: the truncated normal lies within two nominal deviations, and reaches almost so far', () => {
    const { largest } = measured(truncatedNormal());
    expect(largest).toBeLessThanOrEqual(Math.fround(0.04));
    expect(largest).toBeGreaterThan(0.0399);
  });

  it('divides the variance by the fan that is asked for', () => {
    const actual = (fan: 'in' | 'out' | 'average') =>
      varianceScaling({ gain: 6, fan }).describe([3, 3, 2, 4]).actual ** 2;
    expect(actual('in')).toBeCloseTo(6 / 18, 12);
    expect(actual('out')).toBeCloseTo(6 / 36, 12);
    expect(actual('average')).toBeCloseTo(6 / 27, 12);
    expect(xavier().describe([10, 30]).actual ** 2).toBeCloseTo(1 / 20, 12);
    expect([fans([5]), fans([2, 3])]).toEqual([
      { fanIn: 5, fanOut: 5 },
      { fanIn: 2, fanOut: 3 },
    ]);
  });

  it('draws from the stream that it is given, and constants without drawing', () => {
    const stream = random(1);
    const [first, second] = [lecun().draw([4, 4], stream), lecun().draw([4, 4], stream)];
    expect(first.dataSync()).not.toEqual(second.dataSync());
    expect(lecun().draw([4, 4], random(1)).dataSync()).toEqual(first.dataSync());
    const before = stream.counter.value;
    expect([...constant(1).draw([2], stream).dataSync()]).toEqual([1, 1]);
    expect(stream.counter.value).toBe(before);
    expect(constant(3).describe([2])).toMatchObject({ distribution: 'constant', nominal: 3, actual: 0 });
  });

  it('refuses scales that are not positive numbers, and a fan of nothing', () => {
    expect(() => normal({ standardDeviation: 0 })).toThrow('standard deviation');
    expect(() => truncatedNormal({ standardDeviation: -1 })).toThrow('but -1 was given');
    expect(() => uniform({ limit: Infinity })).toThrow('limit');
    expect(() => varianceScaling({ gain: NaN })).toThrow('gain');
    expect(() => scaled(he(), 0)).toThrow('factor');
    expect(() => fans([])).toThrow('scalar');
  });
});
