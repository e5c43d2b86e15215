/** How far what a compiled step computes may be from what its function computes. */
import { tf } from '../runtime';
import { describeSource, type Source } from './ir/trace';

/** A result of a step, computed in two ways. */
export interface Comparison {
  readonly name: string;
  readonly source: Source;
  readonly expected: tf.Tensor;
  readonly actual: tf.Tensor;
  /** What a variable was before the step: a deviation is large or small beside the change. */
  readonly before?: tf.Tensor;
}

/** Deviations of rounding in other orders of summation, relative to the largest value of a tensor or to its change. */
const RELATIVE_TOLERANCE = 1e-3;
/** The spacing of float32 at 1, some roundings of it. */
const ROUNDING = 8 * 2 ** -23;
/** What is left where a sum cancels: of a result, of the change of a variable. */
const LEFT_OF_SUMS = { result: 1e-6, change: 1e-7 };
/** An element may differ by as much as this number of other roundings makes it. */
const SENSITIVITY = 64;

/** A result that differs more than results commonly do, and how far each of its elements may differ. */
export class Doubt {
  private readonly differences: tf.Tensor;
  private limits: tf.Tensor;

  /** Undefined if there is no doubt. */
  static about(comparison: Comparison): Doubt | undefined {
    if (comparison.expected.size === 0 || !isNumeric(comparison.expected)) return undefined;
    const doubt = new Doubt(comparison);
    if (doubt.isJustified()) return doubt;
    doubt.dispose();
    return undefined;
  }

  private constructor(readonly comparison: Comparison) {
    const { expected, actual } = comparison;
    this.differences = tf.tidy(() => deviations(expected, actual));
    this.limits = tf.fill(expected.shape, toleranceOf(comparison));
  }

  /** Takes into account what the step gives when it rounds otherwise. */
  weigh(other: tf.Tensor): void {
    const { limits } = this;
    this.limits = tf.tidy(() =>
      tf.maximum(limits, tf.mul(SENSITIVITY, deviations(this.comparison.expected, other))),
    );
    limits.dispose();
  }

  /** Whether an element differs by more than rounding explains. */
  isJustified(): boolean {
    return tf.tidy(() => tf.any(this.excess()).dataSync()[0] === 1);
  }

  describe(): string {
    const { name, source, expected, actual } = this.comparison;
    const [index, count] = tf.tidy(() => {
      const excess = this.excess();
      const sizes = tf.where(excess, this.differences, tf.zerosLike(this.limits));
      return [
        tf.argMax(tf.reshape(sizes, [-1])).dataSync()[0]!,
        tf.sum(tf.cast(excess, 'int32')).dataSync()[0]!,
      ] as const;
    });
    const [found, wanted] = [actual, expected].map((x) => Number(x.dataSync()[index]!.toPrecision(7)));
    const place =
      expected.rank > 0
        ? ` at [${tf.util.indexToLoc(index, expected.rank, tf.util.computeStrides(expected.shape)).join(', ')}]`
        : '';
    const others = expected.size > 1 ? ` (${count} of ${expected.size} elements differ)` : '';
    return (
      `The compiled step does not compute what its function computes: ${name}, ${describeSource(source)}, is ${found}${place} ` +
      `and should be ${wanted}${others}. Please report it; until then, use the option xla: false, or the function itself.`
    );
  }

  dispose(): void {
    tf.dispose([this.differences, this.limits]);
  }

  private excess(): tf.Tensor {
    return tf.greater(this.differences, this.limits);
  }
}

/** The differences of elements; infinite where one is a number and the other is not. */
function deviations(expected: tf.Tensor, actual: tf.Tensor): tf.Tensor {
  const [a, b] = [expected, actual].map((x) => tf.cast(x, 'float32')) as [tf.Tensor, tf.Tensor];
  const isNumber = tf.logicalOr(tf.isFinite(a), tf.isFinite(b));
  const same = tf.logicalOr(tf.equal(a, b), tf.logicalNot(isNumber));
  const difference = tf.where(same, tf.zerosLike(a), tf.abs(tf.sub(a, b)));
  return tf.where(tf.isNaN(difference), tf.fill(a.shape, Infinity), difference);
}

function toleranceOf({ expected, before }: Comparison): number {
  return tf.tidy(() => {
    const largest = largestOf(expected);
    if (!before) return RELATIVE_TOLERANCE * largest + LEFT_OF_SUMS.result;
    const change = largestOf(tf.sub(tf.cast(expected, 'float32'), tf.cast(before, 'float32')));
    return RELATIVE_TOLERANCE * change + ROUNDING * largest + LEFT_OF_SUMS.change;
  });
}

function isNumeric({ dtype }: tf.Tensor): boolean {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
}

/** The largest finite magnitude. */
function largestOf(x: tf.Tensor): number {
  const magnitudes = tf.abs(tf.cast(x, 'float32'));
  return tf.max(tf.where(tf.isFinite(magnitudes), magnitudes, tf.zerosLike(magnitudes))).dataSync()[0]!;
}
