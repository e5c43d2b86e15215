import type { serialization } from '@tensorflow/tfjs-core';
import { aroundNames } from '../around/around';
import type { ParameterRule } from '../parameters/rules';
import { checks, type SettingTable } from '../parameters/settings';
import { describe, fromDescription, type Schedule, type ScheduleDescription } from '../rates/schedules';

/**
 * Options as JSON and back. Schedules become `{ schedule: description }`, regular expressions `{ regExp, flags }`.
 *
 * Loading a tf.layers model turns snake_case into camelCase in every string of a configuration; no string that is
 * written here has an underscore.
 */
function encode(value: unknown): serialization.ConfigDictValue {
  if (value === null || ['number', 'boolean', 'string'].includes(typeof value)) return value as string;
  if (value instanceof RegExp) return { regExp: withoutUnderscore(value.source), flags: value.flags };
  if (typeof value === 'function') return { schedule: describe(value as Schedule) as unknown as string };
  if (Array.isArray(value)) return value.map((item) => encode(item));
  return encodeAll(value as object);
}

/** Every option that is set; those that are undefined are left out. */
function encodeAll(options: object): serialization.ConfigDict {
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([name, value]) => [name, encode(value)]));
}

/** A rule as JSON; a name becomes the regular expression that matches just it. */
export function encodeRule(rule: ParameterRule): serialization.ConfigDictValue {
  if (typeof rule === 'function') {
    throw new TypeError(
      'A predicate cannot be written to a configuration; name the parameters by a regular expression or by their names.',
    );
  }
  if (typeof rule === 'string')
    return encode(new RegExp(`^${rule.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`));
  return rule instanceof RegExp ? encode(rule) : rule.map(encodeRule);
}

/** All options of an optimizer with the settings in force, as JSON. */
export function configOf(
  options: Readonly<Record<string, unknown>>,
  settings: object,
  table: SettingTable,
): serialization.ConfigDict {
  const encodeSettings = (given: object): serialization.ConfigDict =>
    Object.fromEntries(
      Object.entries(given)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => {
          const isRule = table[name]?.check === checks.parameterRule;
          return [name, isRule ? encodeRule(value as ParameterRule) : encode(value)];
        }),
    );
  const around = Object.fromEntries(aroundNames.map((name) => [name, options[name]]));
  const { lazyRows, ...rest } = around as { lazyRows?: { match: ParameterRule } };
  const { excludeFromWeightDecay, groups } = options as {
    excludeFromWeightDecay?: ParameterRule;
    groups?: readonly { match: ParameterRule }[];
  };
  return {
    ...encodeSettings(settings),
    ...encodeAll(rest),
    ...(lazyRows && { lazyRows: { ...encodeAll(lazyRows), match: encodeRule(lazyRows.match) } }),
    ...(excludeFromWeightDecay !== undefined && {
      excludeFromWeightDecay: encodeRule(excludeFromWeightDecay),
    }),
    ...(groups && {
      groups: groups.map(({ match, ...own }) => ({ ...encodeSettings(own), match: encodeRule(match) })),
    }),
  };
}

/** The inverse of {@link encode}. */
export function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'object' || value === null) return value;
  if ('regExp' in value) {
    const { regExp, flags } = value as { regExp: string; flags?: string };
    return new RegExp(regExp, flags);
  }
  if ('schedule' in value) return fromDescription(value.schedule as ScheduleDescription);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decode(item)]));
}

function withoutUnderscore(source: string): string {
  return source.replace(/\\[\s\S]|_/g, (token) => (token.endsWith('_') ? '\\x5f' : token));
}
