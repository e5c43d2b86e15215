import { rejectUnknown } from '../../runtime/options';
import type { Rate } from '../rates/schedules';
import type { ParameterRule } from './rules';

/** Throws unless `value` is what the option called `name` accepts. */
export type Check = (value: unknown, name: string) => void;

/** A setting of an optimizer: its default, and what it accepts. */
export interface Setting<Value> {
  readonly default: Value;
  readonly check: Check;
}

/** The settings of an optimizer by name. */
export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

/** The values of the settings of a table. */
export type SettingValues<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never;
};

const shown = (value: unknown): string =>
  typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);

function requirement(holds: (value: unknown) => boolean, expected: string): Check {
  return (value, name) => {
    if (!holds(value)) throw new RangeError(`${name} must be ${expected}, got ${shown(value)}.`);
  };
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** What options accept. */
export const checks = {
  nonNegative: requirement((value) => isNumber(value) && value >= 0, 'a number that is at least 0'),
  positive: requirement((value) => isNumber(value) && value > 0, 'a number greater than 0'),
  fraction: requirement((value) => isNumber(value) && value >= 0 && value < 1, 'a number in [0, 1)'),
  flag: requirement((value) => typeof value === 'boolean', 'true or false'),
  positiveInteger: requirement(
    (value) => Number.isSafeInteger(value) && Number(value) > 0,
    'a positive integer',
  ),
  /** What a schedule returns is checked at each step. */
  rate: ((value, name) => {
    if (typeof value !== 'function') checks.nonNegative(value, name);
  }) as Check,
  parameterRule: ((value, name) => {
    const isRule = (rule: unknown): boolean =>
      rule instanceof RegExp ||
      ['string', 'function'].includes(typeof rule) ||
      (Array.isArray(rule) && rule.every(isRule));
    requirement(isRule, 'a regular expression, a name, a predicate or a list of these')(value, name);
  }) as Check,
  axes: requirement(
    (value) => Array.isArray(value) && value.every((axis) => Number.isSafeInteger(axis) && axis >= 0),
    'a list of axes',
  ),
  oneOf: (...allowed: readonly string[]): Check =>
    requirement(
      (value) => allowed.includes(value as string),
      `one of ${allowed.map((name) => `'${name}'`).join(', ')}`,
    ),
};

/** A setting that is a number of at least 0, or a schedule of the step. */
export const rate = (byDefault: Rate): Setting<Rate> => ({ default: byDefault, check: checks.rate });

/** A setting in [0, 1), as the decay of an average: 0 keeps nothing of the past, 1 would never learn. */
export const fraction = (byDefault: number): Setting<number> => ({
  default: byDefault,
  check: checks.fraction,
});

/** A setting that is a number greater than 0. */
export const positive = (byDefault: number): Setting<number> => ({
  default: byDefault,
  check: checks.positive,
});

/** A setting that is a number of at least 0. */
export const nonNegative = (byDefault: number): Setting<number> => ({
  default: byDefault,
  check: checks.nonNegative,
});

/** A setting that is a positive integer. */
export const positiveInteger = (byDefault: number): Setting<number> => ({
  default: byDefault,
  check: checks.positiveInteger,
});

/** A setting that is true or false. */
export const flag = (byDefault: boolean): Setting<boolean> => ({ default: byDefault, check: checks.flag });

/** A setting that is one of a few words; the first is the default. */
export const choice = <const Words extends readonly [string, ...string[]]>(
  ...words: Words
): Setting<Words[number]> => ({ default: words[0], check: checks.oneOf(...words) });

/** A setting that says which parameters something applies to. */
export const parameterRule = (byDefault: ParameterRule): Setting<ParameterRule> => ({
  default: byDefault,
  check: checks.parameterRule,
});

/** A setting that is a list of axes. */
export const axes = (byDefault: readonly number[]): Setting<readonly number[]> => ({
  default: byDefault,
  check: checks.axes,
});

/** A setting that may be null, which is its default unless another is given. */
export const orNull = <Value>(
  setting: Setting<Value>,
  byDefault: Value | null = null,
): Setting<Value | null> => ({
  default: byDefault,
  check: (value, name) => {
    if (value !== null) setting.check(value, name);
  },
});

/** The values of all settings of a table; throws on an unknown name or a value out of range. */
export function resolveSettings(
  given: Readonly<Record<string, unknown>>,
  table: SettingTable,
  owner: string,
): Record<string, unknown> {
  rejectUnknown(given, Object.keys(table), owner);
  return Object.fromEntries(
    Object.entries(table).map(([name, setting]) => {
      const value = given[name];
      if (value === undefined) return [name, setting.default];
      setting.check(value, `${owner}: ${name}`);
      return [name, value];
    }),
  );
}
