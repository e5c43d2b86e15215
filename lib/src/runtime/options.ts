/** Throws if `given` has an option that is not among `known`; a typing error must not silently do something else. */
export function rejectUnknown(given: object, known: readonly string[], owner: string): void {
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TypeError(
      `${owner} has no option ${unknown.join(', ')}. Its options are: ${known.join(', ')}.`,
    );
  }
}

/**
 * The entry of a record that an option names.
 *
 * @throws RangeError that lists what there is.
 */
export function choose<T>(choices: Readonly<Record<string, T>>, name: string, what: string): T {
  if (Object.hasOwn(choices, name)) return choices[name] as T;
  throw new RangeError(
    `${what} is one of ${Object.keys(choices)
      .map((choice) => `'${choice}'`)
      .join(', ')}, but ${typeof name === 'string' ? `'${name}'` : typeof name} was given.`,
  );
}
