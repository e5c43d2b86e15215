import { random } from '../runtime';
import { valuesOf } from '../runtime/memory';

export interface RandomWalksOptions {
  /** Mean gradient, in units of its noise, with the sign that pushes weights up; default 0. */
  readonly signal?: number;
  /** Default 2000. */
  readonly steps?: number;
  /** How many weights walk, each by itself; default 2000. */
  readonly weights?: number;
  /** ηλ: the share of itself that a weight loses per step; default 0. */
  readonly decay?: number;
  /** Seed of the noise; default 0. */
  readonly seed?: number;
}

/**
 * Weights under a signal and normal noise of deviation 1, to see what an update rule makes of them: all positions at all
 * steps, in units of the learning rate, from 0.
 *
 * @param rule Starts a weight: gives a function that takes its gradients one by one and gives the updates u, which are
 *   subtracted.
 * @returns `steps + 1` vectors of `weights` positions.
 *
 * @example
 * // SGD: the spread grows with the root of the steps.
 * const path = randomWalks(() => (g) => g, { steps: 100 });
 * standardDeviation(path[100]); // about 10
 */
export function randomWalks(
  rule: () => (g: number) => number,
  { signal = 0, steps = 2000, weights = 2000, decay = 0, seed = 0 }: RandomWalksOptions = {},
): Float32Array[] {
  const gradients = valuesOf(() => random(seed).normal([weights, steps], { mean: -signal }));
  const path = Array.from({ length: steps + 1 }, () => new Float32Array(weights));
  for (let i = 0; i < weights; i++) {
    const update = rule();
    let theta = 0;
    for (let t = 1; t <= steps; t++) {
      theta -= update(gradients[i * steps + t - 1]!) + decay * theta;
      path[t]![i] = theta;
    }
  }
  return path;
}
