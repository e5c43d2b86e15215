/**
 * The terms of E KL(p(z|x) ‖ q) = I(x; z) + KL(p(z) ‖ q), exactly, where they can be had exactly: for finitely many z, and for
 * normal distributions on a line. In nats, in float64.
 */
export interface Decomposition {
  /** E KL(p(z|x) ‖ q). */
  readonly rate: number;
  /** I(x; z). */
  readonly information: number;
  /** KL(p(z) ‖ q) with the aggregate p(z) = E p(z|x). */
  readonly gap: number;
}

/**
 * The decomposition for finitely many inputs and codes.
 *
 * @param encoder p(z|x): one row of probabilities per input.
 * @param prior q(z).
 * @param weights p(x); default the same for all inputs.
 * @throws RangeError if a row, the prior or the weights are not probabilities that sum to 1, or if the lengths differ.
 *
 * @example
 * decomposeDiscrete([[1, 0], [0, 1]], [0.5, 0.5]); // rate log 2, information log 2, gap 0
 */
export function decomposeDiscrete(
  encoder: readonly (readonly number[])[],
  prior: readonly number[],
  weights: readonly number[] = encoder.map(() => 1 / encoder.length),
): Decomposition {
  requireProbabilities('The prior', prior, prior.length);
  requireProbabilities('The weights', weights, encoder.length);
  encoder.forEach((row, x) => requireProbabilities(`p(z|x = ${x})`, row, prior.length));
  const aggregate = prior.map((_, z) => sum(encoder.map((row, x) => weights[x]! * row[z]!)));
  const divergence = (other: readonly number[]) =>
    sum(encoder.map((row, x) => weights[x]! * klDivergence(row, other)));
  return {
    rate: divergence(prior),
    information: divergence(aggregate),
    gap: klDivergence(aggregate, prior),
  };
}

/**
 * The decomposition for equally probable inputs whose codes are normal on a line, with the prior N(0, 1): the aggregate is a
 * mixture of normal distributions, and the integrals are sums over a fine grid (trapezoidal rule).
 *
 * @param components μ and σ of each p(z|x).
 * @param options.points Points of the grid, which reaches ten standard deviations beyond all components; default 20,001.
 *
 * @example
 * decomposeNormal([{ mean: -1, standardDeviation: 0.5 }, { mean: 1, standardDeviation: 0.5 }]);
 */
export function decomposeNormal(
  components: readonly { readonly mean: number; readonly standardDeviation: number }[],
  { points = 20_001 } = {},
): Decomposition {
  const reach = 10;
  const low = Math.min(...components.map(({ mean, standardDeviation }) => mean - reach * standardDeviation));
  const high = Math.max(...components.map(({ mean, standardDeviation }) => mean + reach * standardDeviation));
  const width = (high - low) / (points - 1);
  const logNormal = (z: number, mean: number, deviation: number) =>
    -0.5 * ((z - mean) / deviation) ** 2 - Math.log(deviation * Math.sqrt(2 * Math.PI));
  let [rate, information, gap] = [0, 0, 0];
  for (let point = 0; point < points; point++) {
    const z = low + point * width;
    const logs = components.map(({ mean, standardDeviation }) => logNormal(z, mean, standardDeviation));
    const densities = logs.map((log) => Math.exp(log) / components.length);
    const aggregate = sum(densities);
    const logPrior = logNormal(z, 0, 1);
    // Where the mixture underflows, its terms vanish.
    if (aggregate === 0) continue;
    rate += width * sum(densities.map((density, x) => density * (logs[x]! - logPrior)));
    information += width * sum(densities.map((density, x) => density * (logs[x]! - Math.log(aggregate))));
    gap += width * aggregate * (Math.log(aggregate) - logPrior);
  }
  return { rate, information, gap };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Σ p log(p/q), with 0 log 0 = 0. */
function klDivergence(p: readonly number[], q: readonly number[]): number {
  return sum(
    p.map((probability, z) => (probability === 0 ? 0 : probability * Math.log(probability / q[z]!))),
  );
}

function requireProbabilities(what: string, values: readonly number[], length: number): void {
  if (values.length !== length) {
    throw new RangeError(`${what} has ${values.length} entries, but ${length} are expected.`);
  }
  const total = sum(values);
  if (values.some((value) => !(value >= 0)) || Math.abs(total - 1) > 1e-6) {
    throw new RangeError(`${what} must be probabilities that sum to 1, but their sum is ${total}.`);
  }
}
