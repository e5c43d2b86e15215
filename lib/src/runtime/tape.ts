import { tf } from './tensorflow';

interface Engine {
  readonly state: {
    readonly gradientDepth: number;
    activeTape: readonly { readonly saved?: readonly tf.Tensor[] }[] | null;
  };
}

/**
 * Frees what TensorFlow.js keeps for the backward pass of a gradient. Must be called after a gradient whose function threw:
 * TensorFlow.js then forgets these tensors.
 */
export function releaseTape(): void {
  const { state } = tf.engine() as unknown as Engine;
  if (state.gradientDepth > 0 || !state.activeTape) return;
  for (const { saved } of state.activeTape) tf.dispose([...(saved ?? [])]);
  state.activeTape = null;
}
