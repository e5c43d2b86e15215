/** Tensors nested in arrays and records: what a step takes and returns. */
import { tf } from '../../runtime';

/** A tensor, or an array or record of such; what else an object may be is refused when a step is called with it. */
export type TensorTree = object | null | undefined;

/** What a flat list of tensors is put back into. */
export type Structure =
  | { readonly kind: 'tensor' }
  | { readonly kind: 'nothing'; readonly value: null | undefined }
  | { readonly kind: 'array'; readonly items: readonly Structure[] }
  | { readonly kind: 'record'; readonly keys: readonly string[]; readonly items: readonly Structure[] };

/**
 * Appends the tensors of a tree to `tensors` and returns its structure.
 *
 * @throws TypeError if the tree holds something else; `path` says where.
 */
export function flatten(tree: unknown, tensors: tf.Tensor[], path: string): Structure {
  if (tree instanceof tf.Tensor) {
    tensors.push(tree as tf.Tensor);
    return { kind: 'tensor' };
  }
  if (tree === null || tree === undefined) return { kind: 'nothing', value: tree };
  if (Array.isArray(tree)) {
    return { kind: 'array', items: tree.map((item, i) => flatten(item, tensors, `${path}[${i}]`)) };
  }
  if (isRecord(tree)) {
    const keys = Object.keys(tree);
    return {
      kind: 'record',
      keys,
      items: keys.map((key) => flatten(tree[key], tensors, `${path}.${key}`)),
    };
  }
  throw new TypeError(
    `${path} is ${describeValue(tree)}, but only tensors, and arrays and records of tensors, are possible.`,
  );
}

/** Puts tensors into a structure; `next` gives them in order. */
export function unflatten(structure: Structure, next: () => tf.Tensor): TensorTree {
  switch (structure.kind) {
    case 'tensor':
      return next();
    case 'nothing':
      return structure.value;
    case 'array':
      return structure.items.map((item) => unflatten(item, next));
    case 'record':
      return Object.fromEntries(structure.keys.map((key, i) => [key, unflatten(structure.items[i]!, next)]));
  }
}

/** A key that equal structures share. */
export function structureKey(structure: Structure): string {
  switch (structure.kind) {
    case 'tensor':
      return '*';
    case 'nothing':
      return String(structure.value);
    case 'array':
      return `[${structure.items.map(structureKey).join()}]`;
    case 'record':
      return `{${structure.keys.map((key, i) => `${JSON.stringify(key)}:${structureKey(structure.items[i]!)}`).join()}}`;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value that is not what was expected, in words. */
export function describeValue(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') {
    return `the ${typeof value} ${value}`;
  }
  return typeof value === 'object'
    ? `an object of class ${value?.constructor.name ?? 'unknown'}`
    : `a ${typeof value}`;
}
