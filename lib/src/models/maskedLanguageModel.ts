import { constant } from '../initializers';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { activations, dense, layerNormalization, type Layer } from './layers';
import { outputLogits, type OutputEmbedding } from './outputEmbedding';
import { ParameterScope } from './parameterScope';
import { throughUnits, type ResidualModel } from './residual';
import { tokenEmbedding } from './tokenEmbedding';
import {
  transformerOptionNames,
  withTransformerDefaults,
  type TransformerOptions,
} from './transformerEncoder';
import { transformerUnits } from './transformerUnits';

export interface MaskedLanguageModelOptions extends TransformerOptions {
  /** Number of token ids, that of the mask included. */
  readonly vocabulary: number;
  /** Tokens of a text at most. */
  readonly length: number;
  /** Whether a dense layer, an activation and a layer normalisation stand before the output, as in BERT; default true. */
  readonly head?: boolean;
  /** Default `'tied'`: the embeddings are the output matrix too. */
  readonly output?: OutputEmbedding;
  /** Id that fills up short texts and must not be attended to; default none. */
  readonly padding?: number;
}

/**
 * BERT without its second task: a Transformer encoder that predicts the tokens that were masked from those on both sides,
 * with learned positions.
 *
 * Under Post Norm the sum of the embeddings is normalised (`mlm/embedding/norm/…`), under Pre Norm the last state
 * (`mlm/final/norm/…`). The head's parameters are `mlm/head/dense/kernel`, `…/bias`, `mlm/head/norm/gamma`, `…/beta`, the
 * output's bias `mlm/output/bias`, its kernel, if untied, `mlm/output/kernel`; the embeddings are `mlm/token/embeddings` and
 * `mlm/position/embeddings`; the rest is called as in `transformerEncoder`.
 *
 * @returns A model from token ids, int32 [batch, length], to logits [batch · length, vocabulary], the rows in the order of the
 *   tokens.
 * @throws RangeError if the width is not a multiple of the number of heads, odd with half-swap, or a text is too long.
 *
 * @example
 * const model = maskedLanguageModel({ vocabulary: 300, length: 24, width: 64, layers: 3, heads: 4, head: false });
 * const logits = model.apply(tokens); // [batch · 24, 300]
 *
 * @see Devlin et al. (2019), BERT: pre-training of deep bidirectional Transformers, arXiv 1810.04805.
 */
export function maskedLanguageModel(options: MaskedLanguageModelOptions): ResidualModel {
  const own = ['vocabulary', 'length', 'head', 'output', 'padding'];
  rejectUnknown(options, [...own, ...transformerOptionNames], 'maskedLanguageModel');
  const { vocabulary, length, width, head = true, output = 'tied', padding, seed, name = 'mlm' } = options;
  const scope = new ParameterScope(name, { seed });
  const settings = withTransformerDefaults(options);
  const { norm, activation, initializer } = settings;
  const normalization = (label: string, wanted: boolean): Layer =>
    wanted ? layerNormalization(scope, label, width) : (x) => x;

  const { embeddings, embed } = tokenEmbedding(scope, { vocabulary, length, width, initializer });
  const normalizeInput = normalization('embedding', norm === 'post');
  const units = transformerUnits(scope, { ...settings, causal: false });
  const normalizeOutput = normalization('final', norm === 'pre');
  const transform = head ? predictionHead() : (x: tf.Tensor) => x;
  const logits = outputLogits(scope, { kind: output, embeddings, initializer });
  const bias = scope.add<tf.Rank.R1>('output/bias', [vocabulary], constant(0));

  function predictionHead(): Layer {
    const apply = dense(scope, 'head/dense', { inputs: width, outputs: width, initializer });
    const normalize = layerNormalization(scope, 'head', width);
    return (x) => normalize(activations[activation](apply(x)));
  }

  const model = scope.model((tokens) => {
    const mask = padding === undefined ? undefined : tf.cast(tf.notEqual(tokens, padding), 'float32');
    const states = normalizeOutput(throughUnits(units, normalizeInput(embed(tokens)), mask));
    return tf.add(logits(transform(states).reshape([-1, width])), bias);
  });
  return { ...model, units };
}
