/** Numbers for tests, drawn from seeds: plain JavaScript, for Node.js and browsers. */

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers from a seed, representable in float32. */
export function normal(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.fround(Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);

export const draw = (size: number, next: () => number): Float64Array =>
  Float64Array.from({ length: size }, next);

export const largest = (of: ArrayLike<number>): number => Math.max(0, ...Array.from(of, Math.abs));

export interface Tolerance {
  /** How far an element may be from the expected one, relative to that; default 1e-5. */
  readonly rtol?: number;
  /** How far it may be in any case, relative to `scale`; default 1e-6. */
  readonly atol?: number;
  /**
   * Default the largest expected element. For a trajectory, whose rounding errors add up, it is the largest value on the
   * way.
   */
  readonly scale?: number;
}

/** The element that is farthest from what is expected of it, and how far that is, in tolerances: 1 is just right. */
export function farthest(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1e-5, atol = 1e-6, scale = largest(expected) }: Tolerance = {},
): { readonly excess: number; readonly index: number } {
  let worst = { excess: 0, index: 0 };
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [actual[index]!, expected[index]!];
    const excess = Math.abs(a - b) / (rtol * Math.abs(b) + atol * scale || Number.MIN_VALUE);
    // A NaN, or a missing element, is farther than everything.
    if (Number.isNaN(excess)) return { excess, index };
    if (excess > worst.excess) worst = { excess, index };
  }
  return worst;
}
