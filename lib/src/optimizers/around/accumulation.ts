import { StepCounter } from '../../runtime/fed';

/** Where a call stands among the calls that make one update of a parameter. */
export interface MicroStep {
  /** k, the number of calls that make an update. */
  readonly of: number;
  /** Whether this is the first gradient of the parameter for this update. */
  readonly isFirst: boolean;
  /** Whether the update is made now. */
  readonly isLast: boolean;
}

/** A call that makes an update by itself. */
export const wholeStep: MicroStep = { of: 1, isFirst: true, isLast: true };

/**
 * The number of the update for which a parameter last had a gradient. It advances with the calls of its optimizer, and
 * in a compiled step as in an eager one.
 */
class LatestUpdate extends StepCounter {
  constructor(private readonly update: () => number) {
    super();
  }

  protected override next(): number {
    return this.update();
  }
}

/**
 * Which calls make an update together, and which parameters had a gradient in them. A gradient that is missing in a call
 * adds nothing; a parameter without any gradient in the k calls of an update is passed over, as without accumulation.
 */
export class Accumulation {
  private readonly latest = new Map<string, LatestUpdate>();

  constructor(
    /** k: how many calls make an update. */
    readonly steps: number,
    /** How many calls were made, this one included. */
    private readonly calls: () => number,
  ) {}

  /** The number of the update that the current call belongs to, from 1. */
  get update(): number {
    return Math.ceil(this.calls() / this.steps);
  }

  /** Where the current call stands for all parameters together. */
  get position(): MicroStep {
    const position = (this.calls() - 1) % this.steps;
    return { of: this.steps, isFirst: position === 0, isLast: position === this.steps - 1 };
  }

  /** Where the current call stands for a parameter that has a gradient in it; asked before {@link took}. */
  given(parameter: string): MicroStep {
    return { ...this.position, isFirst: !this.has(parameter) };
  }

  /** Where the current call stands for a parameter without a gradient in it. */
  missing(parameter: string): MicroStep {
    return { of: this.steps, isFirst: false, isLast: this.position.isLast && this.has(parameter) };
  }

  /** Notes that a parameter had a gradient in the current call. */
  took(parameter: string): void {
    this.latestOf(parameter).advance();
  }

  /** The parameters that have had a gradient for an update that is not made yet. */
  get waiting(): string[] {
    if (this.calls() % this.steps === 0) return [];
    return [...this.latest.keys()].filter((parameter) => this.has(parameter));
  }

  /** Counts anew for a parameter whose state starts from zero: one of its name may have had gradients. */
  begin(parameter: string): void {
    this.latest.delete(parameter);
  }

  /** Resumes where {@link waiting} was this. */
  wait(parameters: readonly string[]): void {
    for (const counter of this.latest.values()) counter.value = 0;
    for (const parameter of parameters) this.latestOf(parameter).value = this.update;
  }

  private has(parameter: string): boolean {
    return this.latest.get(parameter)?.value === this.update;
  }

  private latestOf(parameter: string): LatestUpdate {
    let counter = this.latest.get(parameter);
    if (!counter) this.latest.set(parameter, (counter = new LatestUpdate(() => this.update)));
    return counter;
  }
}
