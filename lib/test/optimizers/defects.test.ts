/** Defects that public implementations of these optimizers have, each kept out by a test. */
import { afterEach, describe, expect, it } from 'vitest';
import { adaFactor, adam, adamW, adaX, amos, lamb, lion, stateBytes, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { expectClose, stateOf, step, values, variable, type AnyOptimizer } from './support';

afterEach(() => tf.disposeVariables());

const first = (
  optimizer: AnyOptimizer,
  start: number[],
  gradient: number[],
  name = 'x',
  shape = [start.length],
): number[] => {
  const x = variable(name, shape, start);
  step(optimizer, [[x, gradient]]);
  const result = Array.from(values(x));
  x.dispose();
  return result;
};

describe('not here:', () => {
  it('ε added to the parameter instead of the denominator', () => {
    expect(first(adam({ epsilon: 0.5 }), [1], [0])).toEqual([1]);
    // u = 1/(1 + 0.5)
    expectClose(first(adam({ epsilon: 0.5, learningRate: 0.3 }), [1], [1]), [0.8]);
  });

  it('a second moment of full size beside the factored one', async () => {
    const optimizer = adaFactor();
    const x = variable('x', [128, 130], new Float32Array(128 * 130).fill(1));
    const before = tf.memory().numBytes;
    step(optimizer, [[x, new Float32Array(128 * 130).fill(1)]]);
    expect(tf.memory().numBytes - before).toBe(4 * (128 + 130));
    expect(Object.keys(await stateOf(optimizer))).toEqual([
      'iter',
      'x/rowSecondMoment',
      'x/columnSecondMoment',
    ]);
  });

  it('an axis index compared with the least size to factor', () => {
    const factored = (shape: number[]) => 'rowSecondMoment' in adaFactor().slotsFor({ name: 'x', shape });
    expect(
      [
        [128, 128],
        [127, 128],
        [2, 500],
        [500, 2],
        [2, 200, 200],
      ].map(factored),
    ).toEqual([true, false, false, false, true]);
  });

  it('a sum where a mean is meant', async () => {
    const optimizer = adaFactor({ minDimensionSizeToFactor: 1 });
    const x = variable('x', [2, 5], new Float32Array(10).fill(1));
    step(optimizer, [[x, new Float32Array(10).fill(3)]]);
    expectClose((await stateOf(optimizer))['x/rowSecondMoment'] ?? [], [9, 9]);
    const other = amos({ beta: 0 });
    const y = variable('y', [2, 5], new Float32Array(10).fill(1));
    step(other, [[y, new Float32Array(10).fill(3)]]);
    expectClose((await stateOf(other))['y/secondMoment'] ?? [], [9, 9, 9, 9, 9]);
  });

  it('Tiger as sign momentum with one learning rate for all', () => {
    const optimizer = tiger({ learningRate: 0.1, weightDecay: 0 });
    expectClose(first(optimizer, [3, 4], [1, 1], 'kernel'), [
      3 - 0.1 * Math.sqrt(12.5),
      4 - 0.1 * Math.sqrt(12.5),
    ]);
    expectClose(first(optimizer, [3, 4], [1, 1], 'bias'), [2.95, 3.95]);
    expectClose(first(optimizer, [3, 4], [1, 1], 'embeddings', [2, 1]), [2.7, 3.6]);
  });

  it('the normaliser of AdaX in float32, and a second moment that overflows', () => {
    const { oneMinusBeta2 } = adaX().hyperparameters(1);
    expect(Math.abs(oneMinusBeta2 - 1)).toBeLessThan(1e-12);
    const late = adaX().hyperparameters(10_000_000);
    expect(late.beta2).toBe(1);
    expect(Number.isFinite(late.oneMinusBeta2)).toBe(true);
  });

  it('Amos with a scale that the rank decides', () => {
    const optimizer = (options = {}) => amos({ learningRate: 1, ...options });
    const move = (of: AnyOptimizer, shape: number[]): number =>
      -(first(
        of,
        new Array<number>(shape[0] as number).fill(0),
        new Array<number>(shape[0] as number).fill(1),
        'kernel',
        shape,
      )[0] as number);
    expect(move(optimizer(), [4, 1])).toBeCloseTo(0.5, 3);
    expect(move(optimizer(), [16, 1])).toBeCloseTo(0.25, 3);
    expect(move(optimizer({ scale: 3 }), [16, 1])).toBeCloseTo(3, 3);
  });

  it('a momentum of updates that are already scaled by the learning rate', () => {
    // After a step at rate 1 with û = 1, a rate of 0 must stop the parameter at once.
    const learningRate = (t: number): number => (t === 1 ? 1 : 0);
    const optimizer = adaFactor({ learningRate, beta1: 0.9, scaleByParameter: false });
    const x = variable('x', [1], [0]);
    step(optimizer, [[x, [1]]]);
    const before = values(x)[0];
    step(optimizer, [[x, [1]]]);
    expect(values(x)[0]).toBe(before);
  });

  it('decay that is not multiplied by the learning rate', () => {
    for (const make of [adamW, lion, adaX, lamb, tiger, adaFactor] as ((options: object) => AnyOptimizer)[]) {
      expect(first(make({ learningRate: 0, weightDecay: 0.5 }), [2], [1])).toEqual([2]);
    }
    expectClose(first(adamW({ learningRate: 0.1, weightDecay: 0.5 }), [2], [0]), [1.9]);
  });

  it('factors of the last two dimensions instead of the two largest', () => {
    const slots = adaFactor().slotsFor({ name: 'x', shape: [200, 200, 3] });
    expect(stateBytes(adaFactor(), [[200, 200, 3]])).toBe(4 * 2 * 600);
    expect(slots.rowSecondMoment?.shape).toEqual([200, 3]);
  });

  it('slots by position, so that a step on another list uses foreign moments', async () => {
    const optimizer = adam({ learningRate: 0.1 });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    step(optimizer, [[x, [1]]]);
    step(optimizer, [[y, [1]]]);
    step(optimizer, [
      [y, [1]],
      [x, [1]],
    ]);
    const state = await stateOf(optimizer);
    expectClose([...(state['x/firstMoment'] ?? []), ...(state['y/firstMoment'] ?? [])], [0.19, 0.19]);
  });

  it('a bias correction that is missing in one of two places', () => {
    for (const make of [adam, lamb]) {
      const { biasCorrection1, biasCorrection2 } = make().hyperparameters(2);
      expect([biasCorrection1, biasCorrection2].map((value) => Number(value.toFixed(9)))).toEqual([
        0.19, 0.001999,
      ]);
    }
    // Whatever the betas: the first update of Adam is the sign.
    expectClose(first(adam({ beta1: 0.5, beta2: 0.99, learningRate: 0.1, epsilon: 0 }), [0], [7]), [-0.1]);
    expectClose(first(adam({ beta1: 0.99, beta2: 0.5, learningRate: 0.1, epsilon: 0 }), [0], [7]), [-0.1]);
  });

  it('Lion that rejects β₁ = 0', () => {
    expectClose(first(lion({ beta1: 0, learningRate: 0.5 }), [0], [3]), [-0.5]);
  });

  it('tensors of zeros that never move under a rate of their own root mean square', () => {
    expect(first(adaFactor({ learningRate: 0.1 }), [0], [1])[0]).toBeLessThan(0);
    expect(first(lamb({ learningRate: 0.1 }), [0], [1])[0]).toBeLessThan(0);
    expect(first(tiger({ learningRate: 0.1, rmsFloor: 1e-3 }), [0], [1])[0]).toBeLessThan(0);
  });
});
