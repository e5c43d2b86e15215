import type { serialization } from '@tensorflow/tfjs-core';
import type { ParameterRule } from '../parameters/rules';
import { describe, fromDescription, type Schedule, type ScheduleDescription } from '../rates/schedules';

/**
 * Options as JSON and back. Schedules become `{ schedule: description }`, regular expressions `{ regExp, flags }`.
 *
 * Loading a tf.layers model turns snake_case into camelCase in every string of a configuration; no string that is
 * written here has an underscore.
 */
export function encode(value: unknown, name: string): serialization.ConfigDictValue {
  if (value === null || ['number', 'boolean', 'string'].includes(typeof value)) return value as string;
  if (value instanceof RegExp) return { regExp: withoutUnderscore(value.source), flags: value.flags };
  if (typeof value === 'function') return { schedule: describe(value as Schedule) as unknown as string };
  if (Array.isArray(value)) return value.map((item) => encode(item, name));
  return encodeAll(value as object);
}

/** Every option that is set; those that are undefined are left out. */
export function encodeAll(options: object): serialization.ConfigDict {
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([name, value]) => [name, encode(value, name)]));
}

/** A rule as JSON; a name becomes the regular expression that matches just it. */
export function encodeRule(rule: ParameterRule): serialization.ConfigDictValue {
  if (typeof rule === 'function') {
    throw new TypeError(
      'A predicate cannot be written to a configuration; name the parameters by a regular expression or by their names.',
    );
  }
  if (typeof rule === 'string')
    return encode(new RegExp(`^${rule.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`), 'match');
  return rule instanceof RegExp ? encode(rule, 'match') : rule.map(encodeRule);
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
