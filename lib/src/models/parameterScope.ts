import type { Initializer } from '../initializers';
import { random, tf, type Random } from '../runtime';
import { uniqueModelName, type Model } from './model';

/**
 * The parameters of one model while it is built: named below the model's name, drawn one after the other from one stream, kept
 * in order. All models of this library are built with it, and yours can be.
 *
 * @example
 * const scope = new ParameterScope('classifier', { seed: 1 });
 * const { embed } = layers.embedding(scope, 'token', { vocabulary: 5000, width: 64 });
 * const classify = layers.dense(scope, 'output', { inputs: 64, outputs: 2 });
 * const model = scope.model((tokens) => classify(tf.mean(embed(tokens), 1)));
 * model.parameters.map(({ name }) => name); // classifier/token/embeddings, classifier/output/kernel, …/bias
 */
export class ParameterScope {
  /** The name given, or with `_2`, `_3` … where variables of that name exist. */
  readonly name: string;
  readonly parameters: tf.Variable[] = [];
  private readonly stream: Random;

  /** @param options.seed Of the initial values; default 0. */
  constructor(name: string, { seed = 0 }: { seed?: number } = {}) {
    this.name = uniqueModelName(name);
    this.stream = random(seed);
  }

  /** Adds the parameter `label`; its initializer draws what comes next in the stream. */
  add<R extends tf.Rank>(label: string, shape: tf.ShapeMap[R], initializer: Initializer): tf.Variable<R> {
    const variable = tf.tidy(() =>
      tf.variable(initializer.draw(shape, this.stream), true, `${this.name}/${label}`),
    );
    this.parameters.push(variable);
    return variable as tf.Variable<R>;
  }

  /**
   * The model of all parameters so far.
   *
   * @param apply Its function; what it allocates besides its result is freed.
   */
  model(apply: (inputs: tf.Tensor) => tf.Tensor): Model {
    const parameters = [...this.parameters];
    return {
      name: this.name,
      parameters,
      apply: (inputs) => tf.tidy(() => apply(inputs)),
      dispose: () => tf.dispose(parameters),
    };
  }

  /** Frees the parameters. */
  dispose(): void {
    tf.dispose(this.parameters);
  }
}
