import { any, notEqual, reshape, where, type Tensor } from '@tensorflow/tfjs-core';
import type { ParameterRule } from '../parameters/rules';

/** Embeddings of which a step sees few rows: rows whose gradient is zero are not moved, by no momentum and no decay. */
export interface LazyRows {
  /** The parameters this applies to, of rank 2 or more; a row is what differs in the last axis only. */
  readonly match: ParameterRule;
  /**
   * What becomes of the state of such rows: it `'decays'` as under a gradient of zero (the variant of the articles'
   * author, the default), or is `'kept'` (fully lazy).
   */
  readonly state?: 'decays' | 'kept';
}

/** Which rows have a gradient: of shape [..., 1]. */
export function touchedRows(gradient: Tensor): Tensor {
  return any(notEqual(gradient, 0), -1, true);
}

/** `next` in the touched rows and `old` in the others; a tensor that is not kept by row is `next` as a whole. */
export function selectRows(touched: Tensor, next: Tensor, old: Tensor): Tensor {
  const rows = touched.shape.slice(0, -1);
  const byRow = old.rank >= rows.length && rows.every((length, axis) => length === old.shape[axis]);
  if (!byRow) return next;
  return where(old.rank === rows.length ? reshape(touched, rows) : touched, next, old);
}
