import {
  add,
  all,
  cast,
  isFinite,
  logicalAnd,
  logicalNot,
  mul,
  stack,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { SlotSpec } from '../parameters/rules';
import type { SlotStore } from '../parameters/slotStore';

/** The state of the guard, under a name that is no parameter's. */
export const guardName = 'nonFinite';

const guardState: Record<string, SlotSpec> = {
  acceptedMicroSteps: { shape: [], dtype: 'float32' },
  skippedSteps: { shape: [], dtype: 'float32' },
};

/** True if all numbers of all tensors are finite. */
export function allFinite(tensors: readonly Tensor[]): Scalar {
  return allTrue(tensors.map((tensor) => all(isFinite(tensor))));
}

/** True if all conditions are. */
export function allTrue(conditions: readonly Scalar[]): Scalar {
  const [first] = conditions;
  if (first && conditions.length === 1) return first;
  return conditions.length === 0 ? all(isFinite(0)) : all(stack([...conditions]));
}

/** Counts what the guard lets through and what it does not. */
export class Guard {
  constructor(private readonly store: SlotStore) {}

  /** How many micro-steps of the current update had finite gradients; `keep` is 0 at the first of them, else 1. */
  accept(finite: Scalar, keep: Tensor): Tensor {
    const { acceptedMicroSteps } = this.store.own(guardState);
    const accepted = add(mul(keep, acceptedMicroSteps as Tensor), cast(finite, 'float32'));
    acceptedMicroSteps?.assign(accepted);
    return accepted;
  }

  /** Counts a step unless its gradients are finite, and so is what would follow from them. */
  count(gradients: Scalar, results: Scalar): void {
    const { skippedSteps } = this.store.own(guardState);
    const skipped = logicalNot(logicalAnd(gradients, results));
    skippedSteps?.assign(add(skippedSteps, cast(skipped, 'float32')));
  }

  /** How many steps were made to change nothing. */
  async skippedSteps(): Promise<number> {
    const skipped = this.store.of(guardName).skippedSteps;
    return skipped ? ((await skipped.data())[0] as number) : 0;
  }
}
