import type { Initializer } from '../initializers';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import type { Activation } from './layers';
import { ParameterScope } from './parameterScope';
import { defaultResidualScale, throughUnits, type NormPlacement, type ResidualModel } from './residual';
import { bertInitializer, transformerUnits, type TransformerUnitsOptions } from './transformerUnits';

export interface TransformerOptions {
  /** Width of the stream; a multiple of the number of heads. */
  readonly width: number;
  /** Each has an attention and a feed-forward branch. */
  readonly layers: number;
  readonly heads: number;
  /** Default `'post'`. */
  readonly norm?: NormPlacement;
  /** What the branches are multiplied by; default 1, without normalisation 1/√(2 · layers). */
  readonly residualScale?: number;
  /** Width inside of the feed-forward branches; default 4 · width. */
  readonly hidden?: number;
  /** Default `'gelu'`. */
  readonly activation?: Activation;
  /** Of all kernels (and embeddings); default BERT's: σ = 0.02 at the width 768 and 0.02·√(768/width) at others, cut at 2σ. */
  readonly initializer?: Initializer;
  /** Seed of the initial weights; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names. */
  readonly name?: string;
}

export const transformerOptionNames: readonly (keyof TransformerOptions)[] = [
  'width',
  'layers',
  'heads',
  'norm',
  'residualScale',
  'hidden',
  'activation',
  'initializer',
  'seed',
  'name',
];

export interface TransformerEncoderOptions extends TransformerOptions {
  /** Whether a token looks at itself and those before it only; default false. */
  readonly causal?: boolean;
}

export interface TransformerEncoder extends ResidualModel {
  /**
   * @param inputs float32 [batch, length, width].
   * @param mask float32 [batch, length]: 1 where a token may be attended to, 0 at padding; default 1 everywhere.
   * @returns float32 [batch, length, width].
   */
  apply(inputs: tf.Tensor, mask?: tf.Tensor): tf.Tensor;
}

/**
 * A Transformer encoder: `layers` times self-attention and feed-forward, each a residual branch with layer normalisation
 * where `norm` says. Use Pre Norm where a deep network has to train without warm-up, Post Norm to rebuild BERT.
 *
 * Biases and betas start at 0, gammas at 1. The parameters are called `encoder/layer_1/attention/norm/gamma`, `…/beta`,
 * `encoder/layer_1/attention/query/kernel`, `…/bias`, `…/key`, `…/value`, `…/output`, `encoder/layer_1/feed_forward/norm/…`,
 * `…/up/…`, `…/down/…`. `units` gives the branches one by one. Under Pre Norm the stream that comes out is not normalised.
 *
 * @returns A model from [batch, length, width] to the same shape.
 * @throws RangeError if the width is not a multiple of the number of heads, or not that of the inputs.
 *
 * @example
 * const bertBase = transformerEncoder({ width: 768, layers: 12, heads: 12 });
 * const states = bertBase.apply(embedded); // [batch, length, 768]
 *
 * @see Vaswani et al. (2017), Attention is all you need, arXiv 1706.03762; Xiong et al. (2020), On layer normalization in the
 *   Transformer architecture, arXiv 2002.04745.
 */
export function transformerEncoder(options: TransformerEncoderOptions): TransformerEncoder {
  rejectUnknown(options, ['causal', ...transformerOptionNames], 'transformerEncoder');
  const { width, causal = false, seed, name = 'encoder' } = options;
  const scope = new ParameterScope(name, { seed });
  const units = transformerUnits(scope, { ...withTransformerDefaults(options), causal });
  return {
    name: scope.name,
    parameters: scope.parameters,
    units,
    apply: (inputs, mask) => {
      if (inputs.rank !== 3 || inputs.shape[2] !== width) {
        throw new RangeError(
          `The encoder takes [batch, length, ${width}], but got [${inputs.shape.join(', ')}].`,
        );
      }
      return tf.tidy(() => throughUnits(units, inputs, mask));
    },
    dispose: () => scope.dispose(),
  };
}

/** The options with their defaults, as `transformerUnits` takes them. */
export function withTransformerDefaults(
  options: TransformerOptions,
): Omit<TransformerUnitsOptions, 'causal'> {
  const { width, layers, heads, norm = 'post', activation = 'gelu', hidden = 4 * width } = options;
  const { residualScale = defaultResidualScale(norm, 2 * layers), initializer = bertInitializer(width) } =
    options;
  const shape = { width, layers, heads, hidden, norm, activation, residualScale };
  return { ...shape, initializer, branchEndInitializer: initializer };
}
