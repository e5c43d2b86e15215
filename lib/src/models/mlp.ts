import { he, lecun, type Initializer } from '../initializers';
import { choose, rejectUnknown } from '../runtime/options';
import { activations, dense, type Activation } from './layers';
import type { Model } from './model';
import { ParameterScope } from './parameterScope';

export interface MlpOptions {
  /** Widths from input to output, for example `[784, 256, 128, 10]`. */
  readonly sizes: readonly number[];
  /** Between the layers; none after the last. Default `'relu'`. */
  readonly activation?: Activation;
  /** Of all kernels; default He before a ReLU or GELU and LeCun elsewhere. */
  readonly initializer?: Initializer;
  /** Seed of the initial kernels; default 0. */
  readonly seed?: number;
  /** Prefix of the parameters' names; default `'mlp'`. */
  readonly name?: string;
}

/**
 * A multilayer perceptron: dense layers with an activation between them.
 *
 * By default kernels start normally distributed with variance 2 / fan-in before a ReLU (He) and 1 / fan-in elsewhere (LeCun);
 * biases start at 0. The parameters are called `mlp/dense_1/kernel`, `mlp/dense_1/bias`, …
 *
 * @returns A model from [batch, sizes[0]] to [batch, last size]: logits, no softmax.
 * @throws RangeError if there are fewer than two sizes, one is not a positive integer, or the activation does not exist;
 *   TypeError for an unknown option.
 *
 * @example
 * const model = mlp({ sizes: [784, 256, 128, 10], seed: 1 });
 * const logits = model.apply(images);
 *
 * @see He et al. (2015), Delving deep into rectifiers, arXiv 1502.01852.
 */
export function mlp(options: MlpOptions): Model {
  rejectUnknown(options, ['sizes', 'activation', 'initializer', 'seed', 'name'], 'mlp');
  const { sizes, activation = 'relu', initializer, seed = 0, name = 'mlp' } = options;
  if (!(sizes?.length >= 2 && sizes.every((size) => Number.isInteger(size) && size > 0))) {
    throw new RangeError(
      `An MLP needs at least two positive integer sizes (input … output), but ${sizes ? `[${sizes.join(', ')}]` : 'nothing'} was given.`,
    );
  }
  const activate = choose(activations, activation, 'The activation of an MLP');
  const hidden = initializer ?? (activation === 'relu' || activation === 'gelu' ? he() : lecun());
  const scope = new ParameterScope(name, { seed });
  const last = sizes.length - 2;
  const layers = sizes.slice(1).map((outputs, index) =>
    dense(scope, `dense_${index + 1}`, {
      inputs: sizes[index]!,
      outputs,
      initializer: index < last ? hidden : (initializer ?? lecun()),
    }),
  );
  return scope.model((inputs) =>
    layers.reduce((x, layer, index) => (index < last ? activate(layer(x)) : layer(x)), inputs),
  );
}
