/**
 * Which inputs of a step are used as indices, and where they must lie. TensorFlow's own kernels refuse an index out of
 * range, but XLA and GPUs quietly use another row; so inputs are checked before they go into a graph, and where an index
 * is computed in a way that cannot be followed, XLA is not used.
 */
import { nativeBackend } from '../../runtime/binding';
import { valuesOf } from '../ir/constant';
import { typeOf, varies, type Source, type Trace, type TracedOperation } from '../ir/trace';

/** An input whose values an operation uses as indices into an axis of `size` elements. */
export interface IndexInput {
  readonly input: number;
  readonly size: number;
  readonly operation: string;
}

export interface Indexing {
  readonly inputs: readonly IndexInput[];
  /** The operations that use indices whose range is unknown. */
  readonly unknown: readonly string[];
}

/** Bounds on the elements of a tensor: within [min, max], or elements of one of the inputs. */
interface Range {
  readonly min: number;
  readonly max: number;
  readonly inputs: readonly number[];
}

const UNKNOWN: Range = { min: -Infinity, max: Infinity, inputs: [] };
const NONE: Range = { min: Infinity, max: -Infinity, inputs: [] };

/** Follows the indices of a trace back to where they come from. */
export function findIndices(trace: Trace): Indexing {
  const inputs = new Map<string, IndexInput>();
  const unknown = new Set<string>();
  const ranges = new Ranges();
  for (const operation of trace.operations) {
    const use = indexUse(operation);
    // What never varies was checked by the eager run that the trace recorded.
    if (!use || !varies(use.indices)) continue;
    const range = ranges.of(use.indices);
    if (range.min < 0 || range.max >= use.size) unknown.add(operation.name);
    for (const input of range.inputs) {
      const known = inputs.get(`${input}`);
      if (!known || use.size < known.size) {
        inputs.set(`${input}`, { input, size: use.size, operation: operation.name });
      }
    }
  }
  return { inputs: [...inputs.values()], unknown: [...unknown] };
}

/** The indices of an operation, and the size of the axis that they go into. */
function indexUse({ name, inputs }: TracedOperation): { indices: Source; size: number } | undefined {
  const [first, second, third] = inputs;
  switch (name) {
    case 'GatherV2': {
      const axis = third?.kind === 'constant' ? valuesOf(third.constant)[0]! : 0;
      return { indices: second!, size: shapeOf(first!).at(axis) ?? 0 };
    }
    case 'GatherNd':
      return { indices: second!, size: smallest(shapeOf(first!), shapeOf(second!)) };
    case 'TensorScatterAdd':
    case 'TensorScatterSub':
    case 'TensorScatterUpdate':
    case 'TensorScatterMax':
    case 'TensorScatterMin':
      return { indices: second!, size: smallest(shapeOf(first!), shapeOf(second!)) };
    case 'ScatterNd':
      return { indices: first!, size: smallest(integersOf(third!), shapeOf(first!)) };
    case 'UnsortedSegmentSum':
    case 'UnsortedSegmentMax':
    case 'UnsortedSegmentMin':
    case 'UnsortedSegmentProd':
      return { indices: second!, size: integersOf(third!)[0] ?? 0 };
    case 'SparseToDense':
      return { indices: first!, size: Math.min(...integersOf(second!)) };
    case 'SparseSoftmaxCrossEntropyWithLogits':
      return { indices: second!, size: shapeOf(first!).at(-1) ?? 0 };
    default:
      return undefined;
  }
}

/** The smallest of the axes that index vectors with `indices.at(-1)` components go into. */
function smallest(shape: readonly number[], indices: readonly number[]): number {
  return Math.min(...shape.slice(0, indices.at(-1)));
}

class Ranges {
  private readonly known = new Map<Source | TracedOperation, Range>();

  of(source: Source): Range {
    switch (source.kind) {
      case 'input':
        return { ...NONE, inputs: [source.index] };
      case 'constant':
        return this.remember(source, () => extent(valuesOf(source.constant)));
      case 'captured':
        return this.remember(source, () =>
          extent(nativeBackend().binding.tensorDataSync(source.captured.id)),
        );
      case 'operation':
        if (source.operation.name === 'TopKV2') return this.ofTopK(source.operation, source.output);
        return this.remember(source.operation, () => this.ofOperation(source.operation));
      case 'fed':
      case 'variable':
        return UNKNOWN;
    }
  }

  private ofOperation({ name, inputs }: TracedOperation): Range {
    const of = (position: number): Range => this.of(inputs[position]!);
    switch (name) {
      // These hand on elements of their first input.
      case 'BroadcastTo':
      case 'Cast':
      case 'ExpandDims':
      case 'GatherNd':
      case 'GatherV2':
      case 'Identity':
      case 'Max':
      case 'Min':
      case 'Reshape':
      case 'ReverseV2':
      case 'Slice':
      case 'SplitV':
      case 'Squeeze':
      case 'StopGradient':
      case 'StridedSlice':
      case 'Tile':
      case 'Transpose':
      case 'Unpack':
        return of(0);
      case 'Pack':
        return inputs.map((input) => this.of(input)).reduce(union, NONE);
      case 'ConcatV2':
        return inputs
          .slice(0, -1)
          .map((input) => this.of(input))
          .reduce(union, NONE);
      case 'Fill':
        return of(1);
      case 'PadV2':
        return union(of(0), of(2));
      case 'Select':
      case 'SelectV2':
        return union(of(1), of(2));
      case 'Maximum':
        return combine(of(0), of(1), Math.max);
      case 'Minimum':
        return combine(of(0), of(1), Math.min);
      case 'FloorMod': {
        const divisor = of(1);
        return divisor.min > 0 && divisor.inputs.length === 0
          ? { min: 0, max: divisor.max - 1, inputs: [] }
          : UNKNOWN;
      }
      case 'ArgMax':
      case 'ArgMin': {
        const axis = integersOf(inputs[1]!)[0] ?? 0;
        return { min: 0, max: (shapeOf(inputs[0]!).at(axis) ?? 0) - 1, inputs: [] };
      }
      case 'StatelessRandomUniformInt': {
        const [low, high] = [of(2), of(3)];
        return { min: low.min, max: high.max - 1, inputs: [...low.inputs, ...high.inputs] };
      }
      default:
        return UNKNOWN;
    }
  }

  private ofTopK({ inputs }: TracedOperation, output: number): Range {
    if (output === 0) return this.of(inputs[0]!);
    return { min: 0, max: (shapeOf(inputs[0]!).at(-1) ?? 0) - 1, inputs: [] };
  }

  private remember(key: Source | TracedOperation, find: () => Range): Range {
    const range = this.known.get(key) ?? find();
    this.known.set(key, range);
    return range;
  }
}

function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max), inputs: [...a.inputs, ...b.inputs] };
}

function combine(a: Range, b: Range, by: (x: number, y: number) => number): Range {
  const [x, y] = [a, b].map((range) => (range.inputs.length > 0 ? UNKNOWN : range)) as [Range, Range];
  return { min: by(x.min, y.min), max: by(x.max, y.max), inputs: [] };
}

function extent(values: ArrayLike<number>): Range {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max, inputs: [] };
}

function integersOf(source: Source): number[] {
  return source.kind === 'constant' ? Array.from(valuesOf(source.constant)) : [];
}

function shapeOf(source: Source): readonly number[] {
  return typeOf(source).shape;
}
