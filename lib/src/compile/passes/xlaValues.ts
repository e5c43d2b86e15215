/** Gives operations the values under XLA that TensorFlow's kernels have, where the two treat NaN and infinities differently. */
import { dataType, nativeBackend } from '../../runtime/binding';
import { floatConstant, integerConstant } from '../ir/constant';
import { rowOf } from '../ir/operations';
import { rewrite, type Rule } from './rewrite';
import { sameShape, typeOf, type Source, type Trace } from '../ir/trace';

export function withTensorFlowValues(trace: Trace): Trace {
  return rewrite(trace, RULES);
}

const GREATEST = 3.4028234663852886e38;

const RULES: readonly Rule[] = [
  // The gradient of a ReLU, dy · sign(y), as a choice: y > 0 ? dy : dy · y. XLA computes signs number by number.
  (operation, context) => {
    if (operation.name !== 'Mul') return undefined;
    const [a, b] = operation.inputs as [Source, Source];
    for (const [dy, mask] of [
      [a, b],
      [b, a],
    ] as const) {
      const y = resultOfRelu(mask);
      if (!y || !sameShape(typeOf(y).shape, typeOf(dy).shape)) continue;
      const isPositive = context.compute('Greater', [y, float(0)], dataType.bool);
      return { source: context.compute('SelectV2', [isPositive, dy, context.compute('Mul', [dy, y])]) };
    }
    return undefined;
  },

  // TensorFlow starts from the last finite number, and no comparison with NaN holds.
  (operation, context) => {
    const direction = rowOf(operation.name)?.passesOverNaN;
    const [x, ...others] = operation.inputs as [Source, ...Source[]];
    if (!direction || !isFloat(x)) return undefined;
    const [comparison, last] =
      direction === 'greatest'
        ? (['Greater', float(-GREATEST)] as const)
        : (['Less', float(GREATEST)] as const);
    const isFound = context.compute(comparison, [x, last], dataType.bool);
    const found = context.compute('SelectV2', [isFound, x, last]);
    return { operation: { ...operation, inputs: [found, ...others] } };
  },

  // For what no integer can hold, x86 has one value; XLA takes the nearest integer, and 0 for NaN, as ARM and GPUs do.
  (operation, context) => {
    const [x] = operation.inputs as [Source];
    const isToInteger = operation.name === 'Cast' && operation.outputs[0]!.dtype === dataType.int32;
    const isOnX86 = process.arch === 'x64' && !nativeBackend().isUsingGpuDevice;
    if (!isToInteger || !isFloat(x) || !isOnX86) return undefined;
    context.operations.push(operation);
    const integer: Source = { kind: 'operation', operation, output: 0 };
    const fits = context.compute('Less', [context.compute('Abs', [x]), float(2 ** 31)], dataType.bool);
    const least: Source = { kind: 'constant', constant: integerConstant(-(2 ** 31)) };
    return { source: context.compute('SelectV2', [fits, integer, least], dataType.int32) };
  },

  // XLA takes a product with a cast truth value for a choice, in which NaN and infinities times 0 are 0.
  (operation, context) => {
    const [x] = operation.inputs as [Source];
    const isMask = operation.name === 'Cast' && operation.outputs[0]!.dtype === dataType.float32;
    if (!isMask || typeOf(x).dtype !== dataType.bool) return undefined;
    return { source: context.compute('SelectV2', [x, float(1), float(0)]) };
  },

  // TensorFlow compares the result with 0, and hands the gradient on where it is NaN.
  (operation, context) => {
    if (operation.name !== 'EluGrad') return undefined;
    const [dy, y] = operation.inputs as [Source, Source];
    const isNegative = context.compute('Less', [y, float(0)], dataType.bool);
    const scaled = context.compute('Mul', [dy, context.compute('AddV2', [y, float(1)])]);
    return { source: context.compute('SelectV2', [isNegative, scaled, dy]) };
  },
];

/** The y of sign(y), if y is what a ReLU gives: positive, 0 or NaN. */
function resultOfRelu(source: Source): Source | undefined {
  if (source.kind !== 'operation' || source.operation.name !== 'Sign') return undefined;
  const [y] = source.operation.inputs as [Source];
  const isRelu = y.kind === 'operation' && /^Relu6?$/.test(y.operation.name);
  return isRelu ? y : undefined;
}

function isFloat(source: Source): boolean {
  return typeOf(source).dtype === dataType.float32;
}

function float(value: number): Source {
  return { kind: 'constant', constant: floatConstant(value) };
}
