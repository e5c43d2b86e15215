import type { reference } from '../../src/optimizers';
import { draw, sizeOf } from './numbers';
import type { Subject } from './subjects';

export interface TwinPathOptions {
  readonly subject: Subject;
  readonly options: Readonly<Record<string, unknown>>;
  readonly shape: readonly number[];
  /** Standard normal numbers, for the start. */
  readonly next: () => number;
  /** A candidate for an element of the gradient at step t. */
  readonly gradient: (t: number) => number;
}

/**
 * The way of a float64 twin, and the gradients on it, for the tensor version to follow. Plain numbers, on every backend.
 *
 * For optimizers of signs an element of the gradient is drawn again while the sign would be taken of something so close
 * to 0, against the terms that make it up, that rounding to float32 decides. The size of the terms is what the same
 * momentum makes of |g|, which a second twin computes.
 */
export class TwinPath {
  readonly twin: reference.Twin;
  readonly sizes: reference.Twin;
  theta: Float64Array;
  private t = 0;

  constructor(private readonly setup: TwinPathOptions) {
    const { subject, options, shape, next } = setup;
    this.twin = subject.twin(shape, options);
    this.sizes = subject.twin(shape, options);
    this.theta = draw(sizeOf(shape), next);
  }

  /** Takes a step, and gives the gradient that it was taken on. */
  step(): Float64Array {
    this.t += 1;
    const gradient = this.theta.map((_, index) => this.element(index));
    this.sizes.step(new Float64Array(this.theta.length), gradient.map(Math.abs));
    this.theta = this.twin.step(this.theta, gradient);
    return gradient;
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
