import * as tfc from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * −1, 0 or 1; NaN stays NaN. TensorFlow's own where it computes. Other backends of TensorFlow.js make 0 of a NaN, which
 * would stop a weight for ever and unseen, and tfjs-wasm makes 0 of everything below 1e-7, where momenta end up.
 */
export function sign(x: Tensor): Tensor {
  if (tfc.getBackend() === 'tensorflow') return tfc.sign(x);
  const isAbove = tfc.cast(tfc.greater(x, 0), 'float32');
  const isBelow = tfc.cast(tfc.less(x, 0), 'float32');
  return tfc.where(tfc.isNaN(x), x, tfc.sub(isAbove, isBelow));
}
