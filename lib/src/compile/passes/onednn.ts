/**
 * Convolutions and pooling by oneDNN, which is several times faster at them than TensorFlow's own kernels. TensorFlow uses
 * oneDNN for everything or for nothing, and it is slow at the small products of small models; a graph can choose.
 *
 * The values are the same but for rounding, with one exception: where a window of max pooling starts with NaN, TensorFlow
 * hands the gradient to that NaN, and oneDNN (like XLA) to the number that was the greatest.
 */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { rowOf } from '../ir/operations';
import { rewrite, type Rule } from './rewrite';
import { typeOf, type Source, type Trace, type TracedOperation } from '../ir/trace';

const PREFIX = '_MklNative';
const FUSED = `${PREFIX}FusedConv2D`;

/** TensorFlow registers these kernels under a label, so that only its own rewriting finds them. */
const KERNEL: OpAttribute = { name: '_kernel', type: attributeType.string, value: 'MklNameChangeOp' };

/** Whether oneDNN would do anything in the trace. */
export function suitsOneDnn({ operations }: Trace): boolean {
  return operations.some(({ name }) => rowOf(name)?.oneDnn !== undefined || name === 'MaxPool');
}

/** The trace with operations of oneDNN. */
export function withOneDnn(trace: Trace): Trace {
  return rewrite(trace, RULES);
}

const RULES: readonly Rule[] = [
  // A bias, then a ReLU, become part of the convolution before them.
  (operation, context) => {
    if (operation.name !== 'BiasAdd') return undefined;
    const [x, bias] = operation.inputs as [Source, Source];
    const convolution = context.onlyFor(x, `${PREFIX}Conv2D`);
    return convolution && { operation: fuse(convolution, operation, ['BiasAdd'], [bias]) };
  },
  (operation, context) => {
    if (operation.name !== 'Relu') return undefined;
    const convolution = context.onlyFor(operation.inputs[0]!, FUSED);
    return convolution && { operation: fuse(convolution, operation, ['BiasAdd', 'Relu']) };
  },

  (operation) => {
    if (!rowOf(operation.name)?.oneDnn || !isFloat(operation)) return undefined;
    return { operation: renamed(operation) };
  },

  // Max pooling remembers for its gradient where the maxima were.
  (operation) => {
    if (operation.name !== 'MaxPool' || !isFloat(operation)) return undefined;
    const outputs = [...operation.outputs, { dtype: dataType.uint8, shape: [] }];
    return { operation: { ...renamed(operation, [WORKSPACE]), outputs } };
  },
  (operation) => {
    if (operation.name !== 'MaxPoolGrad') return undefined;
    const pooled = operation.inputs[1]!;
    if (pooled.kind !== 'operation' || pooled.operation.name !== `${PREFIX}MaxPool`) return undefined;
    const inputs = [...operation.inputs, { ...pooled, output: 1 }];
    return { operation: { ...renamed(operation, [WORKSPACE]), inputs } };
  },
];

const WORKSPACE: OpAttribute = { name: 'workspace_enabled', type: attributeType.bool, value: true };

function isFloat({ inputs }: TracedOperation): boolean {
  return typeOf(inputs.at(-1)!).dtype === dataType.float32;
}

function renamed(operation: TracedOperation, more: readonly OpAttribute[] = []): TracedOperation {
  const attributes = [...operation.attributes, ...more, KERNEL];
  return { ...operation, name: `${PREFIX}${operation.name}`, attributes };
}

/** A convolution with what follows it; `more` are the inputs that this adds. */
function fuse(
  convolution: TracedOperation,
  { outputs }: TracedOperation,
  fused: readonly string[],
  more: readonly Source[] = [],
): TracedOperation {
  const attributes = [
    ...convolution.attributes.filter(({ name }) => !ADDED.has(name)),
    { name: 'fused_ops', type: attributeType.string, value: fused },
    { name: 'num_args', type: attributeType.int, value: 1 },
    { name: 'num_host_args', type: attributeType.int, value: 0 },
    { name: 'TArgs', type: attributeType.type, value: [dataType.float32] },
  ];
  return { ...convolution, name: FUSED, inputs: [...convolution.inputs, ...more], attributes, outputs };
}

const ADDED = new Set(['fused_ops', 'num_args', 'num_host_args', 'TArgs']);
