import { normal } from '../initializers';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import type { Model } from './model';
import { ParameterScope } from './parameterScope';

export interface TokenClassifierOptions {
  /** Number of tokens; they are the classes, too. */
  readonly vocabulary: number;
  /** Width of an embedding; default 16. */
  readonly width?: number;
  /** Standard deviation of the embeddings at the start; default 0.02. */
  readonly standardDeviation?: number;
  /** Whether the embeddings are the output matrix, too; default false. */
  readonly tied?: boolean;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
}

/** A token classifier; see {@link tokenClassifier}. */
export interface TokenClassifier extends Model {
  /** E, [vocabulary, width]. */
  readonly embeddings: tf.Variable;
  /** The logits of rows that are given, [batch, width] → [batch, vocabulary]. */
  logits(rows: tf.Tensor): tf.Tensor;
  /** Another model with the same weights. */
  clone(): TokenClassifier;
}

/**
 * The smallest model with an embedding matrix: row of the token, divided by its root mean square, times H, tanh, times the
 * output matrix W. The outputs do not depend on the size of a row.
 *
 * $$x=\frac e{\mathrm{RMS}(e)},\qquad\text{logits}=W\tanh(xH)$$
 *
 * @returns A model from token ids, int32 [batch], to logits [batch, vocabulary]. H and an output matrix of its own start with
 *   variance 1 / width.
 *
 * @example
 * const model = tokenClassifier({ vocabulary: 500, seed: 1 });
 *
 * @see https://kexue.fm/archives/9736
 */
export function tokenClassifier(options: TokenClassifierOptions): TokenClassifier {
  rejectUnknown(options, ['vocabulary', 'width', 'standardDeviation', 'tied', 'seed'], 'tokenClassifier');
  const { vocabulary, width = 16, standardDeviation = 0.02, tied = false, seed = 0 } = options;
  const scope = new ParameterScope('tokens', { seed });
  const add = (label: string, rows: number, deviation: number) =>
    scope.add<tf.Rank.R2>(label, [rows, width], normal({ standardDeviation: deviation }));
  const embeddings = add('embeddings', vocabulary, standardDeviation);
  const hidden = add('hidden/kernel', width, width ** -0.5);
  const output = tied ? embeddings : add('output/kernel', vocabulary, width ** -0.5);
  const logits = (rows: tf.Tensor) =>
    tf.tidy(() => {
      const normalized = tf.div(rows, tf.sqrt(tf.mean(tf.square(rows), -1, true)));
      return tf.matMul(tf.tanh(tf.matMul(normalized, hidden)), output, false, true);
    });
  const model = scope.model((tokens) => logits(tf.gather(embeddings, tokens)));
  return {
    ...model,
    embeddings,
    logits,
    clone: () => {
      const copy = tokenClassifier(options);
      copy.parameters.forEach((parameter, i) => parameter.assign(model.parameters[i]!));
      return copy;
    },
  };
}
