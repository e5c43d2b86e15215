/**
 * Reductions in two stages. XLA on a CPU takes what goes into one result number by number, padded to windows of 32; what goes
 * into many results beside one another it takes eight at a time. So a reduction over everything first goes along all axes but
 * the longest, and a reduction of long rows first takes pieces of the row together, number by number of the pieces.
 */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { integerConstant } from '../ir/constant';
import { rewrite, type Rewriter, type Rule } from './rewrite';
import { typeOf, type Source, type Trace, type TracedOperation } from '../ir/trace';

/** The trace with sums, means and extrema of many numbers in two stages. */
export function withStagedReductions(trace: Trace): Trace {
  return rewrite(trace, [stagedWhole, stagedRows]);
}

/** Below this number of elements, in all or in a row, there is nothing to win. */
const FEWEST_ELEMENTS = 4096;
const FEWEST_IN_ROW = 256;

/** XLA divides reductions that take more than this into windows, and takes results in groups of eight. */
const WINDOW = 32;
const LANES = 8;

const stagedWhole: Rule = (operation, context) => {
  const { name, inputs } = operation;
  const [x, axes] = inputs as [Source, Source];
  if (name !== 'Sum' && name !== 'Mean') return undefined;
  const { shape, dtype } = typeOf(x);
  const isOverAll = axes.kind === 'constant' && axes.constant.bytes.length === 4 * shape.length;
  if (!isOverAll || dtype !== dataType.float32) return undefined;
  const longest = shape.indexOf(Math.max(...shape));
  const others = shape.flatMap((_, axis) => (axis === longest ? [] : [axis]));
  const elements = shape.reduce((product, size) => product * size, 1);
  const addends = elements / shape[longest]!;
  if (elements < FEWEST_ELEMENTS || addends === 1) return undefined;
  const kept = shape.map((size, axis) => (axis === longest ? size : 1));
  return inTwoStages({ operation, x, first: others, kept, keepsAxes: true }, context);
};

const stagedRows: Rule = (operation, context) => {
  const { name, inputs } = operation;
  const [x, axes] = inputs as [Source, Source];
  if (!['Sum', 'Mean', 'Max', 'Min'].includes(name)) return undefined;
  const { shape, dtype } = typeOf(x);
  const isOverRows =
    axes.kind === 'constant' &&
    axes.constant.bytes.length === 4 &&
    [shape.length - 1, -1].includes(axes.constant.bytes.readInt32LE(0));
  const length = shape.at(-1);
  if (!isOverRows || dtype !== dataType.float32 || length === undefined || length < FEWEST_IN_ROW)
    return undefined;
  const pieces = piecesOf(length);
  if (pieces === undefined) return undefined;
  const rows = shape.slice(0, -1);
  const divided = context.append({
    name: 'Reshape',
    attributes: [
      { name: 'T', type: attributeType.type, value: dtype },
      { name: 'Tshape', type: attributeType.type, value: dataType.int32 },
    ],
    inputs: [x, integers([...rows, pieces, length / pieces])],
    outputs: [{ dtype, shape: [...rows, pieces, length / pieces] }],
    varies: operation.varies,
  });
  const kept = [...rows, length / pieces];
  return inTwoStages({ operation, x: divided, first: [rows.length], kept, keepsAxes: false }, context);
};

/** Into how many pieces a row is divided: no more than a window, and each piece whole groups. */
function piecesOf(length: number): number | undefined {
  for (let pieces = WINDOW; pieces > 1; pieces--) {
    if (length % (pieces * LANES) === 0) return pieces;
  }
  return undefined;
}

/** The operation on what it gives along the axes `first`. XLA's simplifier would make the two one again but for the barrier. */
function inTwoStages(
  {
    operation,
    x,
    first,
    kept,
    keepsAxes,
  }: {
    readonly operation: TracedOperation;
    readonly x: Source;
    readonly first: readonly number[];
    /** Shape of the result of the first stage. */
    readonly kept: readonly number[];
    readonly keepsAxes: boolean;
  },
  context: Rewriter,
): { readonly operation: TracedOperation } {
  const reduced = context.append({
    ...operation,
    inputs: [x, integers(first)],
    attributes: operation.attributes.map((attribute): OpAttribute =>
      attribute.name === 'keep_dims'
        ? { name: 'keep_dims', type: attributeType.bool, value: keepsAxes }
        : attribute,
    ),
    outputs: [{ dtype: dataType.float32, shape: kept }],
  });
  const barrier = context.compute('XlaOptimizationBarrier', [reduced]);
  return { operation: { ...operation, inputs: [barrier, operation.inputs[1]!] } };
}

function integers(values: readonly number[]): Source {
  return { kind: 'constant', constant: integerConstant(values) };
}
