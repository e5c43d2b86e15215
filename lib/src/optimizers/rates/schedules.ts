/**
 * Schedules: the learning rate (or any other rate) as a function of the step.
 *
 * Steps count from 1, the first update. A decay is a function of the updates already made, `step − 1`, so the first
 * update uses the initial value and `steps` updates use all of the decay; a warm-up reaches its goal at `step = steps`
 * and never gives 0. All arithmetic is float64 on the host.
 *
 * @example
 * const learningRate = warmUp({ steps: 100, then: cosine({ from: 1e-3, steps: 900 }) });
 * learningRate(1); // 1e-5
 * learningRate(100); // 1e-3
 */

/** A rate as a function of the step (from 1). Any function will do; only one with a description can be saved. */
export interface Schedule {
  (step: number): number;
  readonly description?: ScheduleDescription;
}

/** A constant, or a schedule. */
export type Rate = number | Schedule;

/** A schedule as plain data, as it stands in a saved configuration. */
export type ScheduleDescription =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'linear' | 'cosine'; readonly from: number; readonly to: number; readonly steps: number }
  | { readonly kind: 'piecewiseLinear'; readonly knots: readonly (readonly [step: number, value: number])[] }
  | { readonly kind: 'relativeStep'; readonly warmUp: boolean }
  | { readonly kind: PowerKind; readonly initial: number; readonly kappa: number }
  | {
      readonly kind: 'warmUp';
      readonly steps: number;
      readonly from: number;
      readonly then: ScheduleDescription;
    }
  | { readonly kind: 'product'; readonly factors: readonly ScheduleDescription[] }
  | {
      readonly kind: 'ofMicroSteps';
      readonly accumulationSteps: number;
      readonly schedule: ScheduleDescription;
    };

export type PowerKind = 'inverseSquareRoot' | 'inverseTime' | 'inverseSquare';

const exponents: Record<PowerKind, number> = { inverseSquareRoot: 0.5, inverseTime: 1, inverseSquare: 2 };

/** The value of a constant or a schedule at `step` (from 1). */
export function evaluate(rate: Rate, step: number): number {
  return typeof rate === 'number' ? rate : rate(step);
}

/** The schedule that a description stands for; the inverse of `schedule.description`. */
export function fromDescription(description: ScheduleDescription): Schedule {
  const value = formula(description);
  const schedule = (step: number): number => {
    if (!(step >= 1)) throw new RangeError(`A schedule's step counts from 1, got ${step}.`);
    return value(step);
  };
  return Object.assign(schedule, { description });
}

function formula(description: ScheduleDescription): (step: number) => number {
  switch (description.kind) {
    case 'constant':
      return () => description.value;
    case 'linear': {
      const { from, to, steps } = description;
      return (step) => interpolate(from, to, progress(step, steps));
    }
    case 'cosine': {
      const { from, to, steps } = description;
      return (step) => interpolate(from, to, (1 - Math.cos(Math.PI * progress(step, steps))) / 2);
    }
    case 'piecewiseLinear':
      return (step) => interpolateKnots(description.knots, step - 1);
    case 'inverseSquareRoot':
    case 'inverseTime':
    case 'inverseSquare': {
      const { initial, kappa, kind } = description;
      return (step) => initial * (kappa * (step - 1) + 1) ** -exponents[kind]; // (4.4), (4.3)
    }
    case 'relativeStep':
      return (step) => Math.min(description.warmUp ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step));
    case 'warmUp': {
      const { from, steps } = description;
      const then = formula(description.then);
      return (step) => (step <= steps ? interpolate(from, then(1), step / steps) : then(step - steps));
    }
    case 'product': {
      const factors = description.factors.map(formula);
      return (step) => factors.reduce((product, factor) => product * factor(step), 1);
    }
    case 'ofMicroSteps': {
      const schedule = formula(description.schedule);
      return (step) => schedule(step * description.accumulationSteps);
    }
  }
}

const progress = (step: number, steps: number): number => Math.min((step - 1) / steps, 1);

/** Exact at both ends. */
const interpolate = (from: number, to: number, portion: number): number =>
  (1 - portion) * from + portion * to;

function interpolateKnots(knots: readonly (readonly [number, number])[], time: number): number {
  let [leftTime, leftValue] = [0, 0];
  for (const [rightTime, rightValue] of knots) {
    if (time < rightTime) {
      return interpolate(leftValue, rightValue, (time - leftTime) / (rightTime - leftTime));
    }
    [leftTime, leftValue] = [rightTime, rightValue];
  }
  return leftValue;
}

/** The same value at every step. */
export function constant(value: number): Schedule {
  return fromDescription({ kind: 'constant', value: finite(value, 'value') });
}

/** A straight line from `from` (first update) to `to` (default 0), reached after `steps` updates and kept. */
export function linear({ from, to = 0, steps }: { from: number; to?: number; steps: number }): Schedule {
  return fromDescription({
    kind: 'linear',
    from: finite(from, 'from'),
    to: finite(to, 'to'),
    steps: count(steps),
  });
}

/** Half a cosine wave from `from` (first update) down to `to` (default 0), reached after `steps` updates and kept. */
export function cosine({ from, to = 0, steps }: { from: number; to?: number; steps: number }): Schedule {
  return fromDescription({
    kind: 'cosine',
    from: finite(from, 'from'),
    to: finite(to, 'to'),
    steps: count(steps),
  });
}

/**
 * A line from `from` (default 0) to the first value of `then`, reached at `step = steps`; after that `then` runs from
 * its own first step.
 */
