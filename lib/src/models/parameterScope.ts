import type { Initializer } from '../initializers';
import { random, tf, type Random } from '../runtime';
import { uniqueModelName } from './model';

/** The parameters of one model while it is built: named below the model's name, drawn from one stream, kept in order. */
export class ParameterScope {
  readonly name: string;
  readonly parameters: tf.Variable[] = [];
  private readonly stream: Random;

  constructor(name: string, seed: number) {
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

  dispose(): void {
    tf.dispose(this.parameters);
  }
}
