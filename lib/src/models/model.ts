import { tf } from '../runtime';

/** A parametric function of tensors. */
export interface Model {
  readonly name: string;
  /** What training changes, named `model/layer/kernel`, `…/bias`, `…/gamma`, … so that optimizer rules by name work. */
  readonly parameters: readonly tf.Variable[];
  /** The function itself; differentiable. */
  apply(inputs: tf.Tensor): tf.Tensor;
  /** Frees the parameters. */
  dispose(): void;
}

/** How many numbers a model learns. */
export function parameterCount(model: Model): number {
  return model.parameters.reduce((sum, parameter) => sum + parameter.size, 0);
}

/**
 * The name itself, or with `_2`, `_3` … where a variable of that name or below it (`name/…`) exists: variable names are unique
 * in a process. Good for the prefix of a model's variables and for a single variable.
 */
export function uniqueModelName(name: string): string {
  const taken = Object.keys(tf.engine().registeredVariables);
  let candidate = name;
  for (let n = 2; taken.some((one) => one === candidate || one.startsWith(`${candidate}/`)); n++)
    candidate = `${name}_${n}`;
  return candidate;
}
