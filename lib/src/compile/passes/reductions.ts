/**
 * Sums over all elements in two stages. XLA on a CPU adds to one result one element after the other, which takes
 * longer than a pass over the memory; to many results it adds in parallel.
 */
import { attributeType, dataType } from '../../runtime/binding';
import { integerConstant } from '../ir/constant';
import { rewrite, type Rule } from './rewrite';
import { typeOf, type Source, type Trace, type TracedOperation } from '../ir/trace';

/** The trace with sums and means over everything as sums over all axes but the longest, then over that one. */
export function withStagedReductions(trace: Trace): Trace {
  return rewrite(trace, [staged]);
}

/** Below this number of elements there is nothing to win. */
const FEWEST_ELEMENTS = 4096;

const staged: Rule = (operation, context) => {
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
  const first: TracedOperation = {
    ...operation,
    inputs: [x, axesOf(others)],
    attributes: operation.attributes.map((attribute) =>
      attribute.name === 'keep_dims'
        ? { name: 'keep_dims', type: attributeType.bool, value: true }
        : attribute,
    ),
    outputs: [{ dtype, shape: shape.map((size, axis) => (axis === longest ? size : 1)) }],
  };
  context.operations.push(first);
  return { operation: { ...operation, inputs: [{ kind: 'operation', operation: first, output: 0 }, axes] } };
};

function axesOf(axes: readonly number[]): Source {
  return { kind: 'constant', constant: integerConstant(axes) };
}
