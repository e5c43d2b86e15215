import { mean, sqrt, square, type Tensor } from '@tensorflow/tfjs-core';

/** RMS(x) = √(mean of x²): of the whole tensor, or of each row (kept as an axis of length 1). */
export function rootMeanSquare(x: Tensor, by: 'tensor' | 'row' = 'tensor'): Tensor {
  return sqrt(by === 'row' ? mean(square(x), -1, true) : mean(square(x)));
}
