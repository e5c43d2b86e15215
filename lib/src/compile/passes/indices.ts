/**
 * What a step does with integers that TensorFlow refuses some values of: indices, divisors, exponents. TensorFlow's own
 * kernels refuse an index out of range or a division by zero, but XLA quietly computes something. So inputs that are used as
 * indices are checked before they go into a graph, and where an integer is computed in a way that cannot be followed, XLA
 * is not used.
 */
import type { tf } from '../../runtime';
import { dataType, nativeBackend } from '../../runtime/binding';
import { valuesOf } from '../ir/constant';
import { CompileError } from '../ir/errors';
import { rowOf, type Bounds, type IntegerRole } from '../ir/operations';
import {
  between,
  extent,
  NONE,
  UNKNOWN,
  type Component,
  type InputPart,
  type Range,
} from '../ir/operations/ranges';
import { typeOf, varies, type Source, type Trace, type TracedOperation } from '../ir/trace';

/** Elements of an input that an operation uses as indices, and where they must lie. */
export interface IndexInput extends InputPart, Bounds {
  readonly operation: string;
}

export interface BadIndex {
  readonly error: CompileError;
  /** Whether the step uses it, and not only some of the elements beside it. */
  readonly isUsed: boolean;
}

export interface Indexing {
  readonly inputs: readonly IndexInput[];
  /** Why XLA might compute something where TensorFlow throws. */
  readonly objections: readonly string[];
}

/** Follows the integers of a trace back to where they come from. */
export function findIndices(trace: Trace): Indexing {
  const inputs = new Map<string, IndexInput>();
  const objections = new Set<string>();
  const ranges = new Ranges();
  for (const operation of trace.operations) {
    for (const { source, role } of integersOf(operation)) {
      // What never varies was checked by the eager run that the trace recorded.
      if (!varies(source)) continue;
      if (typeof role !== 'function') {
        const objection = objectionTo(operation, role, ranges.of(source));
        if (objection) objections.add(objection);
        continue;
      }
      const bounds = role(operation);
      bounds.forEach(({ min, max }, index) => {
        const component = bounds.length > 1 ? { index, count: bounds.length } : undefined;
        const range = ranges.of(source, component);
        if (range.min < min || range.max > max) {
          objections.add(`${operation.name} uses computed indices, which XLA does not check`);
        }
        for (const part of range.inputs) {
          const key = `${part.input} ${part.component?.index} ${part.component?.count} ${part.isWhole}`;
          const known = inputs.get(key);
          const tightens = !known || min > known.min || max < known.max;
          if (!tightens) continue;
          inputs.set(key, {
            ...part,
            operation: operation.name,
            min: Math.max(min, known?.min ?? min),
            max: Math.min(max, known?.max ?? max),
          });
        }
      });
    }
  }
  return { inputs: [...inputs.values()], objections: [...objections] };
}

/**
 * The first input that holds an index out of range.
 *
 * @returns Undefined if there is none.
 */
export function findBadIndex(
  inputs: readonly tf.Tensor[],
  indices: readonly IndexInput[],
): BadIndex | undefined {
  for (const { input, component, min, max, operation, isWhole } of indices) {
    const values = inputs[input]!.dataSync();
    const { index, count } = component ?? { index: 0, count: 1 };
    for (let i = index; i < values.length; i += count) {
      const value = values[i]!;
      // A number that is not an integer becomes one by being cut.
      const used = Math.trunc(value);
      if (used >= min && used <= max) continue;
      const error = new CompileError(
        `Input ${input} of the step holds the index ${value}, but ${operation} ${expectation(min, max)}.`,
      );
      return { error, isUsed: isWhole };
    }
  }
  return undefined;
}

function expectation(min: number, max: number): string {
  if (max === Infinity) return 'takes no negative ones';
  const range = min === -Infinity ? `are at most ${max}` : `lie between ${min} and ${max}`;
  return `uses it for an axis of ${max + 1} elements: indices ${range}`;
}

/** The inputs of an operation that the table says something of. */
function integersOf({ name, inputs }: TracedOperation): { source: Source; role: IntegerRole }[] {
  const row = rowOf(name);
  if (!row?.integers) return [];
  const accepted = row.signature.inputs;
  const list = accepted.findIndex(({ count }) => count !== undefined);
  return accepted.flatMap((argument, position) => {
    const role = row.integers![argument.name];
    // What comes after a list of inputs is counted from the end.
    const source = inputs.at(list >= 0 && position > list ? position - accepted.length : position);
    return role && source ? [{ source, role }] : [];
  });
}

function objectionTo(
  { name, outputs }: TracedOperation,
  role: Exclude<IntegerRole, (...given: never) => unknown>,
  { min, max, inputs }: Range,
): string | undefined {
  const isKnown = inputs.length === 0;
  const isInteger = outputs[0]!.dtype === dataType.int32;
  switch (role) {
    case 'any':
      return undefined;
    case 'size':
      return `the sizes that ${name} takes are computed, and XLA must know them`;
    case 'checked':
      return `${name} uses computed integers, which XLA does not check`;
    case 'divisor':
      return isInteger && !(isKnown && (min > 0 || max < 0))
        ? `${name} may divide an integer by 0, which XLA does not check`
        : undefined;
    case 'exponent':
      return isInteger && !(isKnown && min >= 0)
        ? `${name} may raise an integer to a negative power, which XLA does not check`
        : undefined;
  }
}

class Ranges {
  private readonly known = new Map<object, Map<string, Range>>();

  of(source: Source, component?: Component): Range {
    if (typeOf(source).dtype === dataType.bool) return between(0, 1);
    switch (source.kind) {
      case 'input':
        return { ...NONE, inputs: [{ input: source.index, component, isWhole: true }] };
      case 'constant':
        return this.remember(source.constant, 0, component, () =>
          extent(valuesOf(source.constant), component),
        );
      case 'captured':
        return this.remember(source.captured, 0, component, () =>
          extent(nativeBackend().binding.tensorDataSync(source.captured.id), component),
        );
      case 'operation':
        return this.remember(source.operation, source.output, component, () =>
          this.ofOperation(source.operation, source.output, component),
        );
      case 'fed':
      case 'variable':
        return UNKNOWN;
    }
  }

  private ofOperation(operation: TracedOperation, output: number, component: Component | undefined): Range {
    const rule = rowOf(operation.name)?.range;
    if (!rule) return UNKNOWN;
    return rule(operation, (input, part) => this.of(operation.inputs[input]!, part), output, component);
  }

  private remember(key: object, output: number, component: Component | undefined, find: () => Range): Range {
    const ranges = this.known.get(key) ?? new Map<string, Range>();
    this.known.set(key, ranges);
    const part = `${output} ${component?.index} ${component?.count}`;
    const range = ranges.get(part) ?? find();
    ranges.set(part, range);
    return range;
  }
}
