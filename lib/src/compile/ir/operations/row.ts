/** What the table of operations says of one of them. */
import type { TracedOperation } from '../trace';
import { integersOf, shapeOf, type RangeRule } from './ranges';
import { parse, type InputName, type IntegerInputName, type Signature } from './signature';

/** The least and the greatest index that TensorFlow accepts. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * What an input that holds integers is for:
 * - `size`: it settles axes or sizes, which are fixed in a graph;
 * - `any`: every integer does;
 * - `checked`: TensorFlow refuses some values, by a rule that is not followed here;
 * - `divisor`, `exponent`: where they are integers, TensorFlow refuses 0, or what is negative;
 * - a function: they are indices, with one pair of bounds for all, or one for each component of vectors of indices.
 */
export type IntegerRole =
  'size' | 'any' | 'checked' | 'divisor' | 'exponent' | ((operation: TracedOperation) => readonly Bounds[]);

interface Notes<Integers> {
  readonly integers?: Integers;
  /** Where the elements of its results lie; unknown if left out. */
  readonly range?: RangeRule;
  /**
   * It looks for the greatest or least element, starting from the last finite number: NaN is never found. XLA finds it, so
   * its input is changed for XLA.
   */
  readonly passesOverNaN?: 'greatest' | 'least';
  /** oneDNN has a kernel with the same inputs, attributes and outputs. */
  readonly oneDnn?: true;
  /** XLA's code for a CPU is several times slower than the kernels of TensorFlow or oneDNN. */
  readonly isSlowUnderXla?: true;
  /** XLA computes its result once; those of other operations may become part of each operation that uses them. */
  readonly isMaterialized?: true;
  /** Why XLA would give other results than TensorFlow; undefined if it does not. */
  readonly wrongUnderXla?: (operation: TracedOperation) => string | undefined;
  /** It may stop the step, and so must run even if nothing uses its result. */
  readonly mustRun?: true;
}

export interface Row extends Notes<Readonly<Partial<Record<string, IntegerRole>>>> {
  readonly signature: Signature;
}

type NotesOn<S> = [IntegerInputName<S>] extends [never]
  ? [notes?: Notes<Partial<Record<InputName<S>, IntegerRole>>>]
  : [
      notes: Notes<unknown> & {
        readonly integers: Record<IntegerInputName<S>, IntegerRole> &
          Partial<Record<InputName<S>, IntegerRole>>;
      },
    ];

/** A row of the table; it does not type-check unless it says of each input of integers what that is for. */
export function row<const S extends string>(signature: S, ...[notes]: NotesOn<S>): Row {
  return { ...(notes as Omit<Row, 'signature'> | undefined), signature: parse(signature) };
}

/** Indices into the axis of `input` that `axis` gives. */
export function into(input: number, axis: (operation: TracedOperation) => number): IntegerRole {
  return (operation) => [upTo(shapeOf(operation.inputs[input]!).at(axis(operation)))];
}

/** Vectors of indices, the last axis of the input `indices`, into the first axes of a shape. */
export function vectorsInto(
  indices: number,
  shape: (operation: TracedOperation) => readonly number[],
): IntegerRole {
  return (operation) => {
    const components = shapeOf(operation.inputs[indices]!).at(-1) ?? 1;
    return shape(operation).slice(0, components).map(upTo);
  };
}

/** The numbers of segments; what has a negative one is left out. */
export const segments: IntegerRole = ({ inputs }) => [
  { min: -Infinity, max: upTo(integersOf(inputs[2])[0]).max },
];

export const notNegative: IntegerRole = () => [{ min: 0, max: Infinity }];

export function shapeOfInput(input: number): (operation: TracedOperation) => readonly number[] {
  return ({ inputs }) => shapeOf(inputs[input]!);
}

export function valuesOfInput(input: number): (operation: TracedOperation) => readonly number[] {
  return ({ inputs }) => integersOf(inputs[input]);
}

function upTo(size = 0): Bounds {
  return { min: 0, max: size - 1 };
}
