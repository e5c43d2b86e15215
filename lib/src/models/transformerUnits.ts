import { truncatedNormal, type Initializer } from '../initializers';
import { choose } from '../runtime/options';
import { activations, dense, selfAttention, type Activation } from './layers';
import type { ParameterScope } from './parameterScope';
import { residualUnit, type NormPlacement, type ResidualUnit } from './residual';

export interface TransformerUnitsOptions {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width inside of the feed-forward branches. */
  readonly hidden: number;
  readonly activation: Activation;
  readonly norm: NormPlacement;
  readonly residualScale: number;
  readonly causal: boolean;
  readonly initializer: Initializer;
  /** Of the kernels that end a branch. */
  readonly branchEndInitializer: Initializer;
}

/** Attention and feed-forward branches in turn, `layer_1/attention`, `layer_1/feed_forward`, `layer_2/attention`, … */
export function transformerUnits(scope: ParameterScope, options: TransformerUnitsOptions): ResidualUnit[] {
  const { width, layers, hidden, norm, initializer, branchEndInitializer } = options;
  const unit = { width, norm, scale: options.residualScale };
  const attention = { ...options, outputInitializer: branchEndInitializer };
  const [widening, narrowing] = [
    { inputs: width, outputs: hidden, initializer },
    { inputs: hidden, outputs: width, initializer: branchEndInitializer },
  ];
  const activate = choose(activations, options.activation, 'The activation of a Transformer');
  return Array.from({ length: layers }, (_, index) => `layer_${index + 1}`).flatMap((layer) => [
    residualUnit(scope, `${layer}/attention`, {
      ...unit,
      transform: () => selfAttention(scope, `${layer}/attention`, attention),
    }),
    residualUnit(scope, `${layer}/feed_forward`, {
      ...unit,
      transform: () => {
        const up = dense(scope, `${layer}/feed_forward/up`, widening);
        const down = dense(scope, `${layer}/feed_forward/down`, narrowing);
        return (x) => down(activate(up(x)));
      },
    }),
  ]);
}

/**
 * BERT's initialisation at any width: a normal distribution cut at two standard deviations, σ = 0.02 at the width 768 and
 * the same share of 1/√width at others.
 */
export function bertInitializer(width: number): Initializer {
  return truncatedNormal({ standardDeviation: 0.02 * Math.sqrt(768 / width) });
}
