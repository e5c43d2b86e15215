import { describe, expect, it, vi } from 'vitest';
import { compile, CompileError } from '../../src/compile';
import { maskTokens } from '../../src/data';
import { assertFinite, fed, random, StepCounter, tf } from '../../src/runtime';
import { nativeBackend, typeAttribute } from '../../src/runtime/binding';

const x = () => tf.tensor1d([1, 2]);
const value = (tensor: tf.Tensor): number => tensor.dataSync()[0]!;

/** The message of the error that a call of the compiled step throws; also checks that nothing stays behind. */
function refusal<T extends tf.Tensor[]>(step: (...inputs: T) => unknown, ...inputs: T): string {
  const before = tf.memory().numTensors;
  const compiled = compile(step as (...inputs: tf.Tensor[]) => unknown);
  let message = '';
  try {
    compiled(...inputs);
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError);
    message = (error as CompileError).message;
  }
  expect(tf.memory().numTensors).toBe(before);
  return message;
}

describe('a step that reads values in JavaScript', () => {
  it('is refused, whatever the way of reading', () => {
    const input = x();
    const weight = tf.variable(tf.scalar(1));
    const text = /reads .* in JavaScript \(dataSync, data, array, print .*tf\.where/;
    expect(refusal((a) => a.add(a.add(1).dataSync()[0]!), input)).toMatch(text);
    expect(refusal((a) => ((a.sum().arraySync() as number) > 0 ? a : a.mul(2)), input)).toMatch(
      /the result of Sum/,
    );
    expect(refusal((a) => a.mul(value(weight)), input)).toMatch(/the variable/);
    expect(refusal((a) => a.mul(a.dataSync()[0]!), input)).toMatch(/input 0 of the step/);
    expect(refusal(() => tf.scalar(1).mul(value(fed(() => 2))))).toMatch(/a value of fed\(\)/);
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    expect(refusal((a) => (a.add(1).print(), a), input)).toMatch(text);
    log.mockRestore();
  });

  it('is refused even if it reads into a promise, or catches the error', () => {
    const input = x();
    expect(refusal((a) => (void a.add(1).data(), a.mul(1)), input)).toMatch(/the result of/);
    const swallow = (a: tf.Tensor) => {
      try {
        return a.mul(a.dataSync()[0]!);
      } catch {
        return a.mul(1);
      }
    };
    expect(refusal(swallow, input)).toMatch(/input 0/);
  });

  it('may read what cannot change', () => {
    const table = tf.tensor1d([10, 20]);
    const step = compile((a: tf.Tensor) => a.mul(table.dataSync()[1]!).add(tf.range(0, 3).dataSync()[2]!));
    expect(Array.from(step(x()).dataSync())).toEqual([22, 42]);
  });
});

describe('a step with hidden changes', () => {
  it('may not draw random numbers in JavaScript', () => {
    const input = x();
    const text = /draws random numbers in JavaScript .*random\.normal/;
    expect(refusal((a) => a.add(tf.randomNormal([2])), input)).toMatch(text);
    expect(refusal((a) => tf.dropout(a, 0.5), input)).toMatch(text);
    expect(refusal((a) => a.mul(Math.random()), input)).toMatch(text);
    const layer = tf.layers.dropout({ rate: 0.5 });
    expect(refusal((a) => layer.apply(a, { training: true }), input)).toMatch(text);
  });

  it('leaves Math.random as it was', () => {
    const { random } = Math;
    refusal((a) => a.mul(Math.random()), x());
    expect(Math.random).toBe(random);
    expect(Math.random()).not.toBe(Math.random());
  });

  it('may draw from a seed, which gives the same numbers at each call in eager code too', () => {
    const noise = (a: tf.Tensor) => a.add(tf.randomNormal([2], 0, 1, 'float32', 5));
    expect(Array.from(compile(noise)(x()).dataSync())).toEqual(Array.from(noise(x()).dataSync()));
  });

  it('may not use JavaScript numbers that change', () => {
    let n = 0;
    expect(refusal((a) => a.mul(++n), x())).toMatch(
      /A number of JavaScript changes .* operation Mul as input 1: 1, then 2\. .*fed\(\(\) => …\)/,
    );
    expect(refusal((a) => a.add(tf.tensor1d([++n, 0])), x())).toMatch(/\[3, 0\], then \[4, 0\]/);
    const counter = new StepCounter();
    expect(refusal((a) => a.mul(1 / counter.advance()), x())).toMatch(/input 1: 1, then 0\.5/);
    expect(counter.value).toBe(0);
  });

  it('may not change what it does', () => {
    let n = 0;
    expect(refusal((a) => (++n % 2 ? a.add(1) : a.mul(2)), x())).toMatch(
      /was AddV?2? at one call and Mul at the next/i,
    );
    expect(refusal((a) => (++n % 2 ? a.add(1) : a.add(1).neg()), x())).toMatch(
      /missing at one call and Neg|Neg at one/,
    );
    expect(refusal((a) => a.sum(++n % 2 ? [0] : []), tf.ones([2, 2]))).toMatch(
      /A number of JavaScript|does not do the same/,
    );
    expect(refusal((a) => (++n % 2 ? [a.add(1)] : [a.add(1), a]), x())).toMatch(/returns something else/);
    const [v, w] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))];
    expect(refusal((a) => (++n % 2 ? v : w).assign(tf.sum(a)), x())).toMatch(/assigns other variables/);
    expect(refusal((a) => a.add(++n % 2 ? v : w), x())).toMatch(
      /comes from the variable .* and from the variable/,
    );
    const other = tf.scalar(5);
    expect(refusal((a) => a.add(++n % 2 ? other : tf.scalar(1)), x())).toMatch(
      /made outside of the step.*a constant|a constant.*made/,
    );
    expect(refusal(() => fed(++n % 2 ? () => 1 : () => [1, 2]))).toMatch(/advances counters or calls fed/);
  });

  it('may not use another captured tensor at each call', () => {
    let previous = tf.keep(tf.scalar(0));
    const made: tf.Tensor[] = [previous];
    const step = compile((a: tf.Tensor) => {
      const sum = a.add(previous);
      previous = tf.keep(tf.sum(sum));
      made.push(previous);
      return sum;
    });
    expect(() => step(x())).toThrow(/keeps 1 tensor|another tensor at each call/);
    tf.dispose(made);
  });
});

