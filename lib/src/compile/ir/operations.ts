/**
 * The signatures of the operations that a graph may contain. The binding does not expose TensorFlow's own definitions, and
 * a graph needs them: outputs are referred to by name inside a function, and types that eager execution infers must be
 * written out.
 *
 * In a signature `x: T` is a tensor whose type is the attribute T, `x: int32` one of a fixed type, `x: N*T` a list of N
 * tensors of one type, and `x: [T]` a list of tensors whose types are the list attribute T.
 */

/** One input or output of an operation: its type or the attributes that determine it. */
export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly count?: string;
  readonly isTypeList: boolean;
}

export interface Signature {
  readonly inputs: readonly Argument[];
  readonly outputs: readonly Argument[];
}

/** Operations that a step may run. All of them are functions of their inputs only. */
const STEP_OPERATIONS = `
Abs(x: T) -> y: T
Acos(x: T) -> y: T
Acosh(x: T) -> y: T
Add(x: T, y: T) -> z: T
AddN(inputs: N*T) -> sum: T
AddV2(x: T, y: T) -> z: T
All(input: bool, reduction_indices: Tidx) -> output: bool
Any(input: bool, reduction_indices: Tidx) -> output: bool
ArgMax(input: T, dimension: Tidx) -> output: output_type
ArgMin(input: T, dimension: Tidx) -> output: output_type
Asin(x: T) -> y: T
Asinh(x: T) -> y: T
Atan(x: T) -> y: T
Atan2(y: T, x: T) -> z: T
Atanh(x: T) -> y: T
AvgPool(value: T) -> output: T
AvgPool3D(input: T) -> output: T
AvgPool3DGrad(orig_input_shape: int32, grad: T) -> output: T
AvgPoolGrad(orig_input_shape: int32, grad: T) -> output: T
BatchMatMul(x: T, y: T) -> output: T
BatchMatMulV2(x: T, y: T) -> output: T
BatchMatMulV3(x: Ta, y: Tb) -> output: Tout
BatchToSpaceND(input: T, block_shape: Tblock_shape, crops: Tcrops) -> output: T
Betainc(a: T, b: T, x: T) -> z: T
BiasAdd(value: T, bias: T) -> output: T
BiasAddGrad(out_backprop: T) -> output: T
Bincount(arr: int32, size: int32, weights: T) -> bins: T
BroadcastArgs(s0: T, s1: T) -> r0: T
BroadcastTo(input: T, shape: Tidx) -> output: T
Cast(x: SrcT) -> y: DstT
Ceil(x: T) -> y: T
CheckNumerics(tensor: T) -> output: T
Cholesky(input: T) -> output: T
ClipByValue(t: T, clip_value_min: T, clip_value_max: T) -> output: T
Complex(real: T, imag: T) -> out: Tout
ComplexAbs(x: T) -> y: Tout
ConcatV2(values: N*T, axis: Tidx) -> output: T
Const() -> output: dtype
Conv2D(input: T, filter: T) -> output: T
Conv2DBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T
Conv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T
Conv3D(input: T, filter: T) -> output: T
Conv3DBackpropFilterV2(input: T, filter_sizes: int32, out_backprop: T) -> output: T
Conv3DBackpropInputV2(input_sizes: Tshape, filter: T, out_backprop: T) -> output: T
Cos(x: T) -> y: T
Cosh(x: T) -> y: T
CropAndResize(image: T, boxes: float32, box_ind: int32, crop_size: int32) -> crops: float32
Cumprod(x: T, axis: Tidx) -> out: T
Cumsum(x: T, axis: Tidx) -> out: T
DepthToSpace(input: T) -> output: T
DepthwiseConv2dNative(input: T, filter: T) -> output: T
DepthwiseConv2dNativeBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T
DepthwiseConv2dNativeBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T
Diag(diagonal: T) -> output: T
DiagPart(input: T) -> diagonal: T
Digamma(x: T) -> y: T
Dilation2D(input: T, filter: T) -> output: T
Dilation2DBackpropFilter(input: T, filter: T, out_backprop: T) -> filter_backprop: T
Dilation2DBackpropInput(input: T, filter: T, out_backprop: T) -> in_backprop: T
Div(x: T, y: T) -> z: T
DivNoNan(x: T, y: T) -> z: T
Einsum(inputs: N*T) -> output: T
Elu(features: T) -> activations: T
EluGrad(gradients: T, outputs: T) -> backprops: T
Equal(x: T, y: T) -> z: bool
Erf(x: T) -> y: T
Erfc(x: T) -> y: T
Erfinv(x: T) -> y: T
Exp(x: T) -> y: T
ExpandDims(input: T, dim: Tdim) -> output: T
Expm1(x: T) -> y: T
FFT(input: Tcomplex) -> output: Tcomplex
Fill(dims: index_type, value: T) -> output: T
Floor(x: T) -> y: T
FloorDiv(x: T, y: T) -> z: T
FloorMod(x: T, y: T) -> z: T
FusedBatchNorm(x: T, scale: T, offset: T, mean: T, variance: T) -> y: T, batch_mean: T, batch_variance: T, reserve_space_1: T, reserve_space_2: T
FusedBatchNormGradV3(y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U) -> x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U
FusedBatchNormV3(x: T, scale: U, offset: U, mean: U, variance: U) -> y: T, batch_mean: U, batch_variance: U, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U
GatherNd(params: Tparams, indices: Tindices) -> output: Tparams
GatherV2(params: Tparams, indices: Tindices, axis: Taxis) -> output: Tparams
Greater(x: T, y: T) -> z: bool
GreaterEqual(x: T, y: T) -> z: bool
IFFT(input: Tcomplex) -> output: Tcomplex
Identity(input: T) -> output: T
Igamma(a: T, x: T) -> z: T
Imag(input: T) -> output: Tout
InTopKV2(predictions: float32, targets: T, k: T) -> precision: bool
InvertPermutation(x: T) -> y: T
IsFinite(x: T) -> y: bool
IsInf(x: T) -> y: bool
IsNan(x: T) -> y: bool
L2Loss(t: T) -> output: T
LRN(input: T) -> output: T
LRNGrad(input_grads: T, input_image: T, output_image: T) -> output: T
LeakyRelu(features: T) -> activations: T
LeakyReluGrad(gradients: T, features: T) -> backprops: T
Less(x: T, y: T) -> z: bool
LessEqual(x: T, y: T) -> z: bool
Lgamma(x: T) -> y: T
LinSpace(start: T, stop: T, num: Tidx) -> output: T
Log(x: T) -> y: T
Log1p(x: T) -> y: T
LogSoftmax(logits: T) -> logsoftmax: T
LogicalAnd(x: bool, y: bool) -> z: bool
LogicalNot(x: bool) -> y: bool
LogicalOr(x: bool, y: bool) -> z: bool
MatMul(a: T, b: T) -> product: T
MatrixBandPart(input: T, num_lower: Tindex, num_upper: Tindex) -> band: T
MatrixDeterminant(input: T) -> output: T
MatrixDiag(diagonal: T) -> output: T
MatrixDiagPart(input: T) -> diagonal: T
MatrixInverse(input: T) -> output: T
MatrixSolve(matrix: T, rhs: T) -> output: T
MatrixTriangularSolve(matrix: T, rhs: T) -> output: T
Max(input: T, reduction_indices: Tidx) -> output: T
MaxPool(input: T) -> output: T
MaxPool3D(input: T) -> output: T
MaxPool3DGrad(orig_input: TInput, orig_output: TInput, grad: T) -> output: T
MaxPoolGrad(orig_input: T, orig_output: T, grad: T) -> output: T
Maximum(x: T, y: T) -> z: T
Mean(input: T, reduction_indices: Tidx) -> output: T
Min(input: T, reduction_indices: Tidx) -> output: T
Minimum(x: T, y: T) -> z: T
MirrorPad(input: T, paddings: Tpaddings) -> output: T
Mod(x: T, y: T) -> z: T
Mul(x: T, y: T) -> z: T
MulNoNan(x: T, y: T) -> z: T
Neg(x: T) -> y: T
NotEqual(x: T, y: T) -> z: bool
OneHot(indices: TI, depth: int32, on_value: T, off_value: T) -> output: T
OnesLike(x: T) -> y: T
Pack(values: N*T) -> output: T
Pad(input: T, paddings: Tpaddings) -> output: T
PadV2(input: T, paddings: Tpaddings, constant_values: T) -> output: T
Pow(x: T, y: T) -> z: T
Prod(input: T, reduction_indices: Tidx) -> output: T
Range(start: Tidx, limit: Tidx, delta: Tidx) -> output: Tidx
Rank(input: T) -> output: int32
Real(input: T) -> output: Tout
RealDiv(x: T, y: T) -> z: T
Reciprocal(x: T) -> y: T
Relu(features: T) -> activations: T
Relu6(features: T) -> activations: T
Relu6Grad(gradients: T, features: T) -> backprops: T
ReluGrad(gradients: T, features: T) -> backprops: T
Reshape(tensor: T, shape: Tshape) -> output: T
ResizeBilinear(images: T, size: int32) -> resized_images: float32
ResizeBilinearGrad(grads: float32, original_image: T) -> output: T
ResizeNearestNeighbor(images: T, size: int32) -> resized_images: T
ResizeNearestNeighborGrad(grads: T, size: int32) -> output: T
ReverseSequence(input: T, seq_lengths: Tlen) -> output: T
ReverseV2(tensor: T, axis: Tidx) -> output: T
Rint(x: T) -> y: T
Roll(input: T, shift: Tshift, axis: Taxis) -> output: T
Round(x: T) -> y: T
Rsqrt(x: T) -> y: T
RsqrtGrad(y: T, dy: T) -> z: T
ScatterNd(indices: Tindices, updates: T, shape: Tindices) -> output: T
SegmentSum(data: T, segment_ids: Tindices) -> output: T
Select(condition: bool, t: T, e: T) -> output: T
SelectV2(condition: bool, t: T, e: T) -> output: T
Selu(features: T) -> activations: T
SeluGrad(gradients: T, outputs: T) -> backprops: T
Shape(input: T) -> output: out_type
Sigmoid(x: T) -> y: T
SigmoidGrad(y: T, dy: T) -> z: T
Sign(x: T) -> y: T
Sin(x: T) -> y: T
Sinh(x: T) -> y: T
Size(input: T) -> output: out_type
Slice(input: T, begin: Index, size: Index) -> output: T
Softmax(logits: T) -> softmax: T
SoftmaxCrossEntropyWithLogits(features: T, labels: T) -> loss: T, backprop: T
Softplus(features: T) -> activations: T
SoftplusGrad(gradients: T, features: T) -> backprops: T
SpaceToBatchND(input: T, block_shape: Tblock_shape, paddings: Tpaddings) -> output: T
SpaceToDepth(input: T) -> output: T
SparseSoftmaxCrossEntropyWithLogits(features: T, labels: Tlabels) -> loss: T, backprop: T
SparseToDense(sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T) -> dense: T
Split(split_dim: int32, value: T) -> output: num_split*T
SplitV(value: T, size_splits: Tlen, split_dim: int32) -> output: num_split*T
Sqrt(x: T) -> y: T
SqrtGrad(y: T, dy: T) -> z: T
Square(x: T) -> y: T
SquaredDifference(x: T, y: T) -> z: T
Squeeze(input: T) -> output: T
StatelessMultinomial(logits: T, num_samples: int32, seed: Tseed) -> output: output_dtype
StatelessRandomNormal(shape: T, seed: Tseed) -> output: dtype
StatelessRandomUniform(shape: T, seed: Tseed) -> output: dtype
StatelessRandomUniformFullInt(shape: T, seed: Tseed) -> output: dtype
StatelessRandomUniformInt(shape: T, seed: Tseed, minval: dtype, maxval: dtype) -> output: dtype
StatelessTruncatedNormal(shape: T, seed: Tseed) -> output: dtype
StopGradient(input: T) -> output: T
StridedSlice(input: T, begin: Index, end: Index, strides: Index) -> output: T
StridedSliceGrad(shape: Index, begin: Index, end: Index, strides: Index, dy: T) -> output: T
Sub(x: T, y: T) -> z: T
Sum(input: T, reduction_indices: Tidx) -> output: T
Tan(x: T) -> y: T
Tanh(x: T) -> y: T
TanhGrad(y: T, dy: T) -> z: T
TensorScatterAdd(tensor: T, indices: Tindices, updates: T) -> output: T
TensorScatterMax(tensor: T, indices: Tindices, updates: T) -> output: T
TensorScatterMin(tensor: T, indices: Tindices, updates: T) -> output: T
TensorScatterSub(tensor: T, indices: Tindices, updates: T) -> output: T
TensorScatterUpdate(tensor: T, indices: Tindices, updates: T) -> output: T
Tile(input: T, multiples: Tmultiples) -> output: T
TopKV2(input: T, k: Tk) -> values: T, indices: index_type
Transpose(x: T, perm: Tperm) -> y: T
Unpack(value: T) -> output: num*T
UnsortedSegmentMax(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T
UnsortedSegmentMin(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T
UnsortedSegmentProd(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T
UnsortedSegmentSum(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T
Xdivy(x: T, y: T) -> z: T
Xlogy(x: T, y: T) -> z: T
ZerosLike(x: T) -> y: T
`;

