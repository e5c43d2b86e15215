import { afterEach, describe, expect, it } from 'vitest';
import { random, tf } from '../../src/runtime';
import { gaussianKl, logDensity, monteCarloKl, reparameterize, splitGaussian } from '../../src/vae';

afterEach(() => tf.disposeVariables());

const numbers = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const gaussian = (means: number[][], deviations: number[][]) => ({
  mean: tf.tensor2d(means),
  logVariance: tf.mul(2, tf.log(tf.tensor2d(deviations))),
});

describe('VB-1: the closed form of KL(N(μ, σ²) ‖ N(0, I))', () => {
  it('sums ½(μ² + σ² − log σ² − 1) over the dimensions of each row', () => {
    const [first, second] = numbers(
      gaussianKl(
        gaussian(
          [
            [1, -2],
            [0, 3],
          ],
          [
            [0.5, 2],
            [1, 1],
          ],
        ),
      ),
    );
    // ½(1 + 0.25 − 2 log 0.5 − 1) + ½(4 + 4 − 2 log 2 − 1) = 0.125 + log 2 + 3.5 − log 2; ½·9
    expect(first).toBeCloseTo(3.625, 5);
    expect(second).toBeCloseTo(4.5, 5);
  });

  it('is 0 if and only if μ = 0 and σ = 1', () => {
    expect(numbers(gaussianKl({ mean: tf.zeros([1, 3]), logVariance: tf.zeros([1, 3]) }))).toEqual([0]);
    const off = numbers(gaussianKl(gaussian([[0.01], [0], [0]], [[1], [1.01], [0.99]])));
    // ½·10⁻⁴; ½(1.01² − 1 − 2 log 1.01); ½(0.99² − 1 − 2 log 0.99)
    [5e-5, 9.9669e-5, 1.00336e-4].forEach((value, row) => expect(off[row]! / value).toBeCloseTo(1, 3));
  });

  it('agrees with a mean over a million samples within 1 %', () => {
    const code = gaussian(
      [
        [0.7, -0.3],
        [0, 0],
      ],
      [
        [0.4, 1.5],
        [0.9, 0.2],
      ],
    );
    const exact = numbers(gaussianKl(code));
    const sampled = numbers(monteCarloKl(code, { samples: 1_000_000, noise: random(3) }));
    sampled.forEach((value, row) => expect(Math.abs(value / exact[row]! - 1)).toBeLessThan(0.01));
  });
});

describe('VB-4: reparameterised samples', () => {
  it('have the mean μ and the variance σ²', () => {
    const rows = 200_000;
    const code = {
      mean: tf.tile(tf.tensor2d([[1, -2]]), [rows, 1]),
      logVariance: tf.tile(tf.log(tf.tensor2d([[0.25, 4]])), [rows, 1]),
    };
    const { mean, variance } = tf.moments(reparameterize(code, random(5)), 0);
    // Five standard errors: 5σ/√n and 5σ²√(2/n).
    [1, -2].forEach((mu, d) => expect(Math.abs(numbers(mean)[d]! - mu)).toBeLessThan([0.006, 0.023][d]!));
    [0.25, 4].forEach((v, d) => expect(Math.abs(numbers(variance)[d]! / v - 1)).toBeLessThan(0.016));
  });

  it('have the gradients of E z² = μ² + σ²: 2μ, and σ² with respect to log σ²', () => {
    const rows = 200_000;
    const mu = tf.variable(tf.tensor2d([[0.6]]));
    const logVariance = tf.variable(tf.tensor2d([[Math.log(0.49)]]));
    const { grads } = tf.variableGrads(() => {
      const zeros = tf.zeros([rows, 1]);
      const code = { mean: tf.add(mu, zeros), logVariance: tf.add(logVariance, zeros) };
      return tf.mean<tf.Scalar>(tf.square(reparameterize(code, random(6))));
    });
    expect(Math.abs(numbers(grads[mu.name]!)[0]! - 1.2)).toBeLessThan(0.016);
    expect(Math.abs(numbers(grads[logVariance.name]!)[0]! - 0.49)).toBeLessThan(0.016);
  });
});

describe('logDensity', () => {
  it('is −½(((z − μ)/σ)² + log 2πσ²), summed, for the standard normal distribution by default', () => {
    const z = tf.tensor2d([[2, 0]]);
    const logTwoPi = Math.log(2 * Math.PI);
    expect(numbers(logDensity(z))[0]).toBeCloseTo(-2 - logTwoPi, 5);
    const other = numbers(logDensity(z, gaussian([[1, 0]], [[0.5, 2]])))[0];
    // −½·4 − log 0.5 − log 2 − log 2π
    expect(other).toBeCloseTo(-2 - logTwoPi, 5);
  });
});

describe('splitGaussian', () => {
  it('reads means first, log-variances second', () => {
    const { mean, logVariance } = splitGaussian(tf.tensor2d([[1, 2, 3, 4]]));
    expect([numbers(mean), numbers(logVariance)]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('keeps the divergence and its gradient finite where log-variances run away, if it is given a bound', () => {
    for (const raw of [-200, -89, -1, 0, 1e-4, 1, 89, 200]) {
      const outputs = tf.tensor2d([[0.5, raw]]);
      const rate = (x: tf.Tensor, logVarianceBound?: number) =>
        tf.sum<tf.Scalar>(gaussianKl(splitGaussian(x, { logVarianceBound })));
      const { value, grad } = tf.valueAndGrad((x) => rate(x, 20))(outputs);
      expect([...numbers(value), ...numbers(grad)].every(Number.isFinite)).toBe(true);
      // It still pulls back to 0.
      if (raw !== 0) expect(Math.sign(numbers(grad)[1]!)).toBe(Math.sign(raw));
      // Near 0 nothing changes; far from it the plain divergence overflows.
      if (Math.abs(raw) <= 1e-4) expect(numbers(value)).toEqual(numbers(rate(outputs)));
      if (raw >= 89) expect(numbers(rate(outputs))).toEqual([Infinity]);
    }
    expect(() => splitGaussian(tf.zeros([1, 2]), { logVarianceBound: 0 })).toThrow(
      'The bound of log-variances lies between 0 and 88, but 0 was given',
    );
  });

  it('refuses an odd number of columns', () => {
    expect(() => splitGaussian(tf.zeros([2, 3]))).toThrow('has the shape [2, 3]');
  });
});
