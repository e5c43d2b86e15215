import { random, tf } from '../runtime';

/**
 * The order in which one epoch visits the examples: each once, shuffled anew for every epoch, in batches of equal size.
 * What remains at the end of an epoch (fewer than a batch) is left out of that epoch.
 *
 * @param count Number of examples.
 * @param options.epoch Counted from 0; with the seed it fixes the order.
 * @returns int32 [⌊count / batchSize⌋, batchSize]: row numbers of the examples.
 * @throws RangeError if the batch is empty or larger than the number of examples.
 *
 * @example
 * const order = epochBatches(8_000, { batchSize: 64, epoch: 0, seed: 1 }); // [125, 64]
 */
export function epochBatches(
  count: number,
  { batchSize, epoch, seed }: { batchSize: number; epoch: number; seed: number },
): tf.Tensor2D {
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > count) {
    throw new RangeError(`A batch holds 1 to ${count} examples (all there are), but ${batchSize} were asked for.`);
  }
  const batches = Math.floor(count / batchSize);
  return tf.tidy(() =>
    random(seed)
      .fork(`epoch ${epoch}`)
      .permutation(count)
      .slice([0], [batches * batchSize])
      .reshape([batches, batchSize]),
  );
}
