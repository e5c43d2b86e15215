/** What an optimizer needs to know about a parameter; a `tf.Variable` is one. */
export interface ParameterSpec {
  /** Name of the variable: the key of its slots, and what rules match. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** One tensor of state that an optimizer keeps for a parameter. Slots start at zero. */
export interface SlotSpec {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/** The slots of a parameter, some of which the settings may leave out. */
export type SlotTable<Slot extends string> = Readonly<Partial<Record<Slot, SlotSpec>>>;

/**
 * Which parameters something applies to: a regular expression on the name, an exact name, a predicate, or several of
 * these (any of them matches). Only a predicate cannot be written to a saved configuration.
 *
 * @example
 * const rule: ParameterRule = [/bias|beta|gamma/, 'output/kernel', ({ shape }) => shape.length < 2];
 */
export type ParameterRule =
  RegExp | string | ((parameter: ParameterSpec) => boolean) | readonly ParameterRule[];

/** True where `rule` applies to `parameter`. An empty list applies to nothing. */
export function matches(rule: ParameterRule, parameter: ParameterSpec): boolean {
  if (typeof rule === 'string') return parameter.name === rule;
  if (typeof rule === 'function') return rule(parameter);
  // search() ignores lastIndex, so that a rule with the flag g gives the same answer at every call.
  if (rule instanceof RegExp) return parameter.name.search(rule) >= 0;
  return rule.some((part) => matches(part, parameter));
}

/** The slot of the same shape as its parameter. */
export function like({ shape }: ParameterSpec): SlotSpec {
  return { shape, dtype: 'float32' };
}

/** The number of elements of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);
