import { random, tf } from '../runtime';
import type { Examples } from './images';
import { zipf } from './zipf';

/** A synthetic task on tokens; see {@link classTokens}. */
export interface ClassTokens {
  /** Of each token, falling; token 0 is the most frequent. They sum to 1. */
  readonly probabilities: Float64Array;
  /** What no model can go below: the entropy of a label whose class is known, in nats. */
  readonly entropy: number;
  /**
   * Tokens that follow Zipf's law, with their labels.
   *
   * @param seed Of the draw; default 0.
   */
  readonly draw: (count: number, seed?: number) => Examples;
  /** Labels for tokens that are given, int32 [count]. */
  readonly label: (tokens: ArrayLike<number>, seed?: number) => Examples;
}

/**
 * A task that needs a good embedding of every token: each token has a hidden class, drawn at random; the class of the input
 * decides which tokens may follow, and Zipf's law which of these does. The label is, of the block of `classes` neighbouring
 * ranks that is drawn, the token of the input's class.
 *
 * @param options.size Number of tokens, a multiple of `classes`.
 * @param options.classes Number of hidden classes; default 10.
 * @param options.exponent Of Zipf's law; default 1.2.
 * @param options.seed Of the classes; default 0.
 * @throws RangeError if the size is not a multiple of the classes.
 *
 * @example
 * const data = classTokens({ size: 500, classes: 10 }).draw(160_000, 1);
 */
export function classTokens({
  size,
  classes = 10,
  exponent = 1.2,
  seed: classSeed = 0,
}: {
  size: number;
  classes?: number;
  exponent?: number;
  seed?: number;
}): ClassTokens {
  if (!(classes >= 1) || size % classes !== 0) {
    throw new RangeError(`classTokens: ${size} tokens do not fall into ${classes} classes of equal size.`);
  }
  const law = zipf({ size, exponent });
  const classOf = tf.tidy(() =>
    random(classSeed).fork('classes').integers([size], { max: classes }).dataSync(),
  );
  const blocks = new Float64Array(size / classes);
  law.probabilities.forEach((p, rank) => (blocks[Math.floor(rank / classes)]! += p));
  const label = (tokens: ArrayLike<number>, seed = 0): Examples => {
    const ranks = law.draw(tokens.length, random(seed).fork('labels').seed);
    const labels = ranks.map((rank, i) => rank - (rank % classes) + classOf[tokens[i]!]!);
    return { inputs: tf.tensor1d(Int32Array.from(tokens), 'int32'), labels: tf.tensor1d(labels, 'int32') };
  };
  return {
    probabilities: law.probabilities,
    entropy: -blocks.reduce((total, p) => total + p * Math.log(p), 0),
    draw: (count, seed = 0) => label(law.draw(count, random(seed).fork('tokens').seed), seed),
    label,
  };
}
