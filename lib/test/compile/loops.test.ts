/** Loops of any length give what as many single calls give; what is no length is refused. */
import { afterEach, describe, expect, it } from 'vitest';
import { compile, CompileError } from '../../src/compile';
import { fed, random, StepCounter, tf } from '../../src/runtime';
import { compileOn, paths, values, variable } from './paths';

afterEach(() => tf.disposeVariables());

/** State, counters, fed values, random numbers and results of several types. */
function build() {
  const state = variable([0, 0]);
  const counter = new StepCounter();
  const stream = random(5);
  const step = (x: tf.Tensor, y: tf.Tensor) => {
    counter.advance();
    const half = fed(() => counter.value * 0.5);
    const both = fed(() => [counter.value, -counter.value], 'int32');
    state.assign(tf.add(tf.mul(state, 0.5), tf.add(x, half)));
    return [
      state.clone(),
      tf.greater(x, 0),
      tf.add(y, both),
      tf.zeros([0, 2]),
      stream.uniform([2]),
      tf.sum(x),
    ];
  };
  return { state, counter, stream, step: step };
}

describe.each(paths)('loops of many lengths (%s)', (path) => {
  it('give what single calls give', () => {
    const [single, looped] = [build(), build()];
    const [one, many] = [compileOn(path, single.step), compileOn(path, looped.step)];
    let t = 0;
    for (const length of [3, 1, 5, 2, 3, 7, 4, 6, 1, 9, 2, 13, 8, 3]) {
      const x = tf.tensor2d(Array.from({ length }, (_, i) => [Math.sin(t + i), Math.cos(t + i)]));
      const y = tf.tensor2d(
        Array.from({ length }, (_, i) => [t + i, i]),
        [length, 2],
        'int32',
      );
      t += length;
      const results = many.loop([x, y]);
      const rows = tf.unstack(x).map((row, i) => one.call(row, tf.unstack(y)[i]!));
      results.forEach((result, k) => {
        const wanted = tf.stack(rows.map((row) => row[k]!));
        expect([result.dtype, result.shape]).toEqual([wanted.dtype, wanted.shape]);
        values(result).forEach((value, i) => expect(value).toBeCloseTo(values(wanted)[i]!, 5));
      });
    }
    values(looped.state).forEach((value, i) => expect(value).toBeCloseTo(values(single.state)[i]!, 5));
    expect([looped.counter.value, looped.stream.counter.value]).toEqual([
      single.counter.value,
      single.stream.counter.value,
    ]);
  });

  it('take 20,000 steps', () => {
    const total = variable([0]);
    const step = compileOn(path, (x) => {
      total.assign(tf.add(total, x));
      return total.clone();
    });
    const [sums] = step.loop([tf.ones([20_000, 1])]);
    expect(values(sums!).at(-1)).toBe(20_000);
    expect(values(total)).toEqual([20_000]);
  });

  it('take rows without elements', () => {
    const step = compileOn(path, (x) => [tf.add(x, 1), tf.sum(x)]);
    const results = step.loop([tf.zeros([2, 0])]);
    expect(results.map(({ shape }) => shape)).toEqual([[2, 0], [2]]);
    expect(values(results[1]!)).toEqual([0, 0]);
  });
});

describe('what is no loop', () => {
  const counting = () => {
    const count = variable(0);
    const step = compile(() => count.assign(tf.add(count, 1)));
    return { count, step };
  };
  it.each([0, -1, 2.5, NaN, Infinity, 2 ** 31])('is refused, and takes no step: loop(%d)', (steps) => {
    const { count, step } = counting();
    expect(() => step.loop(steps)).toThrow(CompileError);
    step();
    expect(() => step.loop(steps)).toThrow(CompileError);
    expect(values(count)).toEqual([1]);
  });

  it('is refused: inputs without rows, of different numbers of rows, or none where there should be some', () => {
    const step = compile((x: tf.Tensor) => tf.add(x, 1));
    const { loop } = step as unknown as { loop: (this: void, ...inputs: unknown[]) => unknown };
    expect(() => loop(tf.zeros([0, 2]))).toThrow(CompileError);
    expect(() => loop(tf.scalar(1))).toThrow(CompileError);
    expect(() => loop()).toThrow(CompileError);
    expect(() => loop(3)).toThrow();
    expect(() => (step as unknown as () => void)()).toThrow();
    const two = compile((x: tf.Tensor, y: tf.Tensor) => tf.add(x, y));
    expect(() => two.loop(tf.zeros([2, 2]), tf.zeros([3, 2]))).toThrow(CompileError);
  });

  it('is refused: numbers and more inputs', () => {
    const { count, step } = counting();
    const { loop } = step as unknown as { loop: (this: void, ...inputs: unknown[]) => unknown };
    expect(() => loop(2, tf.ones([2]))).toThrow();
    expect(() => loop('2')).toThrow();
    expect(values(count)).toEqual([0]);
  });
});
