import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mlp } from '../../src/models';
import { sgd, signum } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { mean, standardDeviation } from '../../src/statistics';
import { evaluateClassifier, randomWalks, scanRates, train } from '../../src/training';

afterEach(() => tf.disposeVariables());

const data = {
  inputs: tf.keep(random(1).normal([64, 3])) as tf.Tensor2D,
  labels: tf.keep(random(1).integers([64], { max: 2 })) as tf.Tensor1D,
};
const model = (seed: number) => mlp({ sizes: [3, 4, 2], seed });
const options = { model, data, testData: data, epochs: 2, batchSize: 16 };

describe('scanRates', () => {
  it('gives what a run of its own gives, by optimizer, seed and rate', async () => {
    const scan = await scanRates({
      ...options,
      optimizers: { SGD: sgd, Signum: signum },
      rates: { SGD: [0.1, 1], Signum: [0.01, 0.1, 1e4] },
      seeds: [4, 5],
    });
    expect(Object.keys(scan)).toEqual(['SGD', 'Signum']);
    const [network, optimizer] = [model(5), sgd({ learningRate: (t) => 1 - (t - 1) / 8 })];
    const { losses } = await train({ model: network, optimizer, data, epochs: 2, batchSize: 16, seed: 5 });
    expect(scan.SGD.losses[1]![1]).toHaveLength(8);
    scan.SGD.losses[1]![1]!.forEach((loss, i) => expect(loss).toBeCloseTo(losses[i]!, 5));
    expect(scan.SGD.loss[1]![1]).toBeCloseTo(mean(losses.slice(-2)), 5);
    expect(scan.SGD.accuracy[1]![1]).toBe(evaluateClassifier(network, data).accuracy);
    const { rate, values } = scan.Signum.best('loss');
    const means = scan.Signum.rates.map((_, i) => mean(scan.Signum.loss.map((row) => Math.log(row[i]!))));
    expect(rate).toBe(scan.Signum.rates[means.indexOf(Math.min(...means))]);
    expect(values).toEqual(scan.Signum.loss.map((row) => row[scan.Signum.rates.indexOf(rate)]));
    expect(scan.Signum.peaks('loss')).toHaveLength(2);
  });

  it('goes on where an interruption cut it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'liandan-scan-'));
    const checkpoint = { file: join(folder, 'scan.safetensors'), isTemporary: true };
    const seen: number[] = [];
    const counted = {
      ...options,
      optimizers: { SGD: sgd },
      rates: { SGD: [0.1, 1] },
      checkpoint,
      resume: true,
    };
    const model = (seed: number) => {
      seen.push(seed);
      if (seen.length === 3) throw new Error('died');
      return options.model(seed);
    };
    const run = { ...counted, model, seeds: [0, 1] };
    await expect(scanRates(run)).rejects.toThrow('died');
    const { SGD } = await scanRates(run);
    expect(seen).toEqual([0, 1, 0, 0, 1]);
    expect(SGD.accuracy.flat()).toHaveLength(4);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('refuses options that it does not know, and does not return half of a comparison', async () => {
    const run = { ...options, optimizers: { SGD: sgd }, rates: { SGD: [0.1] } };
    await expect(scanRates({ ...run, epoch: 1 } as never)).rejects.toThrow(/scanRates.*epoch/);
    const signal = AbortSignal.abort();
    await expect(scanRates({ ...run, signal })).rejects.toThrow('interrupted');
  });
});

describe('randomWalks', () => {
  it('go where signal, noise and decay take them', () => {
    const free = randomWalks(() => (g) => g, { signal: 0.5, steps: 100 });
    expect(mean(free[100]!)).toBeCloseTo(50, -1);
    expect(standardDeviation(free[100]!)).toBeGreaterThan(9.4);
    expect(standardDeviation(free[100]!)).toBeLessThan(10.6);
    // Sign of the signal alone, u = −1: θ → 1 / decay.
    const held = randomWalks(() => Math.sign, { signal: 1e6, steps: 200, weights: 2, decay: 0.1 });
    expect([...held[200]!]).toEqual([expect.closeTo(10, 5), expect.closeTo(10, 5)]);
    expect([held.length, held[0]!.length, held[0]![1]]).toEqual([201, 2, 0]);
  });

  it('start each weight anew, on its own noise of the seed', () => {
    let starts = 0;
    const counting = () => ((starts += 1), (g: number) => g);
    const [, first] = randomWalks(counting, { steps: 1, weights: 5, seed: 3 });
    expect(starts).toBe(5);
    expect(new Set(first).size).toBe(5);
    expect(randomWalks(counting, { steps: 1, weights: 5, seed: 4 })[1]).not.toEqual(first);
  });
});
