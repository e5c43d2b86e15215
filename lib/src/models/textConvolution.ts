import { random, tf } from '../runtime';
import { uniqueModelName, type Model } from './model';

export interface TextConvolutionOptions {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Width of a token's embedding; default 50. */
  readonly embedding?: number;
  /** Number of features; default 250. */
  readonly filters?: number;
  /** Tokens that a filter sees; default 3. */
  readonly span?: number;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'text'`. */
  readonly name?: string;
}

/**
 * Features of a text: embeddings of its tokens, a convolution over `span` neighbours with ReLU, and the largest value of each
 * filter along the text.
 *
 * @returns A model from token ids, int32 [batch, length], to [batch, filters].
 *
 * @example
 * const features = textConvolution({ vocabulary: 5000, seed: 1 });
 *
 * @see Kim (2014), Convolutional neural networks for sentence classification, arXiv 1408.5882.
 */
export function textConvolution(options: TextConvolutionOptions): Model {
  const { vocabulary, embedding = 50, filters = 250, span = 3, seed = 0 } = options;
  const name = uniqueModelName(options.name ?? 'text');
  const stream = random(seed);
  const [table, kernel, bias] = tf.tidy<[tf.Variable, tf.Variable, tf.Variable]>(() => [
    // As Keras initializes an embedding.
    tf.variable(
      stream.uniform([vocabulary, embedding], { min: -0.05, max: 0.05 }),
      true,
      `${name}/embedding`,
    ),
    tf.variable(
      stream.normal([span * embedding, filters], { standardDeviation: Math.sqrt(2 / (span * embedding)) }),
      true,
      `${name}/convolution/kernel`,
    ),
    tf.variable(tf.zeros([filters]), true, `${name}/convolution/bias`),
  ]);
  return {
    name,
    parameters: [table, kernel, bias],
    apply: (tokens) =>
      tf.tidy(() => {
        const [batch, length] = tokens.shape as [number, number];
        if (!(length >= span)) {
          throw new RangeError(
            `The texts have ${length} tokens, but a filter spans ${span}: pad them to at least ${span}.`,
          );
        }
        const embedded = tf.gather(table, tokens);
        const positions = length - span + 1;
        // Neighbours side by side: a convolution as one matrix product, which XLA compiles well.
        const windows = tf.concat(
          Array.from({ length: span }, (_, offset) =>
            embedded.slice([0, offset, 0], [batch, positions, embedding]),
          ),
          2,
        );
        const products = tf.matMul(windows.reshape([batch * positions, span * embedding]), kernel);
        return tf.relu(tf.add(tf.max(products.reshape([batch, positions, filters]), 1), bias));
      }),
    dispose: () => tf.dispose([table, kernel, bias]),
  };
}
