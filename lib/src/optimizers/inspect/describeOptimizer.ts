import { sizeOf, type ParameterSpec } from '../parameters/rules';
import type { Optimizer } from '../base/optimizer';
import type { ParameterLike } from './stateBytes';

/** What an optimizer keeps and does, as rows for a table. */
export interface OptimizerDescription {
  /** A row per tensor of state. */
  readonly slots: readonly {
    readonly parameter: string;
    readonly shape: string;
    readonly slot: string;
    readonly slotShape: string;
    readonly bytes: number;
    readonly bytesPerParameter: number;
  }[];
  /** The scalars of a step for parameters that are in no group. */
  readonly hyperparameters: readonly { readonly hyperparameter: string; readonly value: number }[];
}

/**
 * The state that an optimizer keeps for these parameters, and its scalars at a step. Nothing is allocated.
 *
 * @param step Step of the hyperparameters, from 1; default 1.
 *
 * @example
 * table(describeOptimizer(tiger(), [[784, 256], [256]]).slots);
 */
export function describeOptimizer(
  optimizer: Pick<Optimizer, 'slotsFor' | 'hyperparameters'>,
  parameters: readonly ParameterLike[],
  step = 1,
): OptimizerDescription {
  const specs = parameters.map((parameter, index): ParameterSpec =>
    'shape' in parameter ? parameter : { name: `parameter${index}`, shape: parameter },
  );
  const slots = specs.flatMap((spec) =>
    Object.entries(optimizer.slotsFor(spec)).map(([slot, { shape }]) => ({
      parameter: spec.name,
      shape: `[${spec.shape.join(', ')}]`,
      slot,
      slotShape: `[${shape.join(', ')}]`,
      bytes: 4 * sizeOf(shape),
      bytesPerParameter: (4 * sizeOf(shape)) / sizeOf(spec.shape),
    })),
  );
  const hyperparameters = Object.entries(optimizer.hyperparameters(step)).map(([hyperparameter, value]) => ({
    hyperparameter,
    value,
  }));
  return { slots, hyperparameters };
}
