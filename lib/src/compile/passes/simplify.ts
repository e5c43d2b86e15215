/**
 * Rewrites what TensorFlow.js spells out in many operations into the ones that TensorFlow has for it. The values stay the
 * same, those of NaN and infinities included.
 */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { splatOf } from '../ir/constant';
import { rewrite, type Rule } from './rewrite';
import { sameShape, sameSource, typeOf, type Source, type Trace } from '../ir/trace';

export function simplify(trace: Trace): Trace {
  return rewrite(trace, RULES);
}

const RULES: readonly Rule[] = [
  // A cast to the same type.
  ({ name, inputs, outputs }) =>
    name === 'Cast' && typeOf(inputs[0]!).dtype === outputs[0]!.dtype ? { source: inputs[0]! } : undefined,

  // A reshape to the same shape.
  ({ name, inputs, outputs }) =>
    name === 'Reshape' && sameShape(shapeOf(inputs[0]!), outputs[0]!.shape)
      ? { source: inputs[0]! }
      : undefined,

  // A product of two matrices, for which TensorFlow has kernels that take in what follows.
  (operation) => {
    const { name, inputs, attributes } = operation;
    if (name !== 'BatchMatMulV2' || !inputs.every((input) => shapeOf(input).length === 2)) return undefined;
    const flag = (from: string, to: string): OpAttribute[] =>
      attributes
        .filter((attribute) => attribute.name === from)
        .map((attribute) => ({ ...attribute, name: to }));
    const flags = [...flag('adj_x', 'transpose_a'), ...flag('adj_y', 'transpose_b'), ...flag('T', 'T')];
    return { operation: { ...operation, name: 'MatMul', attributes: flags } };
  },

  // x + bias, for which the same holds.
  (operation) => {
    const { name, inputs, outputs } = operation;
    if ((name !== 'Add' && name !== 'AddV2') || outputs[0]!.dtype !== dataType.float32) return undefined;
    const [x, bias] = inputs.map(shapeOf);
    const isBias = x && bias && x.length >= 2 && bias.length === 1 && x.at(-1) === bias[0];
    if (!isBias || !producesActivations(inputs[0]!)) return undefined;
    const type: OpAttribute = { name: 'T', type: attributeType.type, value: dataType.float32 };
    return { operation: { ...operation, name: 'BiasAdd', attributes: [type] } };
  },

  // step(x), in the gradient of a ReLU: the sign of the ReLU's result, so that x need not be kept. NaN stays NaN.
  (operation, context) => {
    const x = argumentOfStep({ kind: 'operation', operation, output: 0 });
    const result = x && (context.find('Relu', x) ?? context.find('Relu6', x));
    return result && { source: context.compute('Sign', [result]) };
  },

  // √x and 1/√x as powers. TensorFlow's own rewriting of them to roots forgets what the power of −∞ and of −0 is.
  ({ name, inputs, outputs }, context) => {
    if (name !== 'Pow' || outputs[0]!.dtype !== dataType.float32) return undefined;
    const [x, exponent] = inputs as [Source, Source];
    const root = isAll(exponent, 0.5) ? 'Sqrt' : isAll(exponent, -0.5) ? 'Rsqrt' : undefined;
    if (!root || !sameShape(shapeOf(x), outputs[0]!.shape)) return undefined;
    const isInfinite = context.compute('IsInf', [x], dataType.bool);
    const radicand = context.compute('SelectV2', [isInfinite, context.compute('Abs', [x]), x]);
    return { source: context.compute('Abs', [context.compute(root, [radicand])]) };
  },
];

/** Whether a bias that is added to it can become part of the operation. */
function producesActivations(source: Source): boolean {
  return source.kind === 'operation' && /^(MatMul|Conv2D)$/.test(source.operation.name);
}

/** The x of step(x) = (x is NaN ? x : x > 0 ? 1 : 0), as TensorFlow.js computes it. */
function argumentOfStep(source: Source): Source | undefined {
  const [isNan, x, otherwise] = inputsOf(source, 'Select');
  if (!isNan || !x || !otherwise || !sameSource(x, inputsOf(isNan, 'IsNan')[0])) return undefined;
  const [isPositive, one, zero] = inputsOf(otherwise, 'Select');
  if (!isPositive || !one || !zero) return undefined;
  const [left, right] = inputsOf(isPositive, 'Greater');
  const matches = left && right && sameSource(left, x) && isAll(right, 0) && isAll(one, 1) && isAll(zero, 0);
  return matches ? x : undefined;
}

function inputsOf(source: Source, name: string): readonly Source[] {
  return source.kind === 'operation' && source.operation.name === name ? source.operation.inputs : [];
}

/** Whether all elements are known to be this number. */
function isAll(source: Source, value: number): boolean {
  const [, filling] = inputsOf(source, 'Fill');
  if (filling) return isAll(filling, value);
  return (
    source.kind === 'constant' &&
    source.constant.dtype === dataType.float32 &&
    splatOf(source.constant) === value
  );
}

function shapeOf(source: Source): readonly number[] {
  return typeOf(source).shape;
}
