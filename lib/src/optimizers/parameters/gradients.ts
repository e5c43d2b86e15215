import { engine, util, type NamedTensorMap, type Tensor, type Variable } from '@tensorflow/tfjs-core';

/** A tensor by name, as TensorFlow.js passes gradients and weights. */
export interface NamedTensor {
  name: string;
  tensor: Tensor;
}

/** A variable and the gradient of the loss with respect to it. */
export interface VariableGradient {
  readonly variable: Variable;
  readonly gradient: Tensor;
}

/** Gradients with their variables; throws on an unknown or repeated name and on a shape that does not fit. */
export function namedGradients(gradients: NamedTensorMap | readonly NamedTensor[]): VariableGradient[] {
  const entries = Array.isArray(gradients)
    ? (gradients as readonly NamedTensor[]).map(({ name, tensor }) => [name, tensor] as const)
    : Object.entries(gradients as NamedTensorMap);
  const seen = new Set<string>();
  const pairs: VariableGradient[] = [];
  for (const [name, gradient] of entries as (readonly [string, Tensor | null | undefined])[]) {
    if (seen.has(name)) throw new Error(`The gradient of "${name}" is given twice.`);
    seen.add(name);
    // computeGradients gives null for a variable that is not trainable.
    if (gradient === null || gradient === undefined) continue;
    const variable = engine().registeredVariables[name];
    if (!variable) throw new Error(`There is no variable named "${name}" (disposed, or never created?).`);
    if (!util.arraysEqual(variable.shape, gradient.shape)) {
      throw new Error(
        `The gradient of "${name}" has shape [${gradient.shape.join(', ')}], expected [${variable.shape.join(', ')}].`,
      );
    }
    pairs.push({ variable, gradient });
  }
  return pairs;
}
