/** Compiled steps are compared with their functions now and then. */
import { describe, expect, it, vi } from 'vitest';
import { compile } from '../../src/compile';
import { fed, random, StepCounter, tf } from '../../src/runtime';
import { nativeBackend, typeAttribute, type TensorMetadata } from '../../src/runtime/binding';
import { bindingWith } from '../../src/runtime/bindingWith';

const value = (x: tf.Tensor): number => x.dataSync()[0]!;
const one = tf.scalar(1);

describe.each([false, true])('what JavaScript changes after tracing (XLA: %s)', (xla) => {
  it('is found at one of the first calls, and names the operation and both values', () => {
    let weight = 0;
    const step = compile((x: tf.Tensor) => tf.mul(x, weight), { xla });
    expect([value(step(one)), value(step(one))]).toEqual([0, 0]);
    weight = 1;
    expect(() => step(one)).toThrow(/not what it was.*found at call 3.*operation Mul as input 1: 0, then 1/s);
    step.dispose();
    expect(value(step(one))).toBe(1);
    step.dispose();
  });

  it('is found later at the eighth call, the sixteenth …', () => {
    let calls = 0;
    const step = compile((x: tf.Tensor) => tf.mul(x, calls < 6 ? 0 : 1), { xla });
    const call = (): number => {
      calls += 1;
      return value(step(one));
    };
    expect(Array.from({ length: 7 }, call)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(call).toThrow(/found at call 8/);
    step.dispose();
  });

  it('is found in loops', () => {
    let weight = 2;
    const step = compile((x: tf.Tensor) => tf.mul(x, weight), { xla });
    const x = tf.tensor1d([1, 2, 3]);
    expect(Array.from(step.loop(x).dataSync())).toEqual([2, 4, 6]);
    weight = 3;
    expect(() => step.loop(x)).toThrow(/: 2, then 3/);
    step.dispose();
  });

  it('leaves variables, counters and memory as they were when it is found', () => {
    let weight = 1;
    const total = tf.variable(tf.scalar(0));
    const counter = new StepCounter();
    const step = compile(
      (x: tf.Tensor) => {
        counter.advance();
        total.assign(tf.add(total, tf.mul(x, weight)));
        return tf.mul(
          total,
          fed(() => counter.value),
        );
      },
      { xla },
    );
    expect(value(step(one))).toBe(1);
    const { numTensors } = tf.memory();
    weight = 2;
    expect(() => step(one)).toThrow(/: 1, then 2/);
    expect([value(total), counter.value, tf.memory().numTensors]).toEqual([1, 1, numTensors]);
    weight = 1;
    expect(value(step(one))).toBe(4);
    step.dispose();
  });
});

describe.each([false, true])('a step without an effect (XLA: %s)', (xla) => {
  it('runs, and returns nothing', () => {
    const step = compile((x: tf.Tensor) => void tf.mul(x, 2), { xla });
    expect(step(one)).toBeUndefined();
    expect(step.loop(tf.tensor1d([1, 2]))).toBeUndefined();
    step.dispose();
  });
});

describe('the option verify', () => {
  function calls(verify: boolean | 'always', count: number): number {
    let runs = 0;
    const step = compile(
      (x: tf.Tensor) => {
        runs += 1;
        return tf.mul(x, 2);
      },
      { xla: false, verify },
    );
    for (let i = 0; i < count; i++) step(one).dispose();
    step.dispose();
    return runs;
  }

  it('runs the function at every call, at none, or at few', () => {
    expect(calls('always', 40)).toBe(2 + 40);
    expect(calls(false, 40)).toBe(2);
    // Calls 1 to 4, 8, 16 and 32, as far as they cost less than compiling.
    expect(calls(true, 40)).toBeGreaterThan(2);
    expect(calls(true, 40)).toBeLessThanOrEqual(2 + 7);
  });

  it('draws the same random numbers whether it is on or not, and leaves nothing behind', () => {
    const draws = (verify: boolean | 'always'): number[] => {
      const noise = random(7);
      const step = compile((x: tf.Tensor) => tf.mul(x, noise.uniform([])), { xla: false, verify });
      const values = Array.from({ length: 5 }, () => tf.tidy(() => value(step(one))));
      step.dispose();
      return values;
    };
    const { numTensors } = tf.memory();
    expect(draws('always')).toEqual(draws(false));
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('a step that computes something else than its function', () => {
  it('throws, names the result and its operation, and takes the step back', () => {
    const backend = nativeBackend();
    const { binding } = backend;
    const total = tf.variable(tf.scalar(0));
    const step = compile((x: tf.Tensor) => {
      total.assign(tf.add(total, x));
      return tf.exp(x);
    });
    vi.stubEnv('LIANDAN_XLA', 'session');
    try {
      backend.binding = bindingWith(binding, {
        runSavedModel: (session, inputs, feeds, fetches) => {
          const outputs = binding.runSavedModel(session, inputs, feeds, fetches);
          if (!fetches.startsWith('once')) return outputs;
          const two = binding.createTensor([], 1, Float32Array.of(2));
          return outputs.map(
            ({ id }) => binding.executeOp('Mul', [typeAttribute('T', 'float32')], [id, two], 1)[0]!,
          );
        },
      });
      expect(() => step(one)).toThrow(/output 0, the result of Exp, is 5\.43\d* and should be 2\.71\d*/);
    } finally {
      backend.binding = binding;
      vi.unstubAllEnvs();
    }
    expect(value(total)).toBe(0);
    step.dispose();
  });

  /** Runs a step on a session that gives its first output with one element replaced. */
  function withWrongElement(position: number, value: number, run: () => void): void {
    const backend = nativeBackend();
    const { binding } = backend;
    vi.stubEnv('LIANDAN_XLA', 'session');
    backend.binding = bindingWith(binding, {
      runSavedModel: (session, inputs, feeds, fetches) => {
        const outputs = binding.runSavedModel(session, inputs, feeds, fetches);
        if (!fetches.startsWith('once')) return outputs;
        const [{ id, shape, dtype }, ...others] = outputs as [TensorMetadata, ...TensorMetadata[]];
        const values = Float32Array.from(binding.tensorDataSync(id));
        values[position] = value;
        return [{ id: binding.createTensor(shape, dtype, values), shape, dtype }, ...others];
      },
    });
    try {
      run();
    } finally {
      backend.binding = binding;
      vi.unstubAllEnvs();
    }
  }

  it('throws for one sign of many, though others are all rounding', () => {
    const noise = random(5).normal([64]);
    // Sums that cancel but for rounding have any sign; those of the numbers themselves have one.
    const signs = (x: tf.Tensor) => {
      const rounding = tf.sub(
        tf.sum(tf.outerProduct(noise as tf.Tensor1D, x as tf.Tensor1D), 0),
        tf.mul(tf.sum(noise), x),
      );
      return tf.sign(tf.concat([rounding, x]));
    };
    const x = random(6).normal([32]);
    const wrong = compile(signs, { xla: false });
    const right = tf.tidy(() => signs(x).dataSync());
    const message = new RegExp(
      `output 0, the result of Sign, is ${-right[40]!} at \\[40\\] and should be ${right[40]} \\(1 of 64 elements differ\\)`,
    );
    withWrongElement(40, -right[40]!, () => expect(() => wrong(x)).toThrow(message));
    wrong.dispose();
    const step = compile(signs, { verify: 'always' });
    for (let i = 0; i < 4; i++) step(x).dispose();
    step.dispose();
  });

  it('throws for what hangs on whole numbers, which no rounding changes', () => {
    const counted = (x: tf.Tensor) => tf.where(tf.equal(tf.sum(tf.onesLike(x)), 8), x, tf.neg(x));
    const x = tf.range(1, 9);
    const step = compile(counted, { xla: false });
    withWrongElement(2, -3, () => expect(() => step(x)).toThrow(/is -3 at \[2\] and should be 3 \(1 of 8/));
    step.dispose();
  });

  it('does not throw for signs of sums that cancel', () => {
    const step = compile((x: tf.Tensor) => tf.sign(tf.sum(x, 0)), { verify: 'always' });
    for (let i = 0; i < 6; i++) {
      const half = random(i).normal([500, 40]);
      step(tf.concat([half, tf.neg(tf.reverse(half, 0)), tf.fill([1, 40], 1e-7)])).dispose();
    }
    step.dispose();
  });

  it('does not throw where a probability is 1 but for rounding', () => {
    const labels = tf.oneHot(tf.range(0, 512, 1, 'int32').mod(tf.scalar(4, 'int32')), 4);
    const step = compile((logits: tf.Tensor2D) => tf.sign(tf.sub(tf.softmax(logits), labels)), {
      verify: 'always',
    });
    const confident = (spread: number) =>
      tf.tidy(() =>
        tf.add<tf.Tensor2D>(tf.mul(labels, 15), random(spread).normal([512, 4], { standardDeviation: 2 })),
      );
    for (let i = 0; i < 10; i++) step(confident(i)).dispose();
    step.dispose();
  });

  it('does not throw for results that are all rounding', () => {
    const x = random(3).normal([1000]);
    const signs = tf.variable(tf.scalar(0));
    // The sum over all elements less that over all elements in another order is 0 but for rounding.
    const step = compile((a: tf.Tensor) => {
      const rounding = tf.sub(tf.sum(a), tf.sum(tf.mul(tf.reverse(tf.sub(a, 1e-3)), 1)));
      signs.assign(tf.sign(tf.sub(rounding, 1)) as tf.Scalar);
      return rounding;
    });
    for (let i = 0; i < 4; i++) step(x);
    step.dispose();
  });
});
