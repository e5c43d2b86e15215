import { sizeOf, type ParameterSpec, type SlotSpec } from '../parameters/rules';

/** A parameter by its shape alone, or with its name (a `tf.Variable` will do), where rules look at names. */
export type ParameterLike = readonly number[] | ParameterSpec;

/**
 * Bytes of the state that an optimizer keeps for these parameters. Nothing is allocated.
 *
 * @param parameters Shapes, `{ name, shape }`, or variables.
 *
 * @example
 * stateBytes(lion(), [[784, 256], [256], [256, 10], [10]]); // 814120, half of stateBytes(adamW(), …)
 */
export function stateBytes(
  optimizer: { slotsFor(parameter: ParameterSpec): Record<string, SlotSpec> },
  parameters: readonly ParameterLike[],
): number {
  let bytes = 0;
  parameters.forEach((parameter, index) => {
    const spec = 'shape' in parameter ? parameter : { name: `parameter${index}`, shape: parameter };
    for (const { shape } of Object.values(optimizer.slotsFor(spec))) {
      bytes += 4 * sizeOf(shape);
    }
  });
  return bytes;
}
