/**
 * The table of operations: a row for each says all that the compiler needs to know of it. What a row does not say of its
 * integers does not type-check, and tests compare the rows with TensorFlow's own definitions and results.
 */
import type { TracedOperation } from '../trace';
import {
  cast,
  combined,
  drawn,
  elementsOf,
  extremes,
  gathered,
  integersOf,
  isInteger,
  placesAlongAxis,
  progression,
  remainders,
  some,
  sorted,
  stacked,
  strung,
  vectorsOfFirst,
} from './ranges';
import { into, notNegative, row, segments, shapeOfInput, valuesOfInput, vectorsInto } from './row';

const alongAxes = { reduction_indices: 'size' } as const;
const random = { shape: 'size', seed: 'any' } as const;
const differsAtLimits = ({ name }: TracedOperation): string =>
  `${name} treats NaN, infinities or other limits otherwise under XLA`;

/** Operations that a step may run. All of them are functions of their inputs only. */
export const STEP_OPERATIONS = [
  row('Abs(x: T) -> y: T'),
  row('Acos(x: T) -> y: T'),
  row('Acosh(x: T) -> y: T'),
  row('Add(x: T, y: T) -> z: T'),
  row('AddN(inputs: N*T) -> sum: T'),
  row('AddV2(x: T, y: T) -> z: T'),
  row('All(input: bool, reduction_indices: Tidx) -> output: bool', {
    integers: alongAxes,
    isMaterialized: true,
  }),
  row('Any(input: bool, reduction_indices: Tidx) -> output: bool', {
    integers: alongAxes,
    isMaterialized: true,
  }),
  row('ArgMax(input: T, dimension: Tidx) -> output: output_type', {
    integers: { dimension: 'size' },
    range: placesAlongAxis,
    passesOverNaN: 'greatest',
    isMaterialized: true,
  }),
  row('ArgMin(input: T, dimension: Tidx) -> output: output_type', {
    integers: { dimension: 'size' },
    range: placesAlongAxis,
    passesOverNaN: 'least',
    isMaterialized: true,
  }),
  row('Asin(x: T) -> y: T'),
  row('Asinh(x: T) -> y: T'),
  row('Atan(x: T) -> y: T'),
  row('Atan2(y: T, x: T) -> z: T', { isMaterialized: true }),
  row('Atanh(x: T) -> y: T'),
  row('AvgPool(value: T) -> output: T', { oneDnn: true, isSlowUnderXla: true, isMaterialized: true }),
  row('AvgPool3D(input: T) -> output: T', { isSlowUnderXla: true, isMaterialized: true }),
  row('AvgPool3DGrad(orig_input_shape: int32, grad: T) -> output: T', {
    integers: { orig_input_shape: 'size' },
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('AvgPoolGrad(orig_input_shape: int32, grad: T) -> output: T', {
    integers: { orig_input_shape: 'size' },
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('BatchMatMul(x: T, y: T) -> output: T', { isMaterialized: true }),
  row('BatchMatMulV2(x: T, y: T) -> output: T', { isMaterialized: true }),
  row('BatchMatMulV3(x: Ta, y: Tb) -> output: Tout', { isMaterialized: true }),
  row('BatchToSpaceND(input: T, block_shape: Tblock_shape, crops: Tcrops) -> output: T', {
    integers: { block_shape: 'size', crops: 'size' },
  }),
  row('Betainc(a: T, b: T, x: T) -> z: T', { isMaterialized: true, wrongUnderXla: differsAtLimits }),
  row('BiasAdd(value: T, bias: T) -> output: T'),
  row('BiasAddGrad(out_backprop: T) -> output: T', { isMaterialized: true }),
  row('Bincount(arr: int32, size: int32, weights: T) -> bins: T', {
    integers: { arr: notNegative, size: 'size' },
    isMaterialized: true,
  }),
  row('BroadcastArgs(s0: T, s1: T) -> r0: T', { integers: { s0: 'size', s1: 'size' } }),
  row('BroadcastTo(input: T, shape: Tidx) -> output: T', {
    integers: { shape: 'size' },
    range: vectorsOfFirst,
  }),
  row('Cast(x: SrcT) -> y: DstT', { range: cast }),
  row('Ceil(x: T) -> y: T'),
  row('CheckNumerics(tensor: T) -> output: T', {
    wrongUnderXla: () => 'CheckNumerics checks nothing under XLA',
    mustRun: true,
  }),
  row('Cholesky(input: T) -> output: T', { isMaterialized: true }),
  row('ClipByValue(t: T, clip_value_min: T, clip_value_max: T) -> output: T', {
    wrongUnderXla: differsAtLimits,
  }),
  row('Complex(real: T, imag: T) -> out: Tout'),
  row('ComplexAbs(x: T) -> y: Tout'),
  row('ConcatV2(values: N*T, axis: Tidx) -> output: T', { integers: { axis: 'size' }, range: strung }),
  row('Const() -> output: dtype'),
  row('Conv2D(input: T, filter: T) -> output: T', {
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Conv2DBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T', {
    integers: { filter_sizes: 'size' },
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Conv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T', {
    integers: { input_sizes: 'size' },
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Conv3D(input: T, filter: T) -> output: T', { isSlowUnderXla: true, isMaterialized: true }),
  row('Conv3DBackpropFilterV2(input: T, filter_sizes: int32, out_backprop: T) -> output: T', {
    integers: { filter_sizes: 'size' },
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Conv3DBackpropInputV2(input_sizes: Tshape, filter: T, out_backprop: T) -> output: T', {
    integers: { input_sizes: 'size' },
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Cos(x: T) -> y: T', { isMaterialized: true }),
  row('Cosh(x: T) -> y: T', { isMaterialized: true }),
  row('CropAndResize(image: T, boxes: float32, box_ind: int32, crop_size: int32) -> crops: float32', {
    integers: { box_ind: into(0, () => 0), crop_size: 'size' },
    isMaterialized: true,
  }),
  row('Cumprod(x: T, axis: Tidx) -> out: T', { integers: { axis: 'size' }, isMaterialized: true }),
  row('Cumsum(x: T, axis: Tidx) -> out: T', { integers: { axis: 'size' }, isMaterialized: true }),
  row('DenseBincount(input: Tidx, size: Tidx, weights: T) -> output: T', {
    integers: { input: notNegative, size: 'size' },
    isMaterialized: true,
  }),
  row('DepthToSpace(input: T) -> output: T', { range: elementsOf(0) }),
  row('DepthwiseConv2dNative(input: T, filter: T) -> output: T', {
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('DepthwiseConv2dNativeBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T', {
    integers: { filter_sizes: 'size' },
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('DepthwiseConv2dNativeBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T', {
    integers: { input_sizes: 'size' },
    oneDnn: true,
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Diag(diagonal: T) -> output: T'),
  row('DiagPart(input: T) -> diagonal: T'),
  row('Digamma(x: T) -> y: T', { isMaterialized: true }),
  row('Dilation2D(input: T, filter: T) -> output: T', { isSlowUnderXla: true, isMaterialized: true }),
  row('Dilation2DBackpropFilter(input: T, filter: T, out_backprop: T) -> filter_backprop: T', {
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Dilation2DBackpropInput(input: T, filter: T, out_backprop: T) -> in_backprop: T', {
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Div(x: T, y: T) -> z: T', { integers: { y: 'divisor' }, isMaterialized: true }),
  row('DivNoNan(x: T, y: T) -> z: T', { isMaterialized: true }),
  row('Einsum(inputs: N*T) -> output: T', { isMaterialized: true }),
  row('Elu(features: T) -> activations: T', { isMaterialized: true }),
  row('EluGrad(gradients: T, outputs: T) -> backprops: T'),
  row('Equal(x: T, y: T) -> z: bool'),
  row('Erf(x: T) -> y: T', { isMaterialized: true }),
  row('Erfc(x: T) -> y: T', { isMaterialized: true }),
  row('Erfinv(x: T) -> y: T', { isMaterialized: true }),
  row('Exp(x: T) -> y: T', { isMaterialized: true }),
  row('ExpandDims(input: T, dim: Tdim) -> output: T', { integers: { dim: 'size' }, range: vectorsOfFirst }),
  row('Expm1(x: T) -> y: T', { isMaterialized: true }),
  row('FFT(input: Tcomplex) -> output: Tcomplex', { isMaterialized: true }),
  row('Fill(dims: index_type, value: T) -> output: T', { integers: { dims: 'size' }, range: elementsOf(1) }),
  row('Floor(x: T) -> y: T'),
  row('FloorDiv(x: T, y: T) -> z: T', { integers: { y: 'divisor' }, isMaterialized: true }),
  row('FloorMod(x: T, y: T) -> z: T', {
    integers: { y: 'divisor' },
    range: remainders,
    isMaterialized: true,
  }),
  row(
    'FusedBatchNorm(x: T, scale: T, offset: T, mean: T, variance: T) -> y: T, batch_mean: T, batch_variance: T, reserve_space_1: T, reserve_space_2: T',
    { isMaterialized: true },
  ),
  row(
    'FusedBatchNormGradV3(y_backprop: T, x: T, scale: float32, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U) -> x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U',
    { isMaterialized: true },
  ),
  row(
    'FusedBatchNormV3(x: T, scale: U, offset: U, mean: U, variance: U) -> y: T, batch_mean: U, batch_variance: U, reserve_space_1: U, reserve_space_2: U, reserve_space_3: U',
    { isMaterialized: true },
  ),
  row('GatherNd(params: Tparams, indices: Tindices) -> output: Tparams', {
    integers: { indices: vectorsInto(1, shapeOfInput(0)) },
    range: some(elementsOf(0)),
    isMaterialized: true,
  }),
  row('GatherV2(params: Tparams, indices: Tindices, axis: Taxis) -> output: Tparams', {
    integers: { indices: into(0, ({ inputs }) => integersOf(inputs[2])[0] ?? 0), axis: 'size' },
    range: some(gathered),
    isMaterialized: true,
  }),
  row('Greater(x: T, y: T) -> z: bool'),
  row('GreaterEqual(x: T, y: T) -> z: bool'),
  row('IFFT(input: Tcomplex) -> output: Tcomplex', { isMaterialized: true }),
  row('Identity(input: T) -> output: T', { range: vectorsOfFirst }),
  row('Igamma(a: T, x: T) -> z: T', { isMaterialized: true, wrongUnderXla: differsAtLimits }),
  row('Imag(input: T) -> output: Tout'),
  row('InTopKV2(predictions: float32, targets: T, k: T) -> precision: bool', {
    integers: { targets: 'any', k: 'any' },
  }),
  row('InvertPermutation(x: T) -> y: T', { integers: { x: 'checked' } }),
  row('IsFinite(x: T) -> y: bool'),
  row('IsInf(x: T) -> y: bool'),
  row('IsNan(x: T) -> y: bool'),
  row('L2Loss(t: T) -> output: T', { isMaterialized: true }),
  row('LRN(input: T) -> output: T', { isMaterialized: true }),
  row('LRNGrad(input_grads: T, input_image: T, output_image: T) -> output: T', { isMaterialized: true }),
  row('LeakyRelu(features: T) -> activations: T'),
  row('LeakyReluGrad(gradients: T, features: T) -> backprops: T'),
  row('Less(x: T, y: T) -> z: bool'),
  row('LessEqual(x: T, y: T) -> z: bool'),
  row('Lgamma(x: T) -> y: T', { isMaterialized: true }),
  row('LinSpace(start: T, stop: T, num: Tidx) -> output: T', { integers: { num: 'size' } }),
  row('Log(x: T) -> y: T', { isMaterialized: true }),
  row('Log1p(x: T) -> y: T', { isMaterialized: true }),
  row('LogSoftmax(logits: T) -> logsoftmax: T', { isMaterialized: true }),
  row('LogicalAnd(x: bool, y: bool) -> z: bool'),
  row('LogicalNot(x: bool) -> y: bool'),
  row('LogicalOr(x: bool, y: bool) -> z: bool'),
  row('MatMul(a: T, b: T) -> product: T', { isMaterialized: true }),
  row('MatrixBandPart(input: T, num_lower: Tindex, num_upper: Tindex) -> band: T', {
    integers: { num_lower: 'checked', num_upper: 'checked' },
  }),
  row('MatrixDeterminant(input: T) -> output: T', { isMaterialized: true }),
  row('MatrixDiag(diagonal: T) -> output: T'),
  row('MatrixDiagPart(input: T) -> diagonal: T'),
  row('MatrixInverse(input: T) -> output: T', { isMaterialized: true }),
  row('MatrixSolve(matrix: T, rhs: T) -> output: T', { isMaterialized: true }),
  row('MatrixTriangularSolve(matrix: T, rhs: T) -> output: T', { isMaterialized: true }),
  row('Max(input: T, reduction_indices: Tidx) -> output: T', {
    integers: alongAxes,
    range: some(extremes),
    isMaterialized: true,
  }),
  row('MaxPool(input: T) -> output: T', {
    passesOverNaN: 'greatest',
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('MaxPool3D(input: T) -> output: T', {
    passesOverNaN: 'greatest',
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('MaxPool3DGrad(orig_input: TInput, orig_output: TInput, grad: T) -> output: T', {
    passesOverNaN: 'greatest',
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('MaxPoolGrad(orig_input: T, orig_output: T, grad: T) -> output: T', {
    passesOverNaN: 'greatest',
    isSlowUnderXla: true,
    isMaterialized: true,
  }),
  row('Maximum(x: T, y: T) -> z: T', { range: combined(Math.max) }),
  row('Mean(input: T, reduction_indices: Tidx) -> output: T', { integers: alongAxes, isMaterialized: true }),
  row('Min(input: T, reduction_indices: Tidx) -> output: T', {
    integers: alongAxes,
    range: some(extremes),
    isMaterialized: true,
  }),
  row('Minimum(x: T, y: T) -> z: T', { range: combined(Math.min) }),
  row('MirrorPad(input: T, paddings: Tpaddings) -> output: T', {
    integers: { paddings: 'size' },
    range: elementsOf(0),
  }),
  row('Mod(x: T, y: T) -> z: T', { integers: { y: 'divisor' }, isMaterialized: true }),
  row('Mul(x: T, y: T) -> z: T'),
  row('MulNoNan(x: T, y: T) -> z: T'),
  row('Neg(x: T) -> y: T'),
  row('NotEqual(x: T, y: T) -> z: bool'),
  row('OneHot(indices: TI, depth: int32, on_value: T, off_value: T) -> output: T', {
    integers: { indices: 'any', depth: 'size' },
  }),
  row('OnesLike(x: T) -> y: T'),
  row('Pack(values: N*T) -> output: T', { range: stacked }),
  row('Pad(input: T, paddings: Tpaddings) -> output: T', { integers: { paddings: 'size' } }),
  row('PadV2(input: T, paddings: Tpaddings, constant_values: T) -> output: T', {
    integers: { paddings: 'size' },
    range: elementsOf(0, 2),
  }),
  row('Pow(x: T, y: T) -> z: T', { integers: { y: 'exponent' }, isMaterialized: true }),
  row('Prod(input: T, reduction_indices: Tidx) -> output: T', { integers: alongAxes, isMaterialized: true }),
  row('Range(start: Tidx, limit: Tidx, delta: Tidx) -> output: Tidx', {
    integers: { start: 'size', limit: 'size', delta: 'size' },
    range: progression,
  }),
  row('Rank(input: T) -> output: int32'),
  row('Real(input: T) -> output: Tout'),
  row('RealDiv(x: T, y: T) -> z: T', { isMaterialized: true }),
  row('Reciprocal(x: T) -> y: T', { isMaterialized: true }),
  row('Relu(features: T) -> activations: T'),
  row('Relu6(features: T) -> activations: T'),
  row('Relu6Grad(gradients: T, features: T) -> backprops: T', { wrongUnderXla: differsAtLimits }),
  row('ReluGrad(gradients: T, features: T) -> backprops: T', { wrongUnderXla: differsAtLimits }),
  row('Reshape(tensor: T, shape: Tshape) -> output: T', {
    integers: { shape: 'size' },
    range: vectorsOfFirst,
  }),
  row('ResizeBilinear(images: T, size: int32) -> resized_images: float32', {
    integers: { size: 'size' },
    isMaterialized: true,
    wrongUnderXla: differsAtLimits,
  }),
  row('ResizeBilinearGrad(grads: float32, original_image: T) -> output: T', {
    isMaterialized: true,
    wrongUnderXla: differsAtLimits,
  }),
  row('ResizeNearestNeighbor(images: T, size: int32) -> resized_images: T', {
    integers: { size: 'size' },
    isMaterialized: true,
  }),
  row('ResizeNearestNeighborGrad(grads: T, size: int32) -> output: T', {
    integers: { size: 'size' },
    isMaterialized: true,
  }),
  row('ReverseSequence(input: T, seq_lengths: Tlen) -> output: T', {
    integers: { seq_lengths: 'checked' },
    range: elementsOf(0),
  }),
  row('ReverseV2(tensor: T, axis: Tidx) -> output: T', { integers: { axis: 'size' }, range: elementsOf(0) }),
  row('Rint(x: T) -> y: T'),
  row('Roll(input: T, shift: Tshift, axis: Taxis) -> output: T', {
    integers: { shift: 'any', axis: 'size' },
    range: elementsOf(0),
  }),
  row('Round(x: T) -> y: T'),
  row('Rsqrt(x: T) -> y: T', { isMaterialized: true }),
  row('RsqrtGrad(y: T, dy: T) -> z: T', { wrongUnderXla: differsAtLimits }),
  row('ScatterNd(indices: Tindices, updates: T, shape: Tindices) -> output: T', {
    integers: { indices: vectorsInto(0, valuesOfInput(2)), shape: 'size' },
    isMaterialized: true,
  }),
  row('Select(condition: bool, t: T, e: T) -> output: T', { range: some(elementsOf(1, 2)) }),
  row('SelectV2(condition: bool, t: T, e: T) -> output: T', { range: some(elementsOf(1, 2)) }),
  row('Selu(features: T) -> activations: T', { isMaterialized: true }),
  row('SeluGrad(gradients: T, outputs: T) -> backprops: T', { wrongUnderXla: differsAtLimits }),
  row('Shape(input: T) -> output: out_type'),
  row('Sigmoid(x: T) -> y: T', { isMaterialized: true }),
  row('SigmoidGrad(y: T, dy: T) -> z: T', { wrongUnderXla: differsAtLimits }),
  row('Sign(x: T) -> y: T'),
  row('Sin(x: T) -> y: T', { isMaterialized: true }),
  row('Sinh(x: T) -> y: T', { isMaterialized: true }),
  row('Size(input: T) -> output: out_type'),
  row('Slice(input: T, begin: Index, size: Index) -> output: T', {
    integers: { begin: 'size', size: 'size' },
    range: some(vectorsOfFirst),
  }),
  row('Softmax(logits: T) -> softmax: T', { isMaterialized: true }),
  row('SoftmaxCrossEntropyWithLogits(features: T, labels: T) -> loss: T, backprop: T', {
    isMaterialized: true,
    wrongUnderXla: differsAtLimits,
  }),
  row('Softplus(features: T) -> activations: T', { isMaterialized: true }),
  row('SoftplusGrad(gradients: T, features: T) -> backprops: T'),
  row('SpaceToBatchND(input: T, block_shape: Tblock_shape, paddings: Tpaddings) -> output: T', {
    integers: { block_shape: 'size', paddings: 'size' },
  }),
  row('SpaceToDepth(input: T) -> output: T', { range: elementsOf(0) }),
  row('SparseSoftmaxCrossEntropyWithLogits(features: T, labels: Tlabels) -> loss: T, backprop: T', {
    integers: { labels: into(0, () => -1) },
    isMaterialized: true,
    wrongUnderXla: differsAtLimits,
  }),
  row(
    'SparseToDense(sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T) -> dense: T',
    { integers: { sparse_indices: 'checked', output_shape: 'size' } },
  ),
  row('Split(split_dim: int32, value: T) -> output: num_split*T', {
    integers: { split_dim: 'size' },
    range: some(elementsOf(1)),
  }),
  row('SplitV(value: T, size_splits: Tlen, split_dim: int32) -> output: num_split*T', {
    integers: { size_splits: 'size', split_dim: 'size' },
    range: some(elementsOf(0)),
  }),
  row('Sqrt(x: T) -> y: T', { isMaterialized: true }),
  row('SqrtGrad(y: T, dy: T) -> z: T', { wrongUnderXla: differsAtLimits }),
  row('Square(x: T) -> y: T'),
  row('SquaredDifference(x: T, y: T) -> z: T'),
  row('Squeeze(input: T) -> output: T', { range: vectorsOfFirst }),
  row('StatelessMultinomial(logits: T, num_samples: int32, seed: Tseed) -> output: output_dtype', {
    integers: { num_samples: 'size', seed: 'any' },
    isMaterialized: true,
  }),
  row('StatelessRandomNormal(shape: T, seed: Tseed) -> output: dtype', {
    integers: random,
    isMaterialized: true,
  }),
  row('StatelessRandomUniform(shape: T, seed: Tseed) -> output: dtype', {
    integers: random,
    isMaterialized: true,
  }),
  row('StatelessRandomUniformFullInt(shape: T, seed: Tseed) -> output: dtype', {
    integers: random,
    isMaterialized: true,
  }),
  row('StatelessRandomUniformInt(shape: T, seed: Tseed, minval: dtype, maxval: dtype) -> output: dtype', {
    integers: { shape: 'size', seed: 'any', minval: 'checked', maxval: 'checked' },
    range: drawn,
    isMaterialized: true,
  }),
  row('StatelessTruncatedNormal(shape: T, seed: Tseed) -> output: dtype', {
    integers: random,
    isMaterialized: true,
  }),
  row('StopGradient(input: T) -> output: T', { range: vectorsOfFirst }),
  row('StridedSlice(input: T, begin: Index, end: Index, strides: Index) -> output: T', {
    integers: { begin: 'size', end: 'size', strides: 'size' },
    range: some(elementsOf(0)),
  }),
  row('StridedSliceGrad(shape: Index, begin: Index, end: Index, strides: Index, dy: T) -> output: T', {
    integers: { shape: 'size', begin: 'size', end: 'size', strides: 'size' },
  }),
  row('Sub(x: T, y: T) -> z: T'),
  row('Sum(input: T, reduction_indices: Tidx) -> output: T', { integers: alongAxes, isMaterialized: true }),
  row('Tan(x: T) -> y: T', { isMaterialized: true }),
  row('Tanh(x: T) -> y: T', { isMaterialized: true }),
  row('TanhGrad(y: T, dy: T) -> z: T'),
  row('TensorScatterAdd(tensor: T, indices: Tindices, updates: T) -> output: T', {
    integers: { indices: vectorsInto(1, shapeOfInput(0)) },
    isMaterialized: true,
  }),
  row('TensorScatterMax(tensor: T, indices: Tindices, updates: T) -> output: T', {
    integers: { indices: vectorsInto(1, shapeOfInput(0)) },
    isMaterialized: true,
  }),
  row('TensorScatterMin(tensor: T, indices: Tindices, updates: T) -> output: T', {
    integers: { indices: vectorsInto(1, shapeOfInput(0)) },
    isMaterialized: true,
  }),
  row('TensorScatterSub(tensor: T, indices: Tindices, updates: T) -> output: T', {
    integers: { indices: vectorsInto(1, shapeOfInput(0)) },
    isMaterialized: true,
  }),
  row('TensorScatterUpdate(tensor: T, indices: Tindices, updates: T) -> output: T', {
    integers: { indices: vectorsInto(1, shapeOfInput(0)) },
    isMaterialized: true,
  }),
  row('Tile(input: T, multiples: Tmultiples) -> output: T', {
    integers: { multiples: 'size' },
    range: vectorsOfFirst,
  }),
  row('TopKV2(input: T, k: Tk) -> values: T, indices: index_type', {
    integers: { k: 'size' },
    range: some(sorted),
    isMaterialized: true,
    wrongUnderXla: (operation) => (isInteger(operation) ? undefined : differsAtLimits(operation)),
  }),
  row('Transpose(x: T, perm: Tperm) -> y: T', { integers: { perm: 'size' }, range: elementsOf(0) }),
  row('Unpack(value: T) -> output: num*T', { range: some(elementsOf(0)) }),
  row('UnsortedSegmentMax(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T', {
    integers: { segment_ids: segments, num_segments: 'size' },
    isMaterialized: true,
  }),
  row('UnsortedSegmentMin(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T', {
    integers: { segment_ids: segments, num_segments: 'size' },
    isMaterialized: true,
  }),
  row('UnsortedSegmentProd(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T', {
    integers: { segment_ids: segments, num_segments: 'size' },
    isMaterialized: true,
  }),
  row('UnsortedSegmentSum(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T', {
    integers: { segment_ids: segments, num_segments: 'size' },
    isMaterialized: true,
  }),
  row('UpperBound(sorted_inputs: T, values: T) -> output: out_type', {
    // TensorFlow halves a row, XLA counts in all of it; NaN comes behind every element in the one, before it in the other.
    wrongUnderXla: () => 'UpperBound treats NaN and rows that are not sorted otherwise under XLA',
  }),
  row('Xdivy(x: T, y: T) -> z: T', { isMaterialized: true }),
  row('Xlogy(x: T, y: T) -> z: T', { isMaterialized: true }),
  row('ZerosLike(x: T) -> y: T'),
];

/** Signatures of the operations that the graph around a step uses. */
export const GRAPH_OPERATIONS = [
  'Assert(condition: bool, data: [T])',
  'AssignVariableOp(resource: resource, value: dtype)',
  'Bitcast(input: T) -> output: type',
  'DestroyResourceOp(resource: resource)',
  'NoOp()',
  'PartitionedCall(args: [Tin]) -> output: [Tout]',
  'Placeholder() -> output: dtype',
  'PlaceholderWithDefault(input: dtype) -> output: dtype',
  'ReadVariableOp(resource: resource) -> value: dtype',
  'StatefulPartitionedCall(args: [Tin]) -> output: [Tout]',
  'StatelessWhile(input: [T]) -> output: [T]',
  'TensorListReserve(element_shape: shape_type, num_elements: int32) -> handle: variant',
  'TensorListSetItem(input_handle: variant, index: int32, item: element_dtype) -> output_handle: variant',
  'TensorListStack(input_handle: variant, element_shape: int32) -> tensor: element_dtype',
  'VarHandleOp() -> resource: resource',
  'XlaOptimizationBarrier(input: [T]) -> output: [T]',
];

/** Signatures of oneDNN's operations, which TensorFlow can run in place of its own where it was built with it. */
export const ONEDNN_OPERATIONS = [
  '_MklNativeAvgPool(value: T) -> output: T',
  '_MklNativeAvgPoolGrad(orig_input_shape: int32, grad: T) -> output: T',
  '_MklNativeConv2D(input: T, filter: T) -> output: T',
  '_MklNativeConv2DBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T',
  '_MklNativeConv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T',
  '_MklNativeDepthwiseConv2dNative(input: T, filter: T) -> output: T',
  '_MklNativeDepthwiseConv2dNativeBackpropFilter(input: T, filter_sizes: int32, out_backprop: T) -> output: T',
  '_MklNativeDepthwiseConv2dNativeBackpropInput(input_sizes: int32, filter: T, out_backprop: T) -> output: T',
  '_MklNativeFusedConv2D(input: T, filter: T, args: [TArgs], host_args: num_host_args*float32) -> output: T',
  '_MklNativeMaxPool(input: T) -> output: T, workspace: uint8',
  '_MklNativeMaxPoolGrad(orig_input: T, orig_output: T, grad: T, workspace: uint8) -> output: T',
];

/** Why some operations cannot be part of a compiled step, and what to do instead. */
export const REFUSED: Readonly<Record<string, string>> = {
  Where: valueDependent('tf.where with three arguments, or a mask that multiplies'),
  SegmentSum: valueDependent('tf.unsortedSegmentSum'),
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
