/**
 * A float64 twin of an optimizer, for one tensor: the formulas of the article on plain arrays, to test the tensor
 * version against and to experiment with exact arithmetic.
 */
export interface Twin {
  /** The state, by the names of the tensor version's slots. */
  readonly state: Readonly<Record<string, Float64Array>>;
  /** θ_t from θ_{t−1} and g_t; advances the state and t. */
  step(parameter: Float64Array, gradient: Float64Array): Float64Array;
}

/** A learning rate that may depend on t = 1, 2, … */
export type TwinRate = number | ((t: number) => number);

/** The options that all twins have. */
export interface TwinOptions {
  learningRate?: TwinRate;
  weightDecay?: TwinRate;
}

export const at = (rate: TwinRate, t: number): number => (typeof rate === 'number' ? rate : rate(t));

/**
 * f of the elements of arrays of one length, element by element. An element that an array does not have is undefined, and
 * what is computed from it NaN.
 */
export function each(
  f: (x: number, ...others: [number, number, number]) => number,
  xs: Float64Array,
  ...[a = xs, b = xs, c = xs]: Float64Array[]
): Float64Array {
  return xs.map((x, i) => f(x, a[i]!, b[i]!, c[i]!));
}
