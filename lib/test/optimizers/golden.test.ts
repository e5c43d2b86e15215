/** Values derived by hand, the arithmetic in comments. */
import { afterEach, describe, expect, it } from 'vitest';
import { adam, adamW, sgd, signum } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { expectClose, stateOf, step, values, variable, type AnyOptimizer } from './support';

afterEach(() => tf.disposeVariables());

/** θ after each of these gradients, from θ₀ = 1. */
function path(optimizer: AnyOptimizer, gradients: readonly number[]): number[] {
  const x = variable('x', [1], [1]);
  return gradients.map((gradient) => {
    step(optimizer, [[x, [gradient]]]);
    return values(x)[0] as number;
  });
}

describe('SGD', () => {
  it('takes η times the gradient', () => {
    // 1 − 0.1·2 = 0.8; 0.8 − 0.1·(−1) = 0.9
    expectClose(path(sgd({ learningRate: 0.1 }), [2, -1]), [0.8, 0.9]);
  });

  it('sums gradients in the velocity, not steps', () => {
    // v = 2, 0.5·2 − 1 = 0, 0.5·0 + 1 = 1; η = 0.1, 0.1, then 0.01 acts on all of v
    const learningRate = (count: number): number => (count < 3 ? 0.1 : 0.01);
    // 1 − 0.2 = 0.8; 0.8 − 0 = 0.8; 0.8 − 0.01·1 = 0.79
    expectClose(path(sgd({ learningRate, momentum: 0.5 }), [2, -1, 1]), [0.8, 0.8, 0.79]);
  });

  it('looks ahead with Nesterov', () => {
    // v = 2: u = 2 + 0.5·2 = 3, θ = 0.7; v = 0.5·2 − 1 = 0: u = −1 + 0 = −1, θ = 0.8
    expectClose(path(sgd({ learningRate: 0.1, momentum: 0.5, nesterov: true }), [2, -1]), [0.7, 0.8]);
  });

  it('decays by ηλθ outside of the velocity', async () => {
    const optimizer = sgd({ learningRate: 0.1, momentum: 0.5, weightDecay: 0.5 });
    // 1 − 0.1(2 + 0.5·1) = 0.75; v = 0: 0.75 − 0.1(0 + 0.375) = 0.7125
    expectClose(path(optimizer, [2, -1]), [0.75, 0.7125]);
    expect((await stateOf(optimizer))['x/velocity']).toEqual([0]);
  });

  it('needs momentum for Nesterov', () => {
    expect(() => sgd({ nesterov: true })).toThrow('nesterov needs momentum');
  });
});

describe('Signum', () => {
  it('steps by the sign of the new momentum', async () => {
    const optimizer = signum({ learningRate: 0.1, beta: 0.5, weightDecay: 0.5 });
    // m = 1: 1 − 0.1(1 + 0.5) = 0.85; m = 0.5 − 0.25 = 0.25: 0.85 − 0.1(1 + 0.425) = 0.7075;
    // m = 0.125 − 0.5 = −0.375: 0.7075 − 0.1(−1 + 0.35375) = 0.772125
    expectClose(path(optimizer, [2, -0.5, -1]), [0.85, 0.7075, 0.772125]);
    expect((await stateOf(optimizer))['x/momentum']).toEqual([-0.375]);
  });
});

describe('Adam', () => {
  it('divides the corrected moments', async () => {
    const optimizer = adam({ learningRate: 0.1, beta1: 0.5, beta2: 0.75, epsilon: 0.5 });
    // t = 1: m = 0.5·2 = 1, v = 0.25·4 = 1; m̂ = 1/0.5 = 2, v̂ = 1/0.25 = 4; u = 2/(2 + 0.5) = 0.8; θ = 0.92
    // t = 2: m = 0.5 − 0.5 = 0, u = 0
    // t = 3: m = 0 + 0.5·3.5 = 1.75, m̂ = 1.75/0.875 = 2;
    //        v = 0.75(0.75·1 + 0.25·1) + 0.25·12.25 = 0.75 + 3.0625 = 3.8125, v̂ = 3.8125/(1 − 0.421875) = 6.594595;
    //        u = 2/(2.567994 + 0.5) = 0.651892; θ = 0.92 − 0.0651892 = 0.8548108
    expectClose(path(optimizer, [2, -1, 3.5]), [0.92, 0.92, 0.8548108]);
    expectClose((await stateOf(optimizer))['x/secondMoment'] ?? [], [3.8125]);
  });

  it('puts ε into the denominator and nowhere else', () => {
    // A tiny gradient: u = g/(|g| + ε) = 1e-8/(2e-8) = 0.5; with a zero gradient u = 0, and θ stays.
    expectClose(path(adam({ learningRate: 0.1 }), [1e-8]), [0.95]);
    tf.disposeVariables();
    expect(path(adam({ learningRate: 0.1, epsilon: 1 }), [0, 0])).toEqual([1, 1]);
  });

  it('has bias corrections that are exact in float64', () => {
    const first = adam({ beta2: 1 - 1e-7 }).hyperparameters(1);
    expect(first.biasCorrection1).toBeCloseTo(0.1, 15);
    expect(Math.abs(first.biasCorrection2 / 1e-7 - 1)).toBeLessThan(1e-8);
    expect(first.oneMinusBeta2).toBe(1 - (1 - 1e-7));
    expect(adam({ beta1: 0 }).hyperparameters(5).biasCorrection1).toBe(1);
    expect(adam().hyperparameters(1e6)).toMatchObject({ biasCorrection1: 1, biasCorrection2: 1 });
  });
});

describe('AdamW', () => {
  it('is Adam with decoupled decay, 0.01 unless told otherwise', async () => {
    const optimizer = adamW({ learningRate: 0.1, epsilon: 0 });
    // u = 1: θ = 1 − 0.1(1 + 0.01·1) = 0.899; the moments know nothing of the decay
    expectClose(path(optimizer, [2]), [0.899]);
    expectClose((await stateOf(optimizer))['x/firstMoment'] ?? [], [0.2]);
    tf.disposeVariables();
    expectClose(path(adamW({ learningRate: 0.1, epsilon: 0, weightDecay: 2 }), [2]), [0.7]);
  });
});
