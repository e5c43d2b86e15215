import {
  abs,
  clipByValue as bound,
  div,
  greater,
  max,
  maximum,
  mul,
  scalar,
  sqrt,
  square,
  stack,
  sum,
  where,
  type Tensor,
} from '@tensorflow/tfjs-core';

/** How gradients are bounded before the update; at most one of them. */
export interface ClippingOptions {
  /** Every element into [−c, c]. */
  readonly clipValue?: number;
  /** Each gradient to at most this Euclidean norm. */
  readonly clipNorm?: number;
  /** All gradients of a step together to at most this Euclidean norm; their direction stays. */
  readonly clipGlobalNorm?: number;
}

/** The gradients with every element in [−limit, limit]; a NaN stays one. */
export function clipByValue(gradients: readonly Tensor[], limit: number): Tensor[] {
  return gradients.map((gradient) => bound(gradient, -limit, limit));
}

/** The gradients, each scaled down to the norm `limit` if it is longer. */
export function clipByNorm(gradients: readonly Tensor[], limit: number): Tensor[] {
  return gradients.flatMap((gradient) => clipByGlobalNorm([gradient], limit));
}

/** The gradients, scaled down by a common factor if together they are longer than `limit`. */
export function clipByGlobalNorm(gradients: readonly Tensor[], limit: number): Tensor[] {
  if (gradients.length === 0) return [];
  const scale = scaleOf(gradients);
  const scaled = gradients.map((gradient) => div(gradient, scale));
  const norm = sqrt(total(scaled.map((gradient) => sum(square(gradient)))));
  // min(scale, limit / norm), without a division by 0.
  const factor = div(limit, maximum(norm, div(limit, scale)));
  return scaled.map((gradient) => mul(gradient, factor));
}

/**
 * 1, or the largest element where squares might be too large for float32: a norm must not become infinite, and the step
 * 0, for gradients of 1e20. Not always the largest element, because a division by 1 rounds nothing.
 */
function scaleOf(gradients: readonly Tensor[]): Tensor {
  const largest: Tensor[] = gradients.filter(({ size }) => size > 0).map((gradient) => max(abs(gradient)));
  if (largest.length === 0) return scalar(1);
  const overall = largest.length === 1 ? (largest[0] as Tensor) : max(stack(largest));
  return where(greater(overall, 2 ** 40), overall, 1);
}

const total = (parts: readonly Tensor[]): Tensor =>
  parts.length === 1 ? (parts[0] as Tensor) : sum(stack([...parts]));
