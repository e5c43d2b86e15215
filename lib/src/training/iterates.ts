import { tf } from '../runtime';

export interface IteratesOptions {
  readonly optimizer: tf.Optimizer;
  /** θ₀. */
  readonly start: ArrayLike<number>;
  readonly steps: number;
  /** The function to minimise, of θ [n], as a scalar. Give this or `gradient`. */
  readonly loss?: (theta: tf.Tensor1D) => tf.Tensor;
  /** The gradient at step t (from 1), where it is prescribed instead of computed. */
  readonly gradient?: (theta: tf.Tensor1D, step: number) => tf.Tensor;
}

/**
 * The path of an optimizer: θ₀, θ₁, …, θ_steps of a vector that it changes, for a look at the optimizer alone, without a
 * model around it. The optimizer's state for that vector is new; its learning rate schedule starts at step 1.
 *
 * @returns `steps + 1` vectors of float32 values.
 * @throws TypeError unless exactly one of `loss` and `gradient` is given.
 *
 * @example
 * iterates({ optimizer: sgd({ learningRate: 0.1 }), start: [1], steps: 2, loss: (x) => tf.sum(tf.square(x)) });
 * // [[1], [0.8], [0.64]]
 */
export function iterates({ optimizer, start, steps, loss, gradient }: IteratesOptions): Float32Array[] {
  if ((loss === undefined) === (gradient === undefined)) {
    throw new TypeError('iterates needs either the loss to minimise or the gradient to apply.');
  }
  return tf.tidy(() => {
    const theta: tf.Variable<tf.Rank.R1> = tf.variable(tf.tensor1d(Float32Array.from(start)));
    const path = [theta.clone()];
    for (let step = 1; step <= steps; step++) {
      if (loss) optimizer.minimize(() => tf.sum<tf.Scalar>(loss(theta)), false, [theta]);
      else if (gradient) optimizer.applyGradients([{ name: theta.name, tensor: gradient(theta, step) }]);
      path.push(theta.clone());
    }
    const values = tf.stack(path).dataSync() as Float32Array;
    theta.dispose();
    optimizer.dispose();
    return path.map((_, step) => values.slice(step * start.length, (step + 1) * start.length));
  });
}