describe('a step that mishandles tensors', () => {
  it('may not create variables at each call', () => {
    const before = tf.memory().numTensors;
    const step = compile((a: tf.Tensor) =>
      a.mul(tf.variable(tf.scalar(1), true, `v${tf.memory().numTensors}`)),
    );
    expect(() => step(x())).toThrow(/creates a variable at each call .*outside of the step/);
    expect(tf.memory().numTensors).toBeGreaterThan(before);
  });

  it('may not keep or dispose tensors of the outside', () => {
    expect(() => compile((a: tf.Tensor) => tf.keep(a.add(1)).mul(2))(x())).toThrow(
      /keeps 1 tensor\(s\).*Return/,
    );
    const batch = x();
    expect(
      refusal((a) => {
        const result = a.add(1);
        a.dispose();
        return result;
      }, batch),
    ).toMatch(/disposes one of its inputs/);
    expect(batch.isDisposed).toBe(false);
    const weight = tf.variable(tf.scalar(1));
    const step = compile((a: tf.Tensor) => {
      const result = a.add(weight);
      weight.dispose();
      return result;
    });
    expect(() => step(batch)).toThrow(/disposes the variable/);
  });

  it('may not lose a captured tensor later', () => {
    const table = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    const step = compile((rows: tf.Tensor1D) => tf.gather(table, rows));
    const rows = tf.tensor1d([1], 'int32');
    expect(Array.from(step(rows).dataSync())).toEqual([3, 4]);
    table.dispose();
    expect(() => step(rows)).toThrow(/shape \[2, 2\].*operation GatherV2, was disposed after .*Keep it/);
  });

  it('may not lose a variable later', () => {
    const weight = tf.variable(tf.scalar(1), true, 'lost');
    const step = compile((a: tf.Tensor) => a.mul(weight));
    step(x());
    weight.dispose();
    expect(() => step(x())).toThrow(/the variable lost, which was disposed/);
    step.dispose();
  });

  it('may return tensors only', () => {
    expect(() => compile((() => 3) as unknown as () => tf.Tensor)()).toThrow(
      /result of the step is the number 3/,
    );
    expect(() => compile(() => ({ a: [tf.scalar(1), new Date() as unknown as tf.Tensor] }))()).toThrow(
      /result of the step\.a\[1\] is an object of class Date/,
    );
    expect(() =>
      compile((async () => Promise.resolve(tf.scalar(1))) as unknown as () => tf.Tensor)(),
    ).toThrow(/asynchronous/);
  });

  it('may take tensors only', () => {
    const step = compile((a: tf.Tensor) => a.add(1));
    expect(() => step(3 as unknown as tf.Tensor)).toThrow(/\[0\] is the number 3, but only tensors/);
    const disposed = x();
    disposed.dispose();
    expect(() => step(disposed)).toThrow(/Tensor 0 of the inputs is disposed/);
  });
});

