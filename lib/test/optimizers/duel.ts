import type { reference } from '../../src/optimizers';
import {
  draw,
  expectClose,
  largest,
  sizeOf,
  stateOf,
  step,
  values,
  variable,
  type AnyOptimizer,
} from './support';
import type { Subject } from './subjects';

export interface DuelOptions {
  readonly subject: Subject;
  readonly options: Readonly<Record<string, unknown>>;
  readonly shape: readonly number[];
  /** Standard normal numbers, for the start. */
  readonly next: () => number;
  /** A candidate for an element of the gradient at step t. */
  readonly gradient: (t: number) => number;
}

/**
 * The tensor version and its twin on the same gradients, compared after every step.
 *
 * For optimizers of signs an element of the gradient is drawn again while the sign would be taken of something so close
 * to 0, against the terms that make it up, that rounding to float32 decides. The size of the terms is what the same
 * momentum makes of |g|, which a second twin computes.
 */
export class Duel {
  private readonly optimizer: AnyOptimizer;
  private readonly twin: reference.Twin;
  private readonly sizes: reference.Twin;
  private readonly parameter;
  private theta: Float64Array;
  private scale: number;
  private t = 0;

  constructor(private readonly setup: DuelOptions) {
    const { subject, options, shape, next } = setup;
    this.optimizer = subject.make(options);
    this.twin = subject.twin(shape, options);
    this.sizes = subject.twin(shape, options);
    this.theta = draw(sizeOf(shape), next);
    this.scale = largest(this.theta);
    this.parameter = variable('x', shape, this.theta);
  }

  step(): void {
    this.t += 1;
    const gradient = this.theta.map((_, index) => this.element(index));
    this.sizes.step(new Float64Array(this.theta.length), gradient.map(Math.abs));
    this.theta = this.twin.step(this.theta, gradient);
    step(this.optimizer, [[this.parameter, gradient]]);
    // Rounding errors add up on the way: they are relative to the largest value on it.
    this.scale = Math.max(this.scale, largest(this.theta));
    expectClose(values(this.parameter), this.theta, { scale: this.scale });
  }

  /** Compares the state and frees everything. */
  async end(): Promise<void> {
    const state = await stateOf(this.optimizer);
    for (const [slot, expected] of Object.entries(this.twin.state)) {
      const scale = Math.max(largest(expected), largest(this.sizes.state[slot] ?? []));
      expectClose(state[`x/${slot}`] ?? [], expected, { scale });
    }
    this.dispose();
  }

  dispose(): void {
    this.optimizer.dispose();
    this.parameter.dispose();
  }

  private element(index: number): number {
    const { subject, options, gradient } = this.setup;
    for (;;) {
      const candidate = Math.fround(gradient(this.t));
      if (!subject.signed) return candidate;
      const of = (twin: reference.Twin, g: number): number =>
        subject.signed?.(twin.state.momentum?.[index] ?? 0, g, options, this.t) ?? 0;
      const [signed, size] = [of(this.twin, candidate), of(this.sizes, Math.abs(candidate))];
      if (signed === 0 ? size === 0 : Math.abs(signed) > 1e-4 * size) return candidate;
    }
  }
}