/** Operations that the graph around a step uses. */
const GRAPH_OPERATIONS = `
Assert(condition: bool, data: [T])
AssignVariableOp(resource: resource, value: dtype)
DestroyResourceOp(resource: resource)
NoOp()
PartitionedCall(args: [Tin]) -> output: [Tout]
Placeholder() -> output: dtype
ReadVariableOp(resource: resource) -> value: dtype
StatefulPartitionedCall(args: [Tin]) -> output: [Tout]
StatelessWhile(input: [T]) -> output: [T]
TensorListReserve(element_shape: shape_type, num_elements: int32) -> handle: variant
TensorListSetItem(input_handle: variant, index: int32, item: element_dtype) -> output_handle: variant
TensorListStack(input_handle: variant, element_shape: int32) -> tensor: element_dtype
VarHandleOp() -> resource: resource
`;

/** Operations of oneDNN, which TensorFlow can run in place of its own where it was built with it. */
const ONEDNN_OPERATIONS = `
_MklNativeAvgPool(value: T) -> output: T
_MklNativeAvgPoolGrad(orig_input_shape: int32, grad: T) -> output: T
_MklNativeConv2D(input: T, filter: T) -> output: T
_MklNativeConv2DBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T
_MklNativeConv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T
_MklNativeDepthwiseConv2dNative(input: T, filter: T) -> output: T
_MklNativeDepthwiseConv2dNativeBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T
_MklNativeDepthwiseConv2dNativeBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T
_MklNativeFusedConv2D(input: T, filter: T, args: [TArgs], host_args: num_host_args*float32) -> output: T
_MklNativeMaxPool(input: T) -> output: T, workspace: uint8
_MklNativeMaxPoolGrad(orig_input: T, orig_output: T, grad: T, workspace: uint8) -> output: T
`;

