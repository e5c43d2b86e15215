import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { probe, type Model } from '../../src/models';
import { sgd } from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { fit, minimize, rowMaxima, statisticsOf, train } from '../../src/training';

afterEach(() => tf.disposeVariables());

/** The loss (mean of (3 w₁ + 4 w₂ …)) of two variables, with the products probed. */
function twoWeights() {
  const w = tf.variable(tf.tensor1d([1, -2]), true, 'model/w/kernel');
  const gamma = tf.variable(tf.tensor1d([2]), true, 'model/norm/gamma');
  const objective = () => {
    const products = probe('products', tf.mul(w, tf.tensor1d([3, 4])));
    return { loss: tf.mul<tf.Scalar>(tf.sum(tf.square(products)), gamma.reshape([])) };
  };
  return { parameters: [w, gamma], objective };
}
const everything = {
  parameters: /gamma/,
  gradients: /./,
  activations: 'products',
  activationGradients: /./,
};
const numbers = (report: Record<string, tf.Tensor>) =>
  Object.fromEntries(Object.entries(report).map(([name, scalar]) => [name, scalar.dataSync()[0]]));

describe('minimize with follow', () => {
  it('reports values, gradients, activations and their gradients as they were before the update', () => {
    const { parameters, objective } = twoWeights();
    const report = minimize(sgd({ learningRate: 0.1 }), objective, parameters, { follow: everything });
    // products (3, −8); loss 2 · 73; d loss / d products = 4 · (3, −8); d loss / d w = (36, −128); d loss / d γ = 73
    const rms = (...x: number[]) => Math.sqrt(x.reduce((sum, value) => sum + value ** 2, 0) / x.length);
    const expected: Record<string, number> = {
      loss: 146,
      'products/activation/mean': -2.5,
      'products/activation/rms': rms(3, 8),
      'products/activation/largest': 8,
      'products/activationGradient/mean': -10,
      'products/activationGradient/rms': rms(12, 32),
      'products/activationGradient/largest': 32,
      'model/w/kernel/gradient/mean': -46,
      'model/w/kernel/gradient/rms': rms(36, 128),
      'model/w/kernel/gradient/largest': 128,
      'model/norm/gamma/gradient/mean': 73,
      'model/norm/gamma/gradient/rms': 73,
      'model/norm/gamma/gradient/largest': 73,
      'model/norm/gamma/value/mean': 2,
      'model/norm/gamma/value/rms': 2,
      'model/norm/gamma/value/largest': 2,
    };
    const given = numbers(report);
    expect(Object.keys(given).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) expect(given[name], name).toBeCloseTo(value, 4);
    expect(parameters[1]!.dataSync()[0]).toBeCloseTo(2 - 7.3, 4);
  });

  it('leaves nothing behind and changes nothing', () => {
    const after = (follow?: typeof everything) => {
      const { parameters, objective } = twoWeights();
      const optimizer = sgd({ learningRate: 0.01 });
      tf.dispose(minimize(optimizer, objective, parameters, { follow }));
      const before = tf.memory().numTensors;
      tf.dispose(minimize(optimizer, objective, parameters, { follow }));
      expect(tf.memory().numTensors).toBe(before);
      const values = parameters.flatMap((parameter) => [...parameter.dataSync()]);
      tf.disposeVariables();
      return values;
    };
    expect(after(everything)).toEqual(after());
  });

  it('gives the same numbers from a compiled step', () => {
    const run = (compiled: boolean) => {
      const { parameters, objective } = twoWeights();
      const optimizer = sgd({ learningRate: 0.001 });
      const eager = () => minimize(optimizer, objective, parameters, { follow: everything });
      const step = compiled ? compile(eager) : eager;
      const reports = [1, 2, 3].map(() => numbers(step()));
      tf.disposeVariables();
      return reports;
    };
    const [compiled, eager] = [run(true), run(false)];
    compiled.forEach((report, step) => {
      expect(Object.keys(report)).toEqual(Object.keys(eager[step]!));
      for (const [name, value] of Object.entries(report))
        expect(value! / eager[step]![name]!, name).toBeCloseTo(1, 5);
    });
  });

  it('reports the sizes of groups of rows', () => {
    const rows = tf.variable(
      tf.tensor2d([
        [3, 4],
        [0, 2],
        [5, 5],
      ]),
      true,
      'model/token/embeddings',
    );
    const objective = () => ({ loss: tf.sum<tf.Scalar>(rows) });
    const follow = { rows: { match: /embeddings/, groups: [[0, 2], [1]] } };
    const report = numbers(minimize(sgd({ learningRate: 0.1 }), objective, [rows], { follow }));
    expect(report['model/token/embeddings/value/group_1']).toBeCloseTo(Math.sqrt(75 / 4), 5);
    expect(report['model/token/embeddings/value/group_2']).toBeCloseTo(Math.sqrt(2), 5);
  });

  it('refuses two probes of one name', () => {
    const w = tf.variable(tf.scalar(1));
    const objective = () => ({ loss: probe('x', probe('x', tf.square<tf.Scalar>(w))) });
    const options = { follow: { activations: /./ } };
    expect(() => minimize(sgd(), objective, [w], options)).toThrow('Two probes report x/activation/mean');
  });
});

describe('statisticsOf', () => {
  it('takes one statistic of all tensors out of a run', async () => {
    const { parameters, objective } = twoWeights();
    const optimizer = sgd({ learningRate: 1e-3 });
    const { reports } = await fit({
      step: () => minimize(optimizer, objective, parameters, { follow: everything }),
      count: 3,
      batchSize: 1,
      epochs: 1,
    });
    const gammas = statisticsOf(reports, 'value', 'mean');
    expect(Object.keys(gammas)).toEqual(['model/norm/gamma']);
    expect(gammas['model/norm/gamma']!.length).toBe(3);
    expect(gammas['model/norm/gamma']![0]).toBe(2);
    expect(Object.keys(statisticsOf(reports, 'gradient', 'rms'))).toEqual([
      'model/w/kernel',
      'model/norm/gamma',
    ]);
  });

  it('finds what train followed', async () => {
    const kernel = tf.variable(tf.ones([2, 2]), true, 'tiny/kernel');
    const model: Model = {
      name: 'tiny',
      parameters: [kernel],
      apply: (x) => probe('tiny/logits', tf.matMul(x, kernel as tf.Tensor2D)),
      dispose: () => kernel.dispose(),
    };
    const data = { inputs: tf.ones([8, 2]), labels: tf.zeros<tf.Rank.R1>([8], 'int32') };
    const options = { model, data, optimizer: sgd({ learningRate: 0.1 }), epochs: 2, batchSize: 4 };
    const { losses, statistics } = await train({ ...options, follow: { activations: /logits/ } });
    expect(losses.length).toBe(4);
    expect(statisticsOf(statistics, 'activation', 'mean')['tiny/logits']![0]).toBe(2);
    expect(Object.keys(statistics).length).toBe(3);
  });
});

describe('rowMaxima', () => {
  it('is the largest absolute component of each row', () => {
    expect([
      ...rowMaxima(
        tf.tensor2d([
          [1, -3],
          [2, 0],
        ]),
      ),
    ]).toEqual([3, 2]);
  });
});
