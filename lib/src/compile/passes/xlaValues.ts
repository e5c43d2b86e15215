/** Gives operations the values under XLA that TensorFlow's kernels have, where the two treat NaN and infinities differently. */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import type { Constant } from '../ir/constant';
import { rowOf } from '../ir/operations';
import { rewrite, type Rewriter, type Rule } from './rewrite';
import { typeOf, type Source, type Trace, type TensorType } from '../ir/trace';

export function withTensorFlowValues(trace: Trace): Trace {
  return rewrite(trace, RULES);
}

const MOST = 3.4028234663852886e38;
const INTEGERS = 2 ** 31;

const RULES: readonly Rule[] = [
  // TensorFlow starts from the last finite number, and NaN compares as false.
  (operation, context) => {
    const direction = rowOf(operation.name)?.passesOverNaN;
    const [x, ...others] = operation.inputs as [Source, ...Source[]];
    if (!direction || typeOf(x).dtype !== dataType.float32) return undefined;
    const [comparison, last] = direction === 'greatest' ? ['Greater', -MOST] : ['Less', MOST];
    const isNumber = add(context, comparison, [x, scalar(last)], dataType.bool);
    const numbers = add(context, 'SelectV2', [isNumber, x, scalar(last)], dataType.float32);
    return { operation: { ...operation, inputs: [numbers, ...others] } };
  },

  // What no integer can hold: x86 has one value for it, where XLA takes the nearest integer, and 0 for NaN.
  (operation, context) => {
    const [x] = operation.inputs as [Source];
    const isToInteger = operation.name === 'Cast' && operation.outputs[0]!.dtype === dataType.int32;
    if (!isToInteger || typeOf(x).dtype !== dataType.float32 || process.arch !== 'x64') return undefined;
    const integer: Source = { kind: 'operation', operation, output: 0 };
    context.operations.push(operation);
    const size = add(context, 'Abs', [x], dataType.float32);
    const fits = add(context, 'Less', [size, scalar(INTEGERS)], dataType.bool);
    return { source: add(context, 'SelectV2', [fits, integer, integerScalar(-INTEGERS)], dataType.int32) };
  },

  // TensorFlow compares the result with 0, and hands the gradient on where it is NaN.
  (operation, context) => {
    if (operation.name !== 'EluGrad') return undefined;
    const [dy, y] = operation.inputs as [Source, Source];
    const isNegative = add(context, 'Less', [y, scalar(0)], dataType.bool);
    const slope = add(context, 'AddV2', [y, scalar(1)], dataType.float32);
    const scaled = add(context, 'Mul', [dy, slope], dataType.float32);
    return { source: add(context, 'SelectV2', [isNegative, scaled, dy], dataType.float32) };
  },
];

/** Adds an operation whose result has the shape of its largest input. */
function add(context: Rewriter, name: string, inputs: readonly Source[], dtype: number): Source {
  const { shape } = inputs
    .map(typeOf)
    .reduce((a: TensorType, b) => (b.shape.length > a.shape.length ? b : a));
  const type: OpAttribute = { name: 'T', type: attributeType.type, value: typeOf(inputs.at(-1)!).dtype };
  const operation = { name, attributes: [type], inputs, outputs: [{ dtype, shape }], varies: true };
  context.operations.push(operation);
  return { kind: 'operation', operation, output: 0 };
}

function scalar(value: number): Source {
  return constant(dataType.float32, Float32Array.of(value));
}

function integerScalar(value: number): Source {
  return constant(dataType.int32, Int32Array.of(value));
}

function constant(dtype: number, { buffer }: Float32Array | Int32Array): Source {
  const held: Constant = { dtype, shape: [], bytes: Buffer.from(buffer) };
  return { kind: 'constant', constant: held };
}