/** Why some operations cannot be part of a compiled step, and what to do instead. */
const REFUSED: Readonly<Record<string, string>> = {
  Where: valueDependent('tf.where with three arguments, or a mask that multiplies'),
  UniqueV2: valueDependent('tf.oneHot and a sum over it'),
  NonMaxSuppressionV3: valueDependent('a call after the step'),
  NonMaxSuppressionV4: valueDependent('a call after the step'),
  NonMaxSuppressionV5: valueDependent('a call after the step'),
  Multinomial:
    'It draws from a hidden state, so that a run could not be repeated. Draw with `random` from liandan: ' +
    'the largest of logits − log(−log(random.uniform(…))) has the same distribution.',
};

function valueDependent(instead: string): string {
  return `The shape of its result depends on values, while a graph has fixed shapes. Use ${instead}.`;
}

const stepOperations = parse(STEP_OPERATIONS);
const operations = new Map([...stepOperations, ...parse(GRAPH_OPERATIONS), ...parse(ONEDNN_OPERATIONS)]);

/** The signature of an operation of the table. */
export function signature(operation: string): Signature {
  const found = operations.get(operation);
  if (!found) throw new Error(`The operation table has no ${operation}.`);
  return found;
}

/** The names of all operations of the table. */
export function operationNames(): string[] {
  return [...operations.keys()];
}

/** Undefined if a step may run the operation, otherwise the reason why it may not, with the remedy. */
export function refusal(operation: string): string | undefined {
  if (stepOperations.has(operation)) return undefined;
  return (
    REFUSED[operation] ??
    'It is not in the table of operations that can be compiled. Run it outside of the step, ' +
      'or express it with other operations.'
  );
}

function parse(table: string): Map<string, Signature> {
  const lines = table.trim().split('\n');
  return new Map(
    lines.map((line) => {
      const match = /^(\w+)\((.*?)\)(?: -> (.*))?$/.exec(line);
      if (!match) throw new Error(`Malformed signature: ${line}`);
      const [, name, inputs, outputs] = match;
      return [name ?? '', { inputs: parseArguments(inputs), outputs: parseArguments(outputs) }];
    }),
  );
}

function parseArguments(list: string | undefined): Argument[] {
  if (!list) return [];
  return list.split(', ').map((argument) => {
    const [, name = '', count, open, type = ''] = /^(\w+): (?:(\w+)\*)?(\[)?(\w+)\]?$/.exec(argument) ?? [];
    return { name, type, count, isTypeList: open !== undefined };
  });
}
