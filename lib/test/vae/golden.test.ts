/** Losses and gradients against PyTorch; golden.json is made by tools/goldens/vae.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mlp, type Model } from '../../src/models';
import { tf } from '../../src/runtime';
import { vae, vib } from '../../src/vae';

interface Numbers {
  shape: number[];
  values: number[];
}
interface Case {
  loss: number;
  distortion: number;
  rate: number;
  gradients: Numbers[];
}
const golden = JSON.parse(readFileSync(join(__dirname, 'golden.json'), 'utf8')) as {
  weight: number;
  labels: number[];
} & Record<'inputs' | 'epsilon', Numbers> &
  Record<'encoder' | 'decoder' | 'head', Numbers[]> &
  Record<'bernoulli' | 'gaussian' | 'vib', Case>;

const tensor = ({ shape, values }: Numbers) => tf.tensor(values, shape);

function network(name: 'encoder' | 'decoder' | 'head'): Model {
  const kernels = golden[name].filter((_, index) => index % 2 === 0);
  const model = mlp({ sizes: [kernels[0]!.shape[0]!, ...kernels.map(({ shape }) => shape[1]!)], name });
  model.parameters.forEach((parameter, index) => parameter.assign(tensor(golden[name][index]!)));
  return model;
}

/** The noise that PyTorch used. */
function withNoise<M extends { noise: { normal: unknown } }>(model: M): M {
  model.noise.normal = () => tensor(golden.epsilon);
  return model;
}

function expectCase(
  expected: Case,
  parameters: readonly tf.Variable[],
  objective: () => Record<string, tf.Scalar>,
): void {
  const parts = Object.values(objective()).map((scalar) => scalar.dataSync()[0]!);
  [expected.loss, expected.distortion, expected.rate].forEach((value, part) =>
    expect(Math.abs(parts[part]! / value - 1)).toBeLessThan(1e-5),
  );
  const { grads } = tf.variableGrads(() => objective().loss!, [...parameters]);
  parameters.forEach(({ name }, index) => {
    const { shape, values } = expected.gradients[index]!;
    const gradient = grads[name]!;
    expect(gradient.shape).toEqual(shape);
    const scale = Math.max(...values.map(Math.abs));
    gradient
      .dataSync()
      .forEach((value, i) => expect(Math.abs(value - values[i]!) / scale).toBeLessThan(2e-6));
  });
}

afterEach(() => tf.disposeVariables());

describe('as PyTorch computes them: parts of the loss and all gradients', () => {
  it('of a variational autoencoder with a Bernoulli decoder', () => {
    const model = withNoise(vae({ encoder: network('encoder'), decoder: network('decoder') }));
    expectCase(golden.bernoulli, model.parameters, () => model.loss(tensor(golden.inputs)));
  });

  it('of one with a Gaussian decoder of standard deviation 0.5 and weight 0.3', () => {
    const coders = { encoder: network('encoder'), decoder: network('decoder') };
    const model = withNoise(vae({ ...coders, likelihood: 'gaussian', standardDeviation: 0.5 }));
    const { weight } = golden;
    expectCase(golden.gaussian, model.parameters, () => model.loss(tensor(golden.inputs), { weight }));
  });

  it('of a bottleneck classifier with weight 0.3', () => {
    const model = withNoise(vib({ encoder: network('encoder'), head: network('head') }));
    const { weight, labels } = golden;
    expectCase(golden.vib, model.parameters, () =>
      model.loss(tensor(golden.inputs), tf.tensor1d(labels, 'int32'), { weight }),
    );
  });
});