export function warmUp({ steps, from = 0, then }: { steps: number; from?: number; then: Rate }): Schedule {
  return fromDescription({
    kind: 'warmUp',
    steps: count(steps),
    from: finite(from, 'from'),
    then: describe(then),
  });
}

/**
 * Straight lines between knots, constant after the last; if no knot stands at 0, the line starts at (0, 0).
 * Knots stand at the number of updates already made, so a knot at 0 is the value of the first update.
 *
 * @param knots Values by number of updates, e.g. `{ 40000: 1, 160000: 0.5, 640000: 0.1 }`, or pairs.
 * @see bojone/tiger, whose schedule this is.
 */
export function piecewiseLinear(
  knots: Readonly<Record<number, number>> | readonly (readonly [step: number, value: number])[],
): Schedule {
  const pairs: (readonly [number, number])[] = Array.isArray(knots)
    ? [...(knots as readonly (readonly [number, number])[])]
    : Object.entries(knots).map(([step, value]) => [Number(step), value as number] as const);
  pairs.sort(([a], [b]) => a - b);
  pairs.forEach(([step, value], index) => {
    finite(value, `the value at knot ${step}`);
    if (!(Number.isFinite(step) && step >= 0))
      throw new RangeError(`A knot must stand at 0 or later, got ${step}.`);
    if (step === pairs[index - 1]?.[0]) throw new RangeError(`Two knots stand at ${step}.`);
  });
  if (pairs.length === 0) throw new RangeError('piecewiseLinear needs at least one knot, e.g. { 0: 1e-3 }.');
  return fromDescription({ kind: 'piecewiseLinear', knots: pairs });
}

/**
 * A schedule that counts micro-steps, for an optimizer with `accumulationSteps`, whose schedules count updates: an update
 * takes the value of the micro-step that makes it.
 *
 * @example
 * // The author's schedule of Tiger, for which a micro-step is a step.
 * const learningRate = schedules.ofMicroSteps({
 *   accumulationSteps: 4,
 *   schedule: schedules.piecewiseLinear({ 40000: 1e-3, 160000: 5e-4, 640000: 1e-4 }),
 * });
 * tiger({ learningRate, accumulationSteps: 4 });
 */
export function ofMicroSteps({
  accumulationSteps,
  schedule,
}: {
  accumulationSteps: number;
  schedule: Rate;
}): Schedule {
  return fromDescription({
    kind: 'ofMicroSteps',
    accumulationSteps: count(accumulationSteps),
    schedule: describe(schedule),
  });
}

/** How fast a power of time decays: by the coefficient κ, or by the number of updates after which half is left. */
export interface Decay {
  readonly kappa?: number;
  readonly halfLife?: number;
}

/** `initial / (κt + 1)` with t updates made: article 04, equation (4). κ = 1 / half-life. */
export function inverseTime(options: { initial: number } & Decay): Schedule {
  return power('inverseTime', options);
}

/** `initial / (κt + 1)²` with t updates made: article 04, equation (3). κ = (√2 − 1) / half-life. */
export function inverseSquare(options: { initial: number } & Decay): Schedule {
  return power('inverseSquare', options);
}

/** `initial / √(κt + 1)` with t updates made. κ = 3 / half-life. */
export function inverseSquareRoot(options: { initial: number } & Decay): Schedule {
  return power('inverseSquareRoot', options);
}

/** AdaFactor's own learning rate: min(10⁻², 1/√t), with warm-up min(10⁻⁶t, 1/√t). */
export function relativeStep({ warmUp = false }: { warmUp?: boolean } = {}): Schedule {
  return fromDescription({ kind: 'relativeStep', warmUp });
}

function power(kind: PowerKind, { initial, kappa, halfLife }: { initial: number } & Decay): Schedule {
  if ((kappa === undefined) === (halfLife === undefined)) {
    throw new TypeError(
      `${kind} needs either kappa or halfLife, got ${kappa === undefined ? 'neither' : 'both'}.`,
    );
  }
  if (halfLife !== undefined && !(halfLife > 0)) {
    throw new RangeError(`halfLife must be greater than 0, got ${halfLife}.`);
  }
  const coefficient = halfLife === undefined ? kappa : (2 ** (1 / exponents[kind]) - 1) / halfLife;
  if (!(coefficient !== undefined && Number.isFinite(coefficient) && coefficient >= 0)) {
    throw new RangeError(`kappa must be at least 0, got ${kappa}.`);
  }
  return fromDescription({ kind, initial: finite(initial, 'initial'), kappa: coefficient });
}

/** The product of constants and schedules, e.g. a learning rate times a relative schedule. */
export function product(...factors: readonly Rate[]): Schedule {
  return fromDescription({ kind: 'product', factors: factors.map(describe) });
}

/** The description of a rate; throws for a plain function, which has none. */
export function describe(rate: Rate): ScheduleDescription {
  if (typeof rate === 'number') return { kind: 'constant', value: finite(rate, 'rate') };
  if (rate.description) return rate.description;
  throw new TypeError(
    'A plain function as schedule cannot be combined or saved; use the schedules of liandan (linear, cosine, warmUp, piecewiseLinear, …).',
  );
}

function finite(value: number, name: string): number {
  if (!Number.isFinite(value))
    throw new RangeError(`A schedule's ${name} must be a finite number, got ${value}.`);
  return value;
}

function count(steps: number): number {
  if (!(Number.isSafeInteger(steps) && steps > 0)) {
    throw new RangeError(`A schedule's steps must be a positive integer, got ${steps}.`);
  }
  return steps;
}
