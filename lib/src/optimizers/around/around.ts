import {
  add,
  all,
  cast,
  div,
  greater,
  isFinite,
  logicalAnd,
  logicalNot,
  maximum,
  mul,
  stack,
  where,
  zerosLike,
  type Scalar,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { fed } from '../../runtime/fed';
import { clipByGlobalNorm, clipByNorm, clipByValue, type ClippingOptions } from './clipping';
import type { VariableGradient } from '../parameters/gradients';
import { selectRows, touchedRows, type LazyRows } from './lazyRows';
import { oneOf, positive, positiveInteger } from '../parameters/options';
import { matches, type ParameterSpec, type SlotSpec } from '../parameters/rules';
import type { SlotStore } from '../parameters/slotStore';

/** What surrounds an update, the same for all optimizers, in the order in which it acts. */
export interface AroundOptions extends ClippingOptions {
  /**
   * What a gradient with a NaN or an infinity does: `'propagate'` (the default) it; or `'skip'`: the step changes
   * nothing and is counted in `skippedSteps()`. Schedules go on all the same. Under accumulation the micro-step is left
   * out of the mean.
   */
  readonly nonFinite?: 'propagate' | 'skip';
  /**
   * k: gradients of k calls are averaged, in one buffer of the size of the parameters, and every k-th call makes an
   * update. Steps of schedules count updates. Default 1, no buffer.
   */
  readonly accumulationSteps?: number;
  /** Default: none. */
  readonly lazyRows?: LazyRows;
}

export const aroundNames = [
  'nonFinite',
  'accumulationSteps',
  'clipValue',
  'clipNorm',
  'clipGlobalNorm',
  'lazyRows',
] as const satisfies readonly (keyof AroundOptions)[];

/** Throws if an option is out of range. */
export function checkAround(options: AroundOptions, owner: string): void {
  const checks = {
    nonFinite: oneOf('propagate', 'skip'),
    accumulationSteps: positiveInteger,
    clipValue: positive,
    clipNorm: positive,
    clipGlobalNorm: positive,
  };
  for (const [name, check] of Object.entries(checks)) {
    const value = options[name as keyof typeof checks];
    if (value !== undefined) check(value, `${owner}: ${name}`);
  }
  const limits = [options.clipValue, options.clipNorm, options.clipGlobalNorm].filter(
    (limit) => limit !== undefined,
  );
  if (limits.length > 1)
    throw new TypeError(`${owner}: give one of clipValue, clipNorm and clipGlobalNorm, not several.`);
}

/** The state that is kept for the guard, under a name of its own. */
const guardState: Record<string, SlotSpec> = {
  acceptedMicroSteps: { shape: [], dtype: 'float32' },
  skippedSteps: { shape: [], dtype: 'float32' },
};
export const guardName = 'nonFinite';

/** The gradients of an update, and whether to make it; without `applied` it is made. */
interface Prepared {
  readonly gradients: readonly Tensor[];
  readonly applied?: Scalar;
}

/** Guard, accumulation, clipping and lazy rows of one optimizer. No branch on a tensor's value: all of it compiles. */
export class Around {
  private readonly steps: number;

  constructor(
    private readonly options: AroundOptions,
    private readonly store: SlotStore,
    /** How many calls were made, this one included. */
    private readonly calls: () => number,
  ) {
    this.steps = options.accumulationSteps ?? 1;
  }

  /** The number of the update that the current call belongs to, from 1. */
  get step(): number {
    return Math.ceil(this.calls() / this.steps);
  }

  /** State for one parameter, beside the algorithm's. */
  slots(parameter: ParameterSpec): Record<string, SlotSpec> {
    return this.steps > 1 ? { accumulatedGradient: { shape: parameter.shape, dtype: 'float32' } } : {};
  }

  /** From the gradients of a call to those of the update. */
  prepare(pairs: readonly VariableGradient[]): Prepared {
    if (pairs.length === 0) return { gradients: [] };
    const raw = pairs.map(({ gradient }) => gradient);
    const finite = this.options.nonFinite === 'skip' ? this.guard(raw) : undefined;
    const { gradients, applied } =
      this.steps > 1 ? this.accumulate(pairs, finite) : { gradients: raw, applied: finite };
    return { gradients: this.clip(gradients), applied };
  }

  /** What a parameter or a slot becomes, given what the algorithm makes of it. */
  commit(parameter: ParameterSpec, gradient: Tensor, applied: Scalar | undefined) {
    const { lazyRows } = this.options;
    const lazy = lazyRows && parameter.shape.length > 1 && matches(lazyRows.match, parameter);
    const touched = lazy ? touchedRows(gradient) : undefined;
    const finish = (next: Tensor, old: Tensor): Tensor => (applied ? where(applied, next, old) : next);
    return {
      parameter: (next: Tensor, old: Tensor) => finish(touched ? selectRows(touched, next, old) : next, old),
      slot: (next: Tensor, old: Tensor) =>
        finish(touched && lazyRows?.state === 'kept' ? selectRows(touched, next, old) : next, old),
    };
  }

  /** How many calls the guard made to change nothing. */
  async skippedSteps(): Promise<number> {
    const skipped = this.store.of(guardName).skippedSteps;
    return skipped ? ((await skipped.data())[0] as number) : 0;
  }

  private guard(gradients: readonly Tensor[]): Scalar {
    const { skippedSteps } = this.store.own(guardState);
    const finite: Scalar = all(stack(gradients.map((gradient) => all(isFinite(gradient)))));
    skippedSteps?.assign(add(skippedSteps, cast(logicalNot(finite), 'float32')));
    return finite;
  }

  private accumulate(pairs: readonly VariableGradient[], finite: Scalar | undefined): Prepared {
    const position = (): number => (this.calls() - 1) % this.steps;
    const keep = fed(() => (position() === 0 ? 0 : 1));
    const isLast = cast(
      fed(() => (position() === this.steps - 1 ? 1 : 0)),
      'bool',
    ) as Scalar;
    let count = fed(() => this.steps);
    let applied: Scalar = isLast;
    if (finite) {
      const { acceptedMicroSteps } = this.store.own(guardState);
      const accepted = add(mul(keep, acceptedMicroSteps as Tensor), cast(finite, 'float32'));
      acceptedMicroSteps?.assign(accepted);
      applied = logicalAnd(
        isLast,
        greater(
          accepted,
          fed(() => 0),
        ),
      );
      count = maximum(
        accepted,
        fed(() => 1),
      );
    }
    const gradients = pairs.map(({ variable, gradient }) => {
      const { accumulatedGradient } = this.store.of(variable.name);
      const addend = finite ? where(finite, gradient, zerosLike(gradient)) : gradient;
      const sum = add(mul(keep, accumulatedGradient as Tensor), addend);
      accumulatedGradient?.assign(sum);
      return div(sum, count);
    });
    return { gradients, applied };
  }

  private clip(gradients: readonly Tensor[]): readonly Tensor[] {
    const { clipValue, clipNorm, clipGlobalNorm } = this.options;
    const limit = (value: number): Scalar => fed(() => value) as Scalar;
    if (clipValue !== undefined) return clipByValue(gradients, limit(clipValue));
    if (clipNorm !== undefined) return clipByNorm(gradients, limit(clipNorm));
    if (clipGlobalNorm !== undefined) return clipByGlobalNorm(gradients, limit(clipGlobalNorm));
    return gradients;
  }
}
