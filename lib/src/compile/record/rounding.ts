/** Lets a step round otherwise than it does, to see how far its results depend on that. */
import { tf } from '../../runtime';
import { dataType, nativeBackend, typeAttribute, type TensorMetadata } from '../../runtime/binding';

/** By how much what the step is given is moved, relative to it. */
const MOVE = 2 ** -20;
/** By how much what an operation makes is moved: some roundings of float32. */
const ROUNDING = 2 ** -21;

/** Operations that give numbers as they are, or none that a rounding could change. */
const EXACT = new Set(
  (
    'Abs All Any ArgMax ArgMin BatchToSpaceND BroadcastTo Cast Ceil ConcatV2 Equal ExpandDims Fill Floor GatherNd GatherV2 ' +
    'Greater GreaterEqual Identity IsFinite IsInf IsNan Less LessEqual LogicalAnd LogicalNot LogicalOr Max MaxPool Maximum ' +
    'Min Minimum MirrorPad Neg NotEqual OneHot OnesLike Pack Pad PadV2 Range Relu Relu6 Relu6Grad ReluGrad Reshape ' +
    'Reverse ReverseV2 Rint Round ScatterNd Select SelectV2 Sign Slice SpaceToBatchND Split SplitV Squeeze StridedSlice ' +
    'Tile TopKV2 Transpose Unpack Where ZerosLike'
  ).split(' '),
);

/**
 * One way to round. The ways 2k and 2k + 1 are opposite: where a sign hangs on rounding, it is another one in one of the two.
 */
export class Rounding {
  private readonly binding = nativeBackend().binding;
  /** 1 ± {@link ROUNDING} for each element, by shape. */
  private readonly factors = new Map<string, number>();

  constructor(private readonly way: number) {}

  /** Gives a tensor of the program with other roundings. */
  move<T extends tf.Tensor>(x: T): T {
    if (x.dtype !== 'float32') return tf.clone(x);
    return tf.tidy(() => tf.mul<T>(x, tf.tensor(this.factor(x.size, MOVE), x.shape)));
  }

  /** Gives what an operation made with other roundings. Whole numbers that come of whole numbers stay: they are exact. */
  round(name: string, inputs: readonly number[], outputs: readonly TensorMetadata[]): TensorMetadata[] {
    const { binding } = this;
    const isWhole = (id: number): boolean => binding.tensorDataSync(id).every(Number.isInteger);
    return outputs.map((output) => {
      const { id, dtype, shape } = output;
      if (dtype !== dataType.float32 || EXACT.has(name)) return output;
      if (isWhole(id) && inputs.every(isWhole)) return output;
      const [rounded] = binding.executeOp(
        'Mul',
        [typeAttribute('T', 'float32')],
        [id, this.factorOf(shape)],
        1,
      );
      binding.deleteTensor(id);
      return rounded!;
    });
  }

  dispose(): void {
    for (const id of this.factors.values()) this.binding.deleteTensor(id);
    this.factors.clear();
  }

  private factorOf(shape: number[]): number {
    const key = String(shape);
    let id = this.factors.get(key);
    if (id === undefined) {
      const size = tf.util.sizeFromShape(shape);
      id = this.binding.createTensor(shape, dataType.float32, this.factor(size, ROUNDING));
      this.factors.set(key, id);
    }
    return id;
  }

  private factor(size: number, amount: number): Float32Array {
    const signed = this.way % 2 === 0 ? amount : -amount;
    // Lehmer's generator: what matters is only that neighbours differ.
    let state = Math.floor(this.way / 2) + 1;
    const factors = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      state = (state * 48271) % 2147483647;
      factors[i] = 1 + (state & 64 ? signed : -signed);
    }
    return factors;
  }
}
