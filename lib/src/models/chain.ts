import { tf } from '../runtime';
import type { Model } from './model';

/**
 * Models one after the other as one model; its name is that of the last, and disposing it disposes them all.
 *
 * @throws RangeError for no model.
 *
 * @example
 * const classifier = chain(textConvolution({ vocabulary: 5000 }), mlp({ sizes: [250, 2] }));
 */
export function chain(...models: readonly Model[]): Model {
  const last = models.at(-1);
  if (!last) throw new RangeError('A chain needs at least one model, but none was given.');
  return {
    name: last.name,
    parameters: models.flatMap(({ parameters }) => [...parameters]),
    apply: (inputs) => tf.tidy(() => models.reduce((x, model) => model.apply(x), inputs)),
    dispose: () => models.forEach((model) => model.dispose()),
  };
}
