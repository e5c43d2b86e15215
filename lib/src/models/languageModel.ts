import { lecun, normal, varianceScaling, type Initializer } from '../initializers';
import { rejectUnknown } from '../runtime/options';
import { layerNormalization } from './layers';
import { outputLogits, type OutputEmbedding } from './outputEmbedding';
import { ParameterScope } from './parameterScope';
import { throughUnits, type ResidualModel } from './residual';
import { tokenEmbedding } from './tokenEmbedding';
import { transformerUnits } from './transformerUnits';

export interface LanguageModelOptions {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Tokens that it can look back to, itself included. */
  readonly context: number;
  /** Width of the stream; a multiple of the number of heads. Default 64. */
  readonly width?: number;
  /** Default 2. */
  readonly layers?: number;
  /** Default 4. */
  readonly heads?: number;
  /** Default `'tied'`: the embeddings are the output matrix too. */
  readonly output?: OutputEmbedding;
  /** Of all embeddings and kernels; default as described below. */
  readonly initializer?: Initializer;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'lm'`. */
  readonly name?: string;
}

/**
 * A Transformer that predicts the next token from those before it: Pre Norm, ReLU, feed-forward of four times the width,
 * learned positions.
 *
 * By default the embeddings (and the untied output matrix) start normally distributed with variance 1 / width, kernels with 1 / fan-in
 * and those that end a branch with 1 / (2 · layers · fan-in), so that the stream does not grow with the depth.
 *
 * @returns A model from token ids, int32 [batch, length], to logits [batch · length, vocabulary], the rows in the order of the
 *   tokens: what `crossEntropy` takes, with the next tokens as one vector of labels.
 * @throws RangeError if the width is not a multiple of the number of heads, or a text is longer than the context.
 *
 * @example
 * const model = languageModel({ vocabulary: 80, context: 64 });
 * const loss = crossEntropy(model.apply(tokens), nextTokens.reshape([-1]));
 *
 * @see Radford et al. (2019), Language models are unsupervised multitask learners.
 */
export function languageModel(options: LanguageModelOptions): ResidualModel {
  const known = [
    'vocabulary',
    'context',
    'width',
    'layers',
    'heads',
    'output',
    'initializer',
    'seed',
    'name',
  ];
  rejectUnknown(options, known, 'languageModel');
  const { vocabulary, context, width = 64, layers = 2, heads = 4, output = 'tied', seed } = options;
  const scope = new ParameterScope(options.name ?? 'lm', { seed });
  const initializer = options.initializer ?? normal({ standardDeviation: 1 / Math.sqrt(width) });
  const { embeddings, embed } = tokenEmbedding(scope, { vocabulary, length: context, width, initializer });
  const units = transformerUnits(scope, {
    width,
    layers,
    heads,
    hidden: 4 * width,
    activation: 'relu',
    norm: 'pre',
    residualScale: 1,
    causal: true,
    initializer: options.initializer ?? lecun(),
    branchEndInitializer: options.initializer ?? varianceScaling({ gain: 1 / (2 * layers) }),
  });
  const normalize = layerNormalization(scope, 'final', width);
  const logits = outputLogits(scope, { kind: output, embeddings, initializer });
  const model = scope.model((tokens) => {
    const states = normalize(throughUnits(units, embed(tokens)));
    return logits(states.reshape([-1, width]));
  });
  return { ...model, units };
}
