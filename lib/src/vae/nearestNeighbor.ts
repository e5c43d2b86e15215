import { tf } from '../runtime';

const ROWS_AT_ONCE = 256;

/**
 * Euclidean distance of each query to the nearest of the references, e.g. of generated images to the training images.
 *
 * @param queries [queries, dimensions].
 * @param references [references, dimensions].
 * @returns One distance per query, in units of the inputs.
 * @throws Error if the dimensions differ.
 *
 * @example
 * const distances = nearestNeighborDistances(pictures, trainingImages);
 */
export function nearestNeighborDistances(queries: tf.Tensor, references: tf.Tensor): Float32Array {
  if (queries.rank !== 2 || references.rank !== 2 || queries.shape[1] !== references.shape[1]) {
    throw new Error(
      `Distances need two matrices with the same number of columns, but the shapes are ` +
        `[${queries.shape.join(', ')}] and [${references.shape.join(', ')}].`,
    );
  }
  const count = queries.shape[0];
  const distances = new Float32Array(count);
  const norms = tf.tidy(() => tf.sum(tf.square(references), 1));
  for (let start = 0; start < count; start += ROWS_AT_ONCE) {
    const block = tf.tidy(() => {
      const rows = queries.slice([start], [Math.min(ROWS_AT_ONCE, count - start)]) as tf.Tensor2D;
      const products = tf.matMul(rows, references, false, true);
      const squared = tf.add(tf.min(tf.sub(norms, tf.mul(2, products)), 1), tf.sum(tf.square(rows), 1));
      return tf.sqrt(tf.relu(squared)).dataSync() as Float32Array;
    });
    distances.set(block, start);
  }
  norms.dispose();
  return distances;
}