describe('operations that a graph cannot hold', () => {
  it('are named, with the remedy', () => {
    expect(refusal((a) => tf.unique(a).values, x())).toMatch(
      /operation UniqueV2\. The shape of its result depends/,
    );
    expect(refusal((a) => tf.multinomial(a, 3, 7), x())).toMatch(/operation Multinomial.*random\.uniform/);
    const exponential = (a: tf.Tensor) =>
      nativeBackend().executeSingleOutput('MatrixExponential', [typeAttribute('T', 'float32')], [a]);
    expect(refusal(exponential, tf.eye(2) as unknown as tf.Tensor)).toMatch(
      /MatrixExponential\. It is not in the table/,
    );
    expect(refusal(() => tf.tile(tf.tensor(['a']), [2]))).toMatch(/tensor of strings/);
  });
});

describe('calls that go wrong', () => {
  it('refuses to be differentiated', () => {
    const step = compile((a: tf.Tensor) => tf.sum(tf.square(a)).asScalar());
    expect(() => tf.grad((a) => step(a))(x())).toThrow(/inside of tf\.grad/);
    expect(value(step(x()))).toBe(5);
  });

  it('gives the errors of TensorFlow.js for shapes that do not fit', () => {
    const weight = tf.variable(tf.ones([3, 2]));
    const step = compile((a: tf.Tensor2D) => tf.matMul(a, weight as tf.Tensor2D));
    expect(step(tf.ones([4, 3])).shape).toEqual([4, 2]);
    expect(() => step(tf.ones([4, 5]))).toThrow(
      /Matrix size-incompatible: In\[0\]: \[4,5\], In\[1\]: \[3,2\]/,
    );
    expect(step(tf.ones([1, 3])).shape).toEqual([1, 2]);
  });

  it.each([false, undefined])('leaves variables, counters and tensors as they were (xla: %s)', (xla) => {
    const counter = new StepCounter();
    const total = tf.variable(tf.scalar(0));
    const table = tf.variable(tf.tensor1d([1, 2, 3]));
    const step = compile(
      (row: tf.Tensor1D) => {
        counter.advance();
        total.assign(total.add(1));
        const picked = tf.gather(table, row).sum();
        table.assign(table.mul(2));
        return picked.mul(fed(() => counter.value));
      },
      { xla },
    );
    const row = (i: number) => tf.tensor1d([i], 'int32');
    const good = row(1);
    const bad = row(3);
    expect(value(step(good))).toBe(2);
    const tensors = tf.memory().numTensors;
    expect(() => step(bad)).toThrow(
      /Input 0 of the step holds the index 3, but GatherV2 .* axis of 3 .* 0 and 2/,
    );
    expect(tf.memory().numTensors).toBe(tensors);
    expect(counter.value).toBe(1);
    expect(value(total)).toBe(1);
    expect(value(step(good))).toBe(8);
    expect(Array.from(table.dataSync())).toEqual([4, 8, 12]);
    expect(() => step.loop(tf.tensor2d([[0], [7]], [2, 1], 'int32'))).toThrow(/index 7/);
    expect(value(total)).toBe(2);
    expect(counter.value).toBe(2);
  });

  it('leaves variables as they were when the graph fails', () => {
    const total = tf.variable(tf.scalar(0));
    const counter = new StepCounter();
    const step = compile((a: tf.Tensor) => {
      counter.advance();
      total.assign(total.add(1));
      const checked = assertFinite(tf.log(a), 'the logarithm');
      return checked.add(fed(() => counter.value));
    });
    expect(value(step(tf.scalar(1)))).toBe(1);
    expect(step.info.withoutXla).toMatch(/CheckNumerics/);
    expect(() => step(tf.scalar(-1))).toThrow(/The compiled step failed: the logarithm : Tensor had NaN/);
    expect([value(total), counter.value]).toEqual([1, 1]);
    expect(() => step.loop(tf.tensor1d([1, 1, -1, 1]))).toThrow(/NaN/);
    expect([value(total), counter.value]).toEqual([1, 1]);
    expect(value(step(tf.scalar(1)))).toBe(2);
  });

  it('names a value of fed() whose length changes', () => {
    let values = [1, 2];
    const step = compile(() => fed(() => values));
    expect(Array.from(step().dataSync())).toEqual([1, 2]);
    values = [1, 2, 3];
    expect(() => step()).toThrow(/was an array of 2 numbers when .* now an array of 3/);
    values = [5, 6];
    expect(Array.from(step().dataSync())).toEqual([5, 6]);
  });
});

