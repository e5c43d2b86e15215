/** Where the elements of a tensor lie, and how operations hand that on. */
import { dataType } from '../../../runtime/binding';
import { valuesOf } from '../constant';
import { typeOf, type Source, type TracedOperation, type TensorType } from '../trace';

/** One component of vectors along the last axis. */
export interface Component {
  readonly index: number;
  readonly count: number;
}

/** Elements of an input of the step: all of them, or one component. */
export interface InputPart {
  readonly input: number;
  readonly component?: Component;
  /** Whether each of these elements is there, and not only some. */
  readonly isWhole: boolean;
}

/** Bounds on the elements of a tensor: within [min, max], or elements of one of the inputs. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly inputs: readonly InputPart[];
}

/** The range of an input of the operation, or of one component of it. */
export type RangeOf = (input: number, component?: Component) => Range;

/** The range of the elements of one output, or of one component of them. */
export type RangeRule = (
  operation: TracedOperation,
  of: RangeOf,
  output: number,
  component: Component | undefined,
) => Range;

export const UNKNOWN: Range = { min: -Infinity, max: Infinity, inputs: [] };
export const NONE: Range = { min: Infinity, max: -Infinity, inputs: [] };

export function between(min: number, max: number): Range {
  return { min, max, inputs: [] };
}

export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), inputs: [...a.inputs, ...b.inputs] };
}

/** The range of values that are known. */
export function extent(values: ArrayLike<number>, component: Component = { index: 0, count: 1 }): Range {
  let [min, max] = [Infinity, -Infinity];
  for (let i = component.index; i < values.length; i += component.count) {
    const value = values[i]!;
    // A NaN has no place in a range, and becomes an integer that lies in none.
    if (Number.isNaN(value)) return UNKNOWN;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return between(min, max);
}

/** Only some of what another rule gives. */
export function some(rule: RangeRule): RangeRule {
  return (...given) => {
    const range = rule(...given);
    return { ...range, inputs: range.inputs.map((part) => ({ ...part, isWhole: false })) };
  };
}

/** Elements of some inputs, in any order. */
export function elementsOf(...inputs: number[]): RangeRule {
  return (_, of) => inputs.map((input) => of(input)).reduce(union, NONE);
}

/** The vectors of the first input along the last axis, unless that has another length now. */
export const vectorsOfFirst: RangeRule = ({ inputs, outputs }, of, _, component) =>
  of(0, lengthOf(typeOf(inputs[0]!)) === lengthOf(outputs[0]!) ? component : undefined);

/** Elements of the first input, in whole vectors if another axis than the last is gathered from. */
export const gathered: RangeRule = ({ inputs }, of, _, component) => {
  const rank = shapeOf(inputs[0]!).length;
  const axis = integersOf(inputs[2])[0] ?? 0;
  return of(0, (axis + rank) % rank < rank - 1 ? component : undefined);
};

/** Greatest or least elements along an axis. Those of nothing are infinite. */
export const extremes: RangeRule = ({ inputs }, of) => (shapeOf(inputs[0]!).includes(0) ? UNKNOWN : of(0));

/** Tensors stacked along a new axis. */
export const stacked: RangeRule = (operation, of, _, component) => {
  const rank = operation.outputs[0]!.shape.length;
  const axis = attributeValue(operation, 'axis', 0);
  const isLast = (axis + rank) % rank === rank - 1;
  if (component && isLast) return of(component.index);
  return operation.inputs.map((__, input) => of(input, component)).reduce(union, NONE);
};

/** Tensors strung along an axis, which the last input tells. */
export const strung: RangeRule = ({ inputs, outputs }, of, _, component) => {
  const rank = outputs[0]!.shape.length;
  const axis = (integersOf(inputs.at(-1))[0] ?? 0) + rank;
  const parts = inputs.slice(0, -1);
  if (!component || axis % rank < rank - 1) {
    return parts.map((__, input) => of(input, component)).reduce(union, NONE);
  }
  let start = 0;
  for (const [input, part] of parts.entries()) {
    const count = lengthOf(typeOf(part))!;
    if (component.index < start + count) return of(input, { index: component.index - start, count });
    start += count;
  }
  return UNKNOWN;
};

/** The elements, cut to integers. */
export const cast: RangeRule = (...given) => {
  const { min, max, inputs } = vectorsOfFirst(...given);
  return { min: Math.trunc(min), max: Math.trunc(max), inputs };
};

export function combined(by: (x: number, y: number) => number): RangeRule {
  return (operation, of) => {
    // Of floating-point numbers either may be NaN.
    if (!isInteger(operation)) return UNKNOWN;
    const [x, y] = [of(0), of(1)];
    if (x.inputs.length + y.inputs.length === 0) return between(by(x.min, y.min), by(x.max, y.max));
    const bounded = (range: Range): Range => (range.inputs.length > 0 ? UNKNOWN : range);
    return between(by(bounded(x).min, bounded(y).min), by(bounded(x).max, bounded(y).max));
  };
}

/** Remainders with the sign of the divisor. */
export const remainders: RangeRule = (operation, of) => {
  const divisor = of(1);
  const isPositive = divisor.min > 0 && divisor.inputs.length === 0;
  return isPositive && isInteger(operation) ? between(0, divisor.max - 1) : UNKNOWN;
};

/** Integers from the third input up to, but without, the fourth. */
export const drawn: RangeRule = (_, of) => {
  const [low, high] = [of(2), of(3)];
  return low.inputs.length + high.inputs.length > 0 ? UNKNOWN : between(low.min, high.max - 1);
};

/** Numbers from a start in equal steps. */
export const progression: RangeRule = ({ inputs, outputs }) => {
  const [start] = integersOf(inputs[0]);
  const [step] = integersOf(inputs[2]);
  const [count] = outputs[0]!.shape;
  if (start === undefined || step === undefined) return UNKNOWN;
  const last = start + step * Math.max(count! - 1, 0);
  return between(Math.min(start, last), Math.max(start, last));
};

/** Places along the axis that the second input tells. */
export const placesAlongAxis: RangeRule = ({ inputs }) => {
  const axis = integersOf(inputs[1])[0] ?? 0;
  return between(0, (shapeOf(inputs[0]!).at(axis) ?? 0) - 1);
};

/** The greatest elements along the last axis, and their places. */
export const sorted: RangeRule = ({ inputs }, of, output) =>
  output === 0 ? of(0) : between(0, (shapeOf(inputs[0]!).at(-1) ?? 0) - 1);

export function isInteger({ inputs }: TracedOperation): boolean {
  return typeOf(inputs[0]!).dtype === dataType.int32;
}

export function shapeOf(source: Source): readonly number[] {
  return typeOf(source).shape;
}

/** The values of a constant of integers; none of what is not a constant. */
export function integersOf(source: Source | undefined): number[] {
  return source?.kind === 'constant' ? Array.from(valuesOf(source.constant)) : [];
}

function lengthOf({ shape }: TensorType): number | undefined {
  return shape.at(-1);
}

function attributeValue({ attributes }: TracedOperation, name: string, otherwise: number): number {
  const found = attributes.find((attribute) => attribute.name === name)?.value;
  return typeof found === 'number' ? found : otherwise;
}
