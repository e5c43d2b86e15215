import {
  div,
  maximum,
  minimum,
  mul,
  neg,
  sqrt,
  square,
  stack,
  sum,
  type Scalar,
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

/** The gradients with every element in [−limit, limit]. */
export function clipByValue(gradients: readonly Tensor[], limit: Scalar): Tensor[] {
  const lower = neg(limit);
  return gradients.map((gradient) => maximum(lower, minimum(limit, gradient)));
}

/** The gradients, each scaled down to the norm `limit` if it is longer. */
export function clipByNorm(gradients: readonly Tensor[], limit: Scalar): Tensor[] {
  return gradients.map((gradient) => mul(gradient, shrinkage(sum(square(gradient)), limit)));
}

/** The gradients, scaled down by a common factor if together they are longer than `limit`. */
export function clipByGlobalNorm(gradients: readonly Tensor[], limit: Scalar): Tensor[] {
  if (gradients.length === 0) return [];
  const squares = gradients.map((gradient) => sum(square(gradient)));
  const factor = shrinkage(sum(stack(squares)), limit);
  return gradients.map((gradient) => mul(gradient, factor));
}

/** min(1, limit / norm), without a division by 0. */
function shrinkage(squaredNorm: Tensor, limit: Scalar): Tensor {
  return div(limit, maximum(sqrt(squaredNorm), limit));
}