describe('indices that XLA would not check', () => {
  it('are computed without XLA, and refused with it', () => {
    const table = tf.tensor1d([1, 2, 3]);
    const pick = (a: tf.Tensor) => tf.gather(table, tf.cast(tf.round(tf.mul(a, 2)), 'int32'));
    const step = compile(pick);
    expect(Array.from(step(tf.tensor1d([0.1, 1])).dataSync())).toEqual([1, 3]);
    expect(step.info.kernels).toBe('TensorFlow');
    expect(() => step(tf.tensor1d([0.1, 2]))).toThrow(/indices\[1\] = 4 is not in \[0, 3\)/);
    expect(() => compile(pick, { xla: true })(tf.tensor1d([0.1, 1]))).toThrow(
      /XLA cannot compile .*GatherV2/,
    );
  });

  it('are followed through a gather of stored indices', () => {
    const rows = tf.tensor1d([2, 0], 'int32');
    const table = tf.tensor1d([1, 2, 3]);
    const step = compile((i: tf.Tensor1D) => tf.gather(table, tf.gather(rows, i)));
    expect(Array.from(step(tf.tensor1d([0, 1, 0], 'int32')).dataSync())).toEqual([3, 1, 3]);
    expect(step.info.kernels).toBe('XLA');
    expect(() => step(tf.tensor1d([0, 1, 2], 'int32'))).toThrow(/index 2, .* axis of 2/);
  });

  it('are followed through masking, where some are replaced by a constant or a random number', () => {
    const [stream, table] = [random(1), tf.range(0, 8)];
    const mask = (tokens: tf.Tensor) => maskTokens(tokens, { random: stream, maskId: 7, vocabulary: 7 });
    const step = compile((tokens: tf.Tensor) => tf.gather(table, mask(tokens).inputs as tf.Tensor1D));
    const seen = step(tf.tensor1d([0, 1, 6], 'int32'));
    expect(step.info.kernels).toBe('XLA');
    expect(Array.from(seen.dataSync()).every((id) => id >= 0 && id <= 7)).toBe(true);
    const beyond = (tokens: tf.Tensor) => tf.where(tf.greater(tokens, 5), tf.fill([3], 8, 'int32'), tokens);
    const wrong = compile((tokens: tf.Tensor) => tf.gather(table, beyond(tokens) as tf.Tensor1D));
    tf.dispose(wrong(tf.tensor1d([0, 1, 5], 'int32')));
    expect(wrong.info.withoutXla).toMatch(/GatherV2 uses computed indices/);
  });
});

describe('many shapes', () => {
  it('are traced once each, with a warning and a limit', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const step = compile((a: tf.Tensor) => a.add(1), { xla: false, maxTraces: 7 });
    for (let size = 1; size <= 5; size++) step(tf.zeros([size]));
    step(tf.zeros([3]));
    expect(step.info.traces).toBe(5);
    expect(warn).not.toHaveBeenCalled();
    step(tf.zeros([6]));
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]![0]).toMatch(/6th combination .*float32\[6\].* pad/);
    step(tf.zeros([7]));
    expect(() => step(tf.zeros([8]))).toThrow(/traced for 7 combinations .*float32\[8\].*maxTraces/);
    expect(step(tf.zeros([2])).shape).toEqual([2]);
    warn.mockRestore();
  });
});
