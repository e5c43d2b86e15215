import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { operationNames, rowOf } from '../../src/compile/ir/operations';
import { assertFinite, random, tf } from '../../src/runtime';
import { nativeBackend, typeAttribute } from '../../src/runtime/binding';

const limits = [
  NaN,
  1,
  -2,
  3,
  Infinity,
  -Infinity,
  0,
  -0,
  0.5,
  -0.5,
  1e38,
  -1e38,
  2 ** 31,
  -(2 ** 31),
  7.5,
  6,
];
const integers = [0, 1, -1, 2, -2, 7, -7, 2 ** 31 - 1, -(2 ** 31) + 1, 100];

/** All pairs of some values, and a third one with each, as matrices. */
function combinations(values: readonly number[], dtype: 'float32' | 'int32'): tf.Tensor2D[] {
  const n = values.length;
  const matrix = (pick: (i: number, j: number) => number): tf.Tensor2D =>
    tf.tensor2d(
      Array.from({ length: n * n }, (_, k) => values[pick(Math.floor(k / n), k % n) % n]!),
      [n, n],
      dtype,
    );
  return [matrix((_, j) => j), matrix((i) => i), matrix((i, j) => 3 * i + 5 * j)];
}

type Step = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

const valuesOf = (result: tf.Tensor | tf.Tensor[]): number[] =>
  [result].flat().flatMap((tensor) => Array.from(tensor.dataSync()));

/** Where two lists of numbers differ, by more than the rounding of a function. */
function differences(actual: readonly number[], expected: readonly number[]): string[] {
  return expected.flatMap((value, i) => {
    const other = actual[i]!;
    const areClose = Math.abs(value - other) <= 1e-5 * Math.max(1, Math.abs(value));
    return Object.is(value, other) || value === other || areClose ? [] : [`${i}: ${value}, not ${other}`];
  });
}

/** The results of a step that differ from those of eager code, without XLA and with what the step gets by default. */
function deviations(step: Step, inputs: readonly tf.Tensor[], isXlaWanted = false): Record<string, string[]> {
  const expected = valuesOf(step(...inputs));
  const found: Record<string, string[]> = {};
  for (const xla of [false, undefined, ...(isXlaWanted ? [true] : [])]) {
    const compiled = compile(step, { xla });
    const deviating = differences(valuesOf(compiled(...inputs)), expected);
    if (deviating.length > 0) found[`${compiled.info.kernels}, xla ${xla}`] = deviating;
    compiled.dispose();
  }
  return found;
}

/** Operations of the table whose inputs are up to three tensors of one type, by name, as steps. */
function uniform(
  dtype: 'float32' | 'int32',
  inputs: readonly tf.Tensor[],
): Map<string, { step: Step; count: number }> {
  const found = new Map<string, { step: Step; count: number }>();
  for (const name of operationNames()) {
    const row = rowOf(name);
    if (!row) continue;
    const { inputs: accepted, outputs } = row.signature;
    const count = accepted.length;
    const takesOneType = accepted.every(({ type, count: list }) => type === 'T' && list === undefined);
    if (count < 1 || count > 3 || !takesOneType) continue;
    const step: Step = (...given) =>
      nativeBackend().executeMultipleOutputs(name, [typeAttribute('T', dtype)], given, outputs.length);
    try {
      tf.tidy(() => void step(...inputs.slice(0, count)));
      found.set(name, { step, count });
    } catch {
      // It wants attributes, another shape or another type, or refuses some of these values.
    }
  }
  return found;
}

describe.each([
  ['floating-point numbers, NaN and infinities among them', 'float32', limits, 75],
  ['integers', 'int32', integers, 25],
] as const)('operations on elements: %s', (_, dtype, values, least) => {
  const inputs = combinations(values, dtype);
  const steps = uniform(dtype, inputs);

  it('are many', () => {
    expect(steps.size).toBeGreaterThan(least);
  });

  it('have the values of eager code compiled', { timeout: 300_000 }, () => {
    const wrong = new Map<string, unknown>();
    for (const [name, { step, count }] of steps) {
      const found = tf.tidy(() => deviations(step, inputs.slice(0, count)));
      if (Object.keys(found).length > 0) wrong.set(name, found);
    }
    expect(Object.fromEntries(wrong)).toEqual({});
  });
});
