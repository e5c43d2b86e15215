import { tf } from '../runtime';
import { normalCdf } from '../statistics';

/**
 * The number below which a standard normal variable lies with the given probability.
 *
 * @throws RangeError unless the probability lies strictly between 0 and 1.
 *
 * @example
 * normalQuantile(0.975); // 1.95996…
 */
export function normalQuantile(probability: number): number {
  if (!(probability > 0 && probability < 1)) {
    throw new RangeError(`A probability lies between 0 and 1, but ${probability} was given.`);
  }
  let [low, high] = [-9, 9];
  // Bisection down to neighbouring numbers.
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * A square grid of points in a plane whose rows and columns are equally probable under N(0, I): what a two-dimensional latent
 * space is decoded at to see it whole.
 *
 * @param side Points in a row.
 * @param options.from Probability left of the first column and below the last row; default 0.05.
 * @param options.to Probability left of the last column and below the first row; default 0.95.
 * @returns [side², 2], row by row from the top left (smallest z₁, largest z₂).
 *
 * @example
 * const pictures = model.decode(latentGrid(15)); // [225, 784]
 */
export function latentGrid(side: number, { from = 0.05, to = 0.95 } = {}): tf.Tensor2D {
  if (!Number.isInteger(side) || side < 2) {
    throw new RangeError(`A grid has at least two points in a row, but ${side} were asked for.`);
  }
  const quantiles = Array.from({ length: side }, (_, i) =>
    normalQuantile(from + ((to - from) * i) / (side - 1)),
  );
  const points = [...quantiles].reverse().flatMap((z2) => quantiles.map((z1) => [z1, z2]));
  return tf.tensor2d(points);
}
