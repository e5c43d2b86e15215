/** Throws unless `value` is what the option called `name` accepts. */
export type Check = (value: unknown, name: string) => void;

/** Default and check of every option of an optimizer. */
export type OptionTable<Settings> = {
  readonly [Name in keyof Settings]: { readonly default: Settings[Name]; readonly check: Check };
};

const shown = (value: unknown): string =>
  typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);

function requirement(holds: (value: unknown) => boolean, expected: string): Check {
  return (value, name) => {
    if (!holds(value)) throw new RangeError(`${name} must be ${expected}, got ${shown(value)}.`);
  };
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

export const nonNegative = requirement(
  (value) => isNumber(value) && value >= 0,
  'a number that is at least 0',
);
export const positive = requirement((value) => isNumber(value) && value > 0, 'a number greater than 0');
/** For decay rates of averages: 0 keeps nothing of the past, 1 would never learn. */
export const fraction = requirement(
  (value) => isNumber(value) && value >= 0 && value < 1,
  'a number in [0, 1)',
);
export const flag = requirement((value) => typeof value === 'boolean', 'true or false');
export const positiveInteger = requirement(
  (value) => Number.isSafeInteger(value) && Number(value) > 0,
  'a positive integer',
);
export const oneOf = (...allowed: readonly string[]): Check =>
  requirement(
    (value) => allowed.includes(value as string),
    `one of ${allowed.map((name) => `'${name}'`).join(', ')}`,
  );
export const axesOrNull = requirement(
  (value) =>
    value === null ||
    (Array.isArray(value) && value.every((axis) => Number.isSafeInteger(axis) && axis >= 0)),
  'a list of axes, or null',
);
export const numberOrNull =
  (check: Check): Check =>
  (value, name) => {
    if (value !== null) check(value, name);
  };
/** For options that say which parameters something applies to; see {@link ParameterRule}. */
export const parameterRule: Check = (value, name) => {
  const isRule = (rule: unknown): boolean =>
    rule instanceof RegExp ||
    ['string', 'function'].includes(typeof rule) ||
    (Array.isArray(rule) && rule.every(isRule));
  requirement(isRule, 'a regular expression, a name, a predicate or a list of these')(value, name);
};
/** A number that is at least 0, or a schedule; what the schedule returns is checked at each step. */
export const rate: Check = (value, name) => {
  if (typeof value !== 'function') nonNegative(value, name);
};

/** All settings from the options given and the defaults of `table`; throws on an unknown name or a value out of range. */
export function resolveOptions<Settings extends object>(
  given: Readonly<Record<string, unknown>>,
  table: OptionTable<Settings>,
  owner: string,
): Settings {
  rejectUnknown(given, Object.keys(table), owner);
  const settings = {} as Settings;
  for (const name of Object.keys(table) as (keyof Settings & string)[]) {
    const value = given[name];
    if (value !== undefined) table[name].check(value, `${owner}: ${name}`);
    settings[name] = (value === undefined ? table[name].default : value) as Settings[typeof name];
  }
  return settings;
}

/** Throws if `given` has an option that is not among `known`; a typing error must not silently train something else. */
export function rejectUnknown(given: object, known: readonly string[], owner: string): void {
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TypeError(
      `${owner} has no option ${unknown.join(', ')}. Its options are: ${known.join(', ')}.`,
    );
  }
}
