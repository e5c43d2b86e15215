import { he, lecun, scaled, type Initializer } from '../initializers';
import { tf } from '../runtime';
import { rejectUnknown } from '../runtime/options';
import { dense, layerNormalization, type Layer } from './layers';
import { ParameterScope } from './parameterScope';
import {
  defaultResidualScale,
  residualUnit,
  throughUnits,
  type NormPlacement,
  type ResidualModel,
} from './residual';

export interface ResidualMlpOptions {
  /** Width of the inputs. */
  readonly inputs: number;
  readonly classes: number;
  /** Number of residual blocks. */
  readonly blocks: number;
  /** Width of the stream; default 64. */
  readonly width?: number;
  /** Width inside of a block; default 2 · width. */
  readonly hidden?: number;
  /** Default `'post'`. */
  readonly norm?: NormPlacement;
  /** Factor on the standard deviations of the two kernels of each block; default 1, with which a block keeps the variance. */
  readonly scale?: number;
  /** What the branches are multiplied by; default 1, without normalisation 1/√blocks. */
  readonly residualScale?: number;
  /** Of all kernels, those of the blocks times `scale`; default He before a ReLU and LeCun elsewhere. */
  readonly initializer?: Initializer;
  /** Seed of the initial kernels; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'residual'`. */
  readonly name?: string;
}

const optionNames: readonly (keyof ResidualMlpOptions)[] = [
  'inputs',
  'classes',
  'blocks',
  'width',
  'hidden',
  'norm',
  'scale',
  'residualScale',
  'initializer',
  'seed',
  'name',
];

/**
 * A deep classifier for experiments with residual networks: a dense layer with layer normalisation, blocks
 * dense–ReLU–dense as residual branches, and a dense layer; under Pre Norm a last normalisation before it.
 *
 * By default kernels start normally distributed with variance 2 / fan-in before a ReLU and 1 / fan-in elsewhere, those of the blocks
 * times `scale`; biases start at 0. The parameters are called `residual/input/kernel`, `residual/input/norm/gamma`,
 * `residual/block_1/norm/gamma`, `residual/block_1/up/kernel`, `residual/block_1/down/kernel`, …, `residual/output/kernel`.
 *
 * @returns A model from [batch, inputs] to logits [batch, classes]. `units` are its blocks.
 * @throws RangeError if there is no block.
 *
 * @example
 * const model = residualMlp({ inputs: 784, classes: 10, blocks: 24, norm: 'post', scale: 0.5 });
 */
export function residualMlp(options: ResidualMlpOptions): ResidualModel {
  rejectUnknown(options, optionNames, 'residualMlp');
  const {
    inputs,
    classes,
    blocks,
    width = 64,
    hidden = 2 * width,
    norm = 'post',
    scale = 1,
    initializer,
    seed,
  } = options;
  if (!Number.isInteger(blocks) || blocks < 1) {
    throw new RangeError(`A residual MLP has one or more blocks, but ${blocks} were asked for.`);
  }
  const scope = new ParameterScope(options.name ?? 'residual', { seed });
  const [beforeRelu, elsewhere] = [initializer ?? he(), initializer ?? lecun()];
  const enter = dense(scope, 'input', { inputs, outputs: width, initializer: elsewhere });
  const normalizeInput = layerNormalization(scope, 'input', width);
  const [first, second] = [scaled(beforeRelu, scale), scaled(elsewhere, scale)];
  const units = Array.from({ length: blocks }, (_, index) => {
    const block = `block_${index + 1}`;
    return residualUnit(scope, block, {
      width,
      norm,
      scale: options.residualScale ?? defaultResidualScale(norm, blocks),
      transform: () => {
        const up = dense(scope, `${block}/up`, { inputs: width, outputs: hidden, initializer: first });
        const down = dense(scope, `${block}/down`, { inputs: hidden, outputs: width, initializer: second });
        return (x) => down(tf.relu(up(x)));
      },
    });
  });
  const normalizeOutput: Layer = norm === 'pre' ? layerNormalization(scope, 'final', width) : (x) => x;
  const leave = dense(scope, 'output', { inputs: width, outputs: classes, initializer: elsewhere });
  const model = scope.model((x) => leave(normalizeOutput(throughUnits(units, normalizeInput(enter(x))))));
  return { ...model, units };
}
