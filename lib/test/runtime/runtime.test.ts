import { afterEach, describe, expect, it } from 'vitest';
import { describeRuntime, fed, leftBehind, memoryUse, StepCounter, tf } from '../../src/runtime';
import { dependsOn, observeHost } from '../../src/runtime/fed';
import { valuesOf } from '../../src/runtime/memory';

afterEach(() => tf.disposeVariables());

describe('describeRuntime', () => {
  it('names the TensorFlow that computes and the device', () => {
    const { tensorflow, device, node, cores } = describeRuntime();
    expect(tensorflow).toBe('2.21.0');
    expect(device).toBe(
      (tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice ? 'GPU' : 'CPU',
    );
    expect(node).toBe(process.version);
    expect(cores).toBeGreaterThan(0);
  });
});

describe('memory accounting', () => {
  it('counts tensors and bytes that an action leaves behind', () => {
    let kept: tf.Tensor | undefined;
    expect(leftBehind(() => (kept = tf.zeros([10])))).toEqual({ tensors: 1, tensorBytes: 40 });
    kept?.dispose();
    expect(leftBehind(() => tf.tidy(() => tf.zeros([10]).dataSync()))).toEqual({
      tensors: 0,
      tensorBytes: 0,
    });
    expect(memoryUse().processBytes).toBeGreaterThan(1e7);
  });

  it('gives the values of a tensor and frees it, after an error, too', () => {
    let values: Float32Array | undefined;
    expect(leftBehind(() => (values = valuesOf(() => tf.add(tf.tensor1d([1, 2]), 0.5)))).tensors).toBe(0);
    expect(values).toEqual(Float32Array.of(1.5, 2.5));
    const failing = () =>
      valuesOf(() => {
        tf.ones([3]);
        throw new Error('no values');
      });
    expect(leftBehind(() => expect(failing).toThrow('no values')).tensors).toBe(0);
  });
});

describe('fed', () => {
  it('gives the value of now, as a scalar or a vector', () => {
    const step = new StepCounter();
    const produce = () => step.value / 2;
    expect(fed(produce).dataSync()[0]).toBe(0);
    step.advance();
    expect(fed(produce).dataSync()[0]).toBe(0.5);
    const vector = fed(() => [3, -4], 'int32');
    expect([vector.dtype, ...vector.dataSync()]).toEqual(['int32', 3, -4]);
  });

  it('lets an observer see counters and values in their order, and no longer than its action', () => {
    const step = new StepCounter();
    const events: string[] = [];
    const stand = tf.scalar(42);
    const result = observeHost(
      {
        advanced: (counter, before) => events.push(`advanced ${before} to ${counter.value}`),
        set: (what) => events.push(`set ${what}`),
        depends: (read) => events.push(`depends on ${read()}`),
        fed: (produce, dtype) => {
          events.push(`fed ${String(produce())} ${dtype}`);
          return stand;
        },
      },
      () => {
        step.advance();
        step.value = 1;
        dependsOn(() => 'state');
        return fed(() => step.value * 10);
      },
    );
    expect(result).toBe(stand);
    fed(() => step.advance());
    expect(events).toEqual([
      'advanced 0 to 1',
      expect.stringMatching(/^set the value of a counter/),
      'depends on state',
      'fed 10 float32',
    ]);
  });
});
