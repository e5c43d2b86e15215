/** One-dimensional numbers: a plain or a typed array. */
export type Numbers = ArrayLike<number>;

/** Numbers ready for JSON: rounded, and `null` where the value was not finite. */
export type Compact = (number | null)[];

/**
 * Rounds for drawing and replaces what is not finite by `null` (a gap), so that a figure stays small in the notebook.
 * Integers are kept; other values keep `digits` significant digits, and more where the values differ only in later ones
 * (a loss between 0.9999990 and 1 stays a curve).
 *
 * @param values Numbers of any length.
 * @param digits Significant digits; default 6.
 */
export function compact(values: Numbers, digits = 6): Compact {
  const [low, high] = extent(values);
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const lost = high > low ? Math.floor(Math.log10(largest / (high - low))) : 0;
  const precision = Math.min(17, digits + Math.max(0, lost));
  return Array.from(values, (value) => {
    if (!Number.isFinite(value)) return null;
    return Number.isInteger(value) ? value : Number(value.toPrecision(precision));
  });
}

/** Smallest and largest finite value; `[Infinity, -Infinity]` where there is none. */
export function extent(
  values: Numbers,
  accept: (value: number) => boolean = Number.isFinite,
): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!accept(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * Throws unless there is something to draw.
 *
 * @param what Names the values in the error, e.g. `lineChart: series "Lion"`.
 * @param options `positive` where the axis is logarithmic.
 */
export function requireDrawable(what: string, values: Numbers, options: { positive?: boolean } = {}): void {
  if (typeof values?.length !== 'number' || typeof values === 'string') {
    throw new TypeError(`${what} must be an array of numbers, got ${describe(values)}.`);
  }
  if (values.length === 0) throw new RangeError(`${what} is empty; give at least one number.`);
  let finite = 0;
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i];
    if (typeof value !== 'number') {
      throw new TypeError(`${what} must hold numbers only, got ${describe(value)} at index ${i}.`);
    }
    if (Number.isFinite(value)) {
      finite += 1;
      if (!options.positive || value > 0) return;
    }
  }
  if (finite > 0) {
    throw new RangeError(
      `${what} has no positive value, so a logarithmic axis cannot show it; use a linear axis.`,
    );
  }
  throw new RangeError(
    `${what} has no finite value (${values.length} values, the first is ${values[0]}); did the run diverge?`,
  );
}

/** Throws unless both have the same number of elements. */
export function requireSameLength(
  what: string,
  [firstName, first]: readonly [string, ArrayLike<unknown>],
  [secondName, second]: readonly [string, ArrayLike<unknown>],
): void {
  if (first.length !== second.length) {
    throw new RangeError(
      `${what}: ${firstName} has ${first.length} elements and ${secondName} has ${second.length}; they must agree.`,
    );
  }
}

/** Throws unless a list of series, panels, … has an element. */
export function requireSome(what: string, list: ArrayLike<unknown>): void {
  if (list.length === 0) throw new RangeError(`${what} is empty; there is nothing to draw.`);
}

/** A value as it is named in an error. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null)
    return `an object of ${value.constructor?.name ?? 'no class'}`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
