import { constant, he, type Initializer } from '../initializers';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { embedding } from './layers';
import type { Model } from './model';
import { ParameterScope } from './parameterScope';

export interface TextConvolutionOptions {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Width of a token's embedding; default 50. */
  readonly embedding?: number;
  /** Number of features; default 250. */
  readonly filters?: number;
  /** Tokens that a filter sees; default 3. */
  readonly span?: number;
  /** Of the embeddings and the kernel; default uniform over ±0.05, as in Keras, and He. */
  readonly initializer?: Initializer;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'text'`. */
  readonly name?: string;
}

/**
 * Features of a text: embeddings of its tokens, a convolution over `span` neighbours with ReLU, and the largest value of each
 * filter along the text. The parameters are called `text/token/embeddings`, `text/convolution/kernel`, `…/bias`.
 *
 * @returns A model from token ids, int32 [batch, length], to [batch, filters].
 *
 * @example
 * const features = textConvolution({ vocabulary: 5000, seed: 1 });
 *
 * @see Kim (2014), Convolutional neural networks for sentence classification, arXiv 1408.5882.
 */
export function textConvolution(options: TextConvolutionOptions): Model {
  const known = ['vocabulary', 'embedding', 'filters', 'span', 'initializer', 'seed', 'name'];
  rejectUnknown(options, known, 'textConvolution');
  const { vocabulary, embedding: width = 50, filters = 250, span = 3, initializer, seed } = options;
  const scope = new ParameterScope(options.name ?? 'text', { seed });
  const { embed } = embedding(scope, 'token', { vocabulary, width, initializer });
  const kernel = scope.add<tf.Rank.R2>('convolution/kernel', [span * width, filters], initializer ?? he());
  const bias = scope.add<tf.Rank.R1>('convolution/bias', [filters], constant(0));
  return scope.model((tokens) => {
    const [batch, length] = tokens.shape as [number, number];
    if (!(length >= span)) {
      throw new RangeError(
        `The texts have ${length} tokens, but a filter spans ${span}: pad them to at least ${span}.`,
      );
    }
    const embedded = embed(tokens);
    const positions = length - span + 1;
    // Neighbours side by side: a convolution as one matrix product, which XLA compiles well.
    const windows = tf.concat(
      Array.from({ length: span }, (_, offset) => embedded.slice([0, offset, 0], [batch, positions, width])),
      2,
    );
    const products = tf.matMul(windows.reshape<tf.Tensor2D>([batch * positions, span * width]), kernel);
    return tf.relu(tf.add(tf.max(products.reshape([batch, positions, filters]), 1), bias));
  });
}
