import { nativeBackend, typeAttribute, type OpAttribute } from './binding';
import { fed, StepCounter } from './fed';
import { tf } from './tensorflow';

let witness: ((stream: Random) => void) | undefined;

/** Runs `action` and tells which streams it drew from. */
export function streamsDrawnFrom<T>(action: () => T): { result: T; streams: ReadonlySet<Random> } {
  const previous = witness;
  const streams = new Set<Random>();
  witness = (stream) => {
    streams.add(stream);
    previous?.(stream);
  };
  try {
    return { result: action(), streams };
  } finally {
    witness = previous;
  }
}

/**
 * A stream of random tensors, drawn in TensorFlow from a seed and a position that advances by one at each draw.
 *
 * Use it wherever a training step needs noise: it works in eager code and inside a compiled step, which
 * `tf.randomNormal`, `tf.dropout` and `Math.random` do not (they draw in JavaScript). The numbers depend on the seed
 * and the position only, so a run can be repeated and resumed. A step compiled with XLA draws from the same
 * distributions, but other numbers.
 *
 * @example
 * const random = new Random(7);
 * const noise = random.normal([32, 8]);
 *
 * @see Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3 (the Philox generator).
 */
export class Random {
  /** The position in the stream: the number of draws so far. Assign `counter.value` to resume. */
  readonly counter = new StepCounter();

  /**
   * @param seed An integer from −2³¹ to 2³¹ − 1.
   * @throws RangeError if the seed is not such an integer.
   */
  constructor(readonly seed: number) {
    if (seed !== (seed | 0)) {
      throw new RangeError(`The seed of a random stream is an integer of 32 bits, but ${seed} was given.`);
    }
  }

  /**
   * Normally distributed values (float32).
   *
   * @param options.mean Default 0.
   * @param options.standardDeviation Default 1.
   *
   * @example
   * new Random(1).normal([2, 3], { standardDeviation: 0.02 });
   */
  normal(shape: number[], { mean = 0, standardDeviation = 1 } = {}): tf.Tensor {
    return tf.tidy(() => affine(this.draw('StatelessRandomNormal', shape), standardDeviation, mean));
  }

  /**
   * Normally distributed values (float32), drawn again where they lie further than two standard deviations from the
   * mean; the result's standard deviation is 0.88 times the one given.
   *
   * @param options.mean Default 0.
   * @param options.standardDeviation Of the normal distribution before it is cut; default 1.
   *
   * @example
   * new Random(1).truncatedNormal([768, 768], { standardDeviation: 0.02 });
   */
  truncatedNormal(shape: number[], { mean = 0, standardDeviation = 1 } = {}): tf.Tensor {
    return tf.tidy(() => affine(this.draw('StatelessTruncatedNormal', shape), standardDeviation, mean));
  }

  /**
   * Uniformly distributed values (float32) in [min, max).
   *
   * @param options.min Default 0.
   * @param options.max Default 1.
   *
   * @example
   * new Random(1).uniform([10], { min: -1, max: 1 });
   */
  uniform(shape: number[], { min = 0, max = 1 } = {}): tf.Tensor {
    return tf.tidy(() => affine(this.draw('StatelessRandomUniform', shape), max - min, min));
  }

  /**
   * Values that are 1 with the given probability and 0 otherwise (float32).
   *
   * @throws RangeError if the probability lies outside of [0, 1].
   *
   * @example
   * const mask = new Random(1).bernoulli([32, 128], 0.9);
   */
  bernoulli(shape: number[], probability: number): tf.Tensor {
    if (!(probability >= 0 && probability <= 1)) {
      throw new RangeError(`A probability lies between 0 and 1, but ${probability} was given.`);
    }
    return tf.tidy(() =>
      tf.cast(tf.less(this.draw('StatelessRandomUniform', shape), probability), 'float32'),
    );
  }

  /**
   * Uniformly distributed integers (int32) in [min, max).
   *
   * @param options.min Default 0.
   * @throws RangeError if the range is empty.
   *
   * @example
   * const rows = new Random(1).integers([64], { max: 60_000 });
   */
  integers(shape: number[], { min = 0, max }: { min?: number; max: number }): tf.Tensor {
    if (!(max > min)) {
      throw new RangeError(
        `Integers are drawn from [min, max), but min = ${min} and max = ${max} leave none.`,
      );
    }
    return tf.tidy(() =>
      this.draw('StatelessRandomUniformInt', shape, 'int32', [
        tf.scalar(min, 'int32'),
        tf.scalar(max, 'int32'),
      ]),
    );
  }

  /**
   * The integers 0 … n − 1 in random order (int32 vector).
   *
   * @example
   * const shuffled = tf.gather(tf.range(0, 1_000), new Random(1).permutation(1_000));
   */
  permutation(n: number): tf.Tensor1D {
    return tf.tidy(() => {
      const keys = this.draw('StatelessRandomUniformFullInt', [n], 'int32');
      return tf.topk(keys, n, true).indices as tf.Tensor1D;
    });
  }

  /**
   * An independent stream whose seed follows from this one's seed and the label, so that one part of a program can draw
   * more or less without changing what another part draws. It does not depend on the position in this stream.
   *
   * @example
   * const random = new Random(7);
   * const weights = random.fork('weights').normal([784, 10]);
   * const order = random.fork('order').permutation(60_000);
   */
  fork(label: string): Random {
    return new Random(hash(`${this.seed}/${label}`));
  }

  private draw(
    op: string,
    shape: number[],
    dtype: 'float32' | 'int32' = 'float32',
    range: tf.Tensor[] = [],
  ): tf.Tensor {
    const { seed, counter } = this;
    witness?.(this);
    counter.advance();
    const key = fed(() => [seed, counter.value], 'int32');
    const attributes: OpAttribute[] = [
      typeAttribute('dtype', dtype),
      typeAttribute('T', 'int32'),
      typeAttribute('Tseed', 'int32'),
    ];
    return nativeBackend().executeSingleOutput(op, attributes, [tf.tensor1d(shape, 'int32'), key, ...range]);
  }
}

/**
 * A stream of random tensors; see {@link Random}.
 *
 * @example
 * const noise = random(7).normal([32, 8]);
 */
export function random(seed: number): Random {
  return new Random(seed);
}

/**
 * Sets each element to zero with probability `rate` and divides the others by `1 − rate`, so that the expectation stays.
 * With rate 0 nothing is drawn.
 *
 * @param rate In [0, 1).
 * @throws RangeError if the rate lies outside of [0, 1).
 *
 * @example
 * const hidden = dropout(tf.ones([32, 128]), 0.1, new Random(7));
 *
 * @see Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
 */
export function dropout<T extends tf.Tensor>(x: T, rate: number, random: Random): T {
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(`A dropout rate lies in [0, 1), but ${rate} was given.`);
  }
  if (rate === 0) return x.clone();
  return tf.tidy(() => tf.mul(x, tf.div(random.bernoulli(x.shape, 1 - rate), 1 - rate)));
}

function affine(x: tf.Tensor, factor: number, offset: number): tf.Tensor {
  const scaled = factor === 1 ? x : tf.mul(x, factor);
  return offset === 0 ? scaled : tf.add(scaled, offset);
}

/** FNV-1a, finished with the mixer of MurmurHash3 so that similar labels give unrelated seeds. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
