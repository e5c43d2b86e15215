import type { Binding } from './binding';

/** A binding in which some functions are others. The original's properties can be neither replaced nor inherited. */
export function bindingWith(binding: Binding, changes: Partial<Binding>): Binding {
  const names = Object.getOwnPropertyNames(binding);
  const copy = Object.fromEntries(names.map((name) => [name, binding[name as keyof Binding]]));
  return { ...copy, ...changes } as unknown as Binding;
}
