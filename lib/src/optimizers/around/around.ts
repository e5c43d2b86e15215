import {
  add,
  div,
  greater,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  mul,
  where,
  zerosLike,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { dependsOn, fed } from '../../runtime/fed';
import type { VariableGradient } from '../parameters/gradients';
import { checks } from '../parameters/settings';
import { matches, type ParameterSpec, type SlotSpec } from '../parameters/rules';
import type { SlotStore } from '../parameters/slotStore';
import { Accumulation, wholeStep, type MicroStep } from './accumulation';
import { clipByGlobalNorm, clipByNorm, clipByValue, type ClippingOptions } from './clipping';
import { allFinite, allTrue, Guard } from './guard';
import { selectRows, touchedRows, type LazyRows } from './lazyRows';

/** What surrounds an update, the same for all optimizers, in the order in which it acts. */
export interface AroundOptions extends ClippingOptions {
  /**
   * What a NaN or an infinity does, in a gradient or in what follows from it (the square of a gradient of 1e20 is too
   * large for float32, and a second moment that has become infinite never lets its weight move again): `'propagate'`
   * (the default) it; or `'skip'`: a step with such a gradient, or after which a parameter or a state would not be
   * finite, changes nothing and is counted in `skippedSteps()`. Schedules go on all the same. Under accumulation the
   * micro-step is left out of the mean.
   */
  readonly nonFinite?: 'propagate' | 'skip';
  /**
   * k: gradients of k calls (micro-steps) are averaged, and every k-th call makes an update, as one call with the mean
   * gradient would. Schedules count updates. A parameter that has no gradient in one of the k calls gets nothing added
   * in it, the sum is divided by k all the same; one that has none in all of them is passed over. Costs one buffer of
   * the size of the parameters; Tiger needs none. Default 1.
   *
   * A compiled step updates the parameters that the optimizer knew when it was traced; what another step has gathered
   * for a parameter that it did not know waits for the next update that does.
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
  const accepted = {
    nonFinite: checks.oneOf('propagate', 'skip'),
    accumulationSteps: checks.positiveInteger,
    clipValue: checks.positive,
    clipNorm: checks.positive,
    clipGlobalNorm: checks.positive,
  };
  for (const [name, check] of Object.entries(accepted)) {
    const value = options[name as keyof typeof accepted];
    if (value !== undefined) check(value, `${owner}: ${name}`);
  }
  const limits = [options.clipValue, options.clipNorm, options.clipGlobalNorm].filter(
    (limit) => limit !== undefined,
  );
  if (limits.length > 1)
    throw new TypeError(`${owner}: give one of clipValue, clipNorm and clipGlobalNorm, not several.`);
}

/** What a call does to a parameter. */
export interface Target {
  readonly variable: Variable;
  /** The gradient of this call; undefined for a parameter that may only have had one in an earlier call of the update. */
  readonly gradient: Tensor | undefined;
  /** Where the call stands among those that make an update, of now. */
  readonly microStep: () => MicroStep;
}

/** What goes into the update of a target. */
export interface Prepared {
  readonly target: Target;
  /** Averaged and clipped. */
  readonly gradient: Tensor;
  /** Whether the update is made; undefined: it is. */
  readonly applied: Scalar | undefined;
}

/** What a parameter and its state become. */
export interface Outcome {
  readonly theta: Tensor;
  readonly slots: Readonly<Record<string, Tensor | undefined>>;
}

/** Guard, accumulation, clipping and lazy rows of one optimizer. No branch on a tensor's value: all of it compiles. */
export class Around {
  readonly accumulation: Accumulation;
  private readonly guard: Guard;

  constructor(
    private readonly options: AroundOptions,
    private readonly store: SlotStore,
    /** How many calls were made, this one included. */
    calls: () => number,
    /** Whether the algorithm takes in the gradients of micro-steps itself, so that it needs no buffer. */
    private readonly accumulatesItself: boolean,
  ) {
    this.accumulation = new Accumulation(options.accumulationSteps ?? 1, calls);
    this.guard = new Guard(store);
  }

  private get accumulates(): boolean {
    return this.accumulation.steps > 1;
  }

  private get needsBuffer(): boolean {
    return this.accumulates && !this.accumulatesItself;
  }

  /** The slots that are kept for a parameter beside those of the algorithm. */
  slots({ shape }: ParameterSpec): Record<string, SlotSpec> {
    return this.needsBuffer ? { accumulatedGradient: { shape, dtype: 'float32' } } : {};
  }

  /** The parameters that a call may change: those with a gradient, and those that may wait for an update. */
  targets(pairs: readonly VariableGradient[]): Target[] {
    if (!this.accumulates)
      return pairs.map(({ variable, gradient }) => ({ variable, gradient, microStep: () => wholeStep }));
    const { accumulation } = this;
    const given = new Set(pairs.map(({ variable }) => variable));
    dependsOn(() =>
      this.store
        .parameters()
        .map(({ id }) => id)
        .join(),
    );
    const missing = this.store.parameters().filter((variable) => !given.has(variable));
    return [
      ...pairs.map(({ variable, gradient }) => ({
        variable,
        gradient,
        microStep: () => accumulation.given(variable.name),
      })),
      ...missing.map((variable) => ({
        variable,
        gradient: undefined,
        microStep: () => accumulation.missing(variable.name),
      })),
    ];
  }

  /** Gradients as the update wants them; which parameters had one is noted. */
  prepare(targets: readonly Target[]): { prepared: Prepared[]; finite: Scalar | undefined } {
    const raw = targets.flatMap(({ gradient }) => (gradient ? [gradient] : []));
    const finite = this.options.nonFinite === 'skip' ? allFinite(raw) : undefined;
    const gathered = this.accumulates ? this.gather(targets, finite) : this.single(targets, finite);
    const clipped = this.clip(gathered.map(({ gradient }) => gradient));
    return {
      prepared: gathered.map((item, index) => ({ ...item, gradient: clipped[index] as Tensor })),
      finite,
    };
  }

  /** Assigns what the algorithm makes of each target, as far as it is to be applied. */
  commit({ prepared, finite }: ReturnType<Around['prepare']>, compute: (item: Prepared) => Outcome): void {
    if (finite === undefined) {
      for (const item of prepared) this.assign(item, item.applied, compute(item));
      return;
    }
    const outcomes = prepared.map(compute);
    const sound = outcomes.map(({ theta, slots }, index): Scalar => {
      const applied = prepared[index]?.applied;
      const fine = allFinite([theta, ...Object.values(slots).filter((slot) => slot !== undefined)]);
      return applied ? logicalOr(fine, logicalNot(applied)) : fine;
    });
    const results = allTrue(sound);
    this.guard.count(finite, results);
    prepared.forEach((item, index) => {
      const applied: Scalar = item.applied ? logicalAnd(item.applied, results) : results;
      this.assign(item, applied, outcomes[index] as Outcome);
    });
  }

  /** How many calls the guard made to change nothing. */
  skippedSteps(): Promise<number> {
    return this.guard.skippedSteps();
  }

  private assign(
    { target, gradient }: Prepared,
    applied: Scalar | undefined,
    { theta, slots }: Outcome,
  ): void {
    const { variable } = target;
    const { lazyRows } = this.options;
    const lazy = lazyRows && variable.rank > 1 && matches(lazyRows.match, variable);
    const touched = lazy ? touchedRows(gradient) : undefined;
    const finish = (next: Tensor, old: Tensor, rows: Tensor | undefined): Tensor => {
      const moved = rows ? selectRows(rows, next, old) : next;
      return applied ? where(applied, moved, old) : moved;
    };
    replace(variable, finish(theta, variable, touched));
    const state = this.store.of(variable.name);
    for (const [name, next] of Object.entries(slots)) {
      const slot = state[name];
      if (slot && next) replace(slot, finish(next, slot, lazyRows?.state === 'kept' ? touched : undefined));
    }
  }

  private single(targets: readonly Target[], finite: Scalar | undefined): Prepared[] {
    return targets.map((target) => ({ target, gradient: target.gradient as Tensor, applied: finite }));
  }

  private gather(targets: readonly Target[], finite: Scalar | undefined): Prepared[] {
    const { accumulation } = this;
    for (const { variable, gradient } of targets) if (gradient) accumulation.took(variable.name);
    const keep = fed(() => (accumulation.position.isFirst ? 0 : 1));
    const accepted = finite && this.guard.accept(finite, keep);
    const addend = (gradient: Tensor): Tensor =>
      finite ? where(finite, gradient, zerosLike(gradient)) : gradient;
    if (this.accumulatesItself) {
      return targets.map((target) => ({
        target,
        gradient: target.gradient ? addend(target.gradient) : zerosLike(target.variable),
        applied: undefined,
      }));
    }
    const count = accepted ? maximum(accepted, 1) : fed(() => accumulation.steps);
    const isMade = (made: Tensor): Scalar => {
      const last: Scalar = greater(made, 0);
      return accepted ? logicalAnd(last, greater(accepted, 0)) : last;
    };
    const isLast = fed(() => (accumulation.position.isLast ? 1 : 0));
    const isNotLast = fed(() => (accumulation.position.isLast ? 0 : 1));
    const applied = isMade(isLast);
    return targets.map((target): Prepared => {
      const { variable, gradient, microStep } = target;
      const buffer = this.store.of(variable.name).accumulatedGradient as Variable;
      if (gradient) {
        const sum = add(buffer, addend(gradient));
        // What is applied is gone, so that nothing is ever applied twice; also a sum that has become infinite.
        buffer.assign(finite ? where(greater(isLast, 0), zerosLike(sum), sum) : mul(isNotLast, sum));
        return { target, gradient: div(sum, count), applied };
      }
      const isDue = fed(() => (microStep().isLast ? 1 : 0));
      const rest = fed(() => (microStep().isLast ? 0 : 1));
      const mean = div(mul(isDue, buffer), count);
      buffer.assign(mul(rest, buffer));
      return { target, gradient: mean, applied: isMade(isDue) };
    });
  }

  private clip(gradients: readonly Tensor[]): readonly Tensor[] {
    const { clipValue, clipNorm, clipGlobalNorm } = this.options;
    if (clipValue !== undefined) return clipByValue(gradients, clipValue);
    if (clipNorm !== undefined) return clipByNorm(gradients, clipNorm);
    if (clipGlobalNorm !== undefined) return clipByGlobalNorm(gradients, clipGlobalNorm);
    return gradients;
  }
}

function replace(variable: Variable, value: Tensor): void {
  // Assigning a variable to itself would free its data.
  if (value !== variable) variable.assign(value);
}
