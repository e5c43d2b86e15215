import { tf } from '../runtime';
import { mean, standardError } from '../statistics';
import { gaussianKl, reparameterize, type Gaussian, type Noise } from './gaussian';

/** What passes through a bottleneck, in nats; see {@link estimateInformation}. */
export interface InformationEstimate {
  /** E KL(p(z|x) ‖ N(0, I)) in closed form. */
  readonly rate: number;
  /** I(x; z), estimated from samples; at most log N. */
  readonly information: number;
  /** KL(p(z) ‖ N(0, I)), estimated from the same samples. */
  readonly gap: number;
  /** Standard errors of the two estimates. */
  readonly standardError: { readonly information: number; readonly gap: number };
  /** N, the number of inputs of which the aggregate p(z) is made. */
  readonly inputs: number;
}

/**
 * How much of the inputs a code tells: the information of an input's index in its code, where each input is as probable as
 * any other, and how far the aggregate of all codes is from the standard normal distribution.
 *
 * With z_i drawn from p(z|x_i) and p(z) = (1/N) Σ_j p(z|x_j),
 *
 * $$I\approx\operatorname{mean}_i\big[\log p(z_i|x_i)-\log p(z_i)\big],\qquad
 * KL(p(z)\|q)\approx\operatorname{mean}_i\big[\log p(z_i)-\log q(z_i)\big]$$
 *
 * Computed in float64; it takes queries · N · dimensions steps, about a second for 10⁹ of them.
 *
 * @param code p(z|x) of all N inputs.
 * @param options.queries How many of the inputs are drawn from (the first ones); default all.
 * @throws RangeError if there are no inputs or fewer than `queries`; Error if a bound that every code obeys
 *   (I ≤ log N, I ≥ 0 and gap ≥ 0 within six standard errors) is violated, which a code that is not finite does.
 *
 * @example
 * const { rate, information, gap } = estimateInformation(model.encode(images), { noise: random(1) });
 *
 * @see Hoffman, Johnson (2016), ELBO surgery.
 */
export function estimateInformation(
  code: Gaussian,
  { noise, queries }: { noise: Noise; queries?: number },
): InformationEstimate {
  const [inputs, dimensions] = code.mean.shape as [number, number];
  const count = queries ?? inputs;
  if (inputs < 1 || count < 1 || count > inputs) {
    throw new RangeError(
      `Samples are drawn from 1 to ${inputs} of the ${inputs} codes, but ${count} were asked for.`,
    );
  }
  const drawn = tf.tidy(() => [reparameterize(code, noise), gaussianKl(code)]);
  const [z, rates, center, logVariance] = [...drawn, code.mean, code.logVariance].map((tensor) =>
    Float64Array.from(tensor.dataSync()),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array];
  tf.dispose(drawn);
  const precision = logVariance.map((value) => Math.exp(-0.5 * value));
  const logVolume = Float64Array.from({ length: inputs }, (_, j) => {
    let total = 0;
    for (let d = 0; d < dimensions; d++) total -= 0.5 * logVariance[j * dimensions + d]!;
    return total;
  });

  // The factor (2π)^(−dimensions/2) is common to all densities and cancels.
  const logConditional = (i: number, j: number): number => {
    let squared = 0;
    for (let d = 0, a = i * dimensions, b = j * dimensions; d < dimensions; d++, a++, b++) {
      const deviation = (z[a]! - center[b]!) * precision[b]!;
      squared += deviation * deviation;
    }
    return logVolume[j]! - 0.5 * squared;
  };
  const information = new Float64Array(count);
  const gap = new Float64Array(count);
  const logs = new Float64Array(inputs);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < inputs; j++) logs[j] = logConditional(i, j);
    const logAggregate = logMeanExp(logs);
    let squared = 0;
    for (let d = 0; d < dimensions; d++) squared += z[i * dimensions + d]! ** 2;
    information[i] = logs[i]! - logAggregate; // (8.8)
    gap[i] = logAggregate + 0.5 * squared;
  }
  const estimate: InformationEstimate = {
    rate: mean(rates),
    information: mean(information),
    gap: mean(gap),
    standardError: { information: standardError(information), gap: standardError(gap) },
    inputs,
  };
  requireBounds(estimate);
  return estimate;
}

function requireBounds({ rate, information, gap, standardError, inputs }: InformationEstimate): void {
  const rounding = 1e-4 * (1 + Math.abs(rate));
  const isSound =
    rate >= -rounding &&
    information <= Math.log(inputs) + rounding &&
    information >= -6 * standardError.information - rounding &&
    gap >= -6 * standardError.gap - rounding;
  if (!isSound) {
    throw new Error(
      `The estimates violate a bound: rate ${rate}, information ${information} (0 to log ${inputs} = ` +
        `${Math.log(inputs)}), gap ${gap} (at least 0). The codes are not finite, or so narrow that float32 fails.`,
    );
  }
}

function logMeanExp(values: Float64Array): number {
  let largest = -Infinity;
  for (const value of values) if (value > largest) largest = value;
  let total = 0;
  for (const value of values) total += Math.exp(value - largest);
  return largest + Math.log(total / values.length);
}
