/**
 * Reductions in two stages. XLA on a CPU takes what goes into one result number by number, padded to windows of 32; what goes
 * into many results beside one another it takes eight at a time. So a reduction over everything first goes along all axes but
 * the longest, and a reduction of long rows first takes pieces of the row together, number by number of the pieces.
 */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { integerConstant, valuesOf } from '../ir/constant';
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
  const reduction = reductionOf(operation, ['Sum', 'Mean']);
  if (!reduction) return undefined;
  const { x, shape, axes } = reduction;
  const longest = shape.indexOf(Math.max(...shape));
  const others = shape.flatMap((_, axis) => (axis === longest ? [] : [axis]));
  const elements = shape.reduce((product, size) => product * size, 1);
  const addends = elements / shape[longest]!;
  if (axes.length !== shape.length || elements < FEWEST_ELEMENTS || addends === 1) return undefined;
  const kept = shape.map((size, axis) => (axis === longest ? size : 1));
  return inTwoStages(operation, { x, along: others, kept }, context);
};

const stagedRows: Rule = (operation, context) => {
  const reduction = reductionOf(operation, ['Sum', 'Mean', 'Max', 'Min']);
  if (!reduction) return undefined;
  const { x, shape, axes } = reduction;
  const isOverRows = axes.length === 1 && [shape.length - 1, -1].includes(axes[0]!);
  const length = shape.at(-1);
  if (!isOverRows || length === undefined || length < FEWEST_IN_ROW) return undefined;
  const pieces = piecesOf(length);
  if (pieces === undefined) return undefined;
  const rows = shape.slice(0, -1);
  const divided = [...rows, pieces, length / pieces];
  const reshaped = context.append({
    name: 'Reshape',
    attributes: [
      { name: 'T', type: attributeType.type, value: dataType.float32 },
      { name: 'Tshape', type: attributeType.type, value: dataType.int32 },
    ],
    inputs: [x, integers(divided)],
    outputs: [{ dtype: dataType.float32, shape: divided }],
    varies: operation.varies,
  });
  const stage = { x: reshaped, along: [rows.length], kept: [...rows, length / pieces] };
  return inTwoStages(operation, stage, context);
};

/** What a reduction of float32 takes, and its axes, if they are known; undefined for other operations. */
function reductionOf(
  { name, inputs }: TracedOperation,
  names: readonly string[],
): { x: Source; shape: readonly number[]; axes: readonly number[] } | undefined {
  const [x, axes] = inputs as [Source, Source];
  if (!names.includes(name) || axes.kind !== 'constant') return undefined;
  const { shape, dtype } = typeOf(x);
  if (dtype !== dataType.float32) return undefined;
  return { x, shape, axes: Array.from(valuesOf(axes.constant)) };
}

/** Into how many pieces a row is divided: no more than a window, and each piece whole groups. */
function piecesOf(length: number): number | undefined {
  for (let pieces = WINDOW; pieces > 1; pieces--) {
    if (length % (pieces * LANES) === 0) return pieces;
  }
  return undefined;
}

/** A reduction before the last: what it takes, the axes that it goes along, and the shape that is left. */
interface Stage {
  readonly x: Source;
  readonly along: readonly number[];
  readonly kept: readonly number[];
}

/** The operation on what it gives at a first stage. XLA's simplifier would make the two one again but for the barrier. */
function inTwoStages(
  operation: TracedOperation,
  { x, along, kept }: Stage,
  context: Rewriter,
): { readonly operation: TracedOperation } {
  const keepsAxes = kept.length === typeOf(x).shape.length;
  const reduced = context.append({
    ...operation,
    inputs: [x, integers(along)],
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
