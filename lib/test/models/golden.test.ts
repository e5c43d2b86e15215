/** Outputs and gradients against PyTorch; golden-transformer.json is made by tools/goldens/transformer.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  maskedLanguageModel,
  residualMlp,
  transformerEncoder,
  type ResidualModel,
  type TransformerEncoder,
} from '../../src/models';
import { tf } from '../../src/runtime';
import { crossEntropy } from '../../src/training';

interface Numbers {
  shape: number[];
  values: number[];
}
interface Case {
  inputs: Numbers;
  mask?: Numbers;
  weights?: Numbers;
  labels?: Numbers;
  output: Numbers;
  loss: number;
  parameters: Record<string, Numbers>;
  gradients: Record<string, Numbers>;
}
const golden = JSON.parse(readFileSync(join(__dirname, 'golden-transformer.json'), 'utf8')) as Record<
  'encoder' | 'masked' | 'residual',
  Record<string, Case>
>;

afterEach(() => tf.disposeVariables());

const tensor = ({ shape, values }: Numbers, dtype: 'float32' | 'int32' = 'float32') =>
  tf.tensor(values, shape, dtype);

function expectClose(actual: tf.Tensor, expected: Numbers, tolerance: number, what: string): void {
  expect(actual.size, what).toBe(expected.values.length);
  // Gradients of a key's bias are 0 but for rounding: the softmax does not see it.
  const scale = Math.max(...expected.values.map(Math.abs), 0.1);
  const gaps = [...actual.dataSync()].map((value, i) => Math.abs(value - expected.values[i]!) / scale);
  expect(Math.max(...gaps), what).toBeLessThan(tolerance);
}

function expectCase(
  { parameters, gradients, output, loss }: Case,
  model: ResidualModel,
  apply: () => tf.Tensor,
  objective: (output: tf.Tensor) => tf.Scalar,
): void {
  const byLabel = new Map(
    model.parameters.map((variable) => [variable.name.replace(/^[^/]+\//, ''), variable]),
  );
  expect([...byLabel.keys()].sort()).toEqual(Object.keys(parameters).sort());
  for (const [label, variable] of byLabel) variable.assign(tensor(parameters[label]!));

  expectClose(apply(), output, 3e-6, 'output');
  const { value, grads } = tf.variableGrads(() => objective(apply()), [...model.parameters]);
  expect(value.dataSync()[0]! / loss).toBeCloseTo(1, 5);
  for (const [label, { name }] of byLabel) expectClose(grads[name]!, gradients[label]!, 1e-5, label);
}

describe('transformerEncoder, as PyTorch’s TransformerEncoder', () => {
  const shape = { width: 4, layers: 2, heads: 2, hidden: 6 };
  const models: Record<string, () => TransformerEncoder> = {
    'post, gelu, padding': () => transformerEncoder({ ...shape, norm: 'post', activation: 'gelu' }),
    'pre, relu, causal': () =>
      transformerEncoder({ ...shape, norm: 'pre', activation: 'relu', causal: true }),
  };
  it.each(Object.keys(models))('%s', (name) => {
    const [expected, model] = [golden.encoder[name]!, models[name]!()];
    const [inputs, weights] = [tensor(expected.inputs), tensor(expected.weights!)];
    const mask = expected.mask && tensor(expected.mask);
    expectCase(
      expected,
      model,
      () => model.apply(inputs, mask),
      (output) => tf.sum(tf.mul(output, weights)),
    );
  });
});

describe('classifiers and masked language models, as built from PyTorch’s modules', () => {
  const encoder = { vocabulary: 5, length: 3, width: 4, layers: 2, heads: 2, hidden: 6, padding: 0 };
  const mlpShape = { inputs: 5, classes: 3, blocks: 2, width: 4, hidden: 6 };
  const models: [string, Case, () => ResidualModel][] = [
    [
      'masked, Post Norm, GELU, head, tied',
      golden.masked['post, gelu, head, tied']!,
      () => maskedLanguageModel(encoder),
    ],
    [
      'masked, Pre Norm, ReLU, half-swap',
      golden.masked['pre, relu, no head, half-swap']!,
      () =>
        maskedLanguageModel({
          ...encoder,
          norm: 'pre',
          activation: 'relu',
          head: false,
          output: 'half-swap',
        }),
    ],
    [
      'masked, Post Norm, ReLU, untied',
      golden.masked['post, relu, no head, untied']!,
      () => maskedLanguageModel({ ...encoder, activation: 'relu', head: false, output: 'untied' }),
    ],
    ['residual MLP, Post Norm', golden.residual.post!, () => residualMlp(mlpShape)],
    [
      'residual MLP, Pre Norm, branches halved',
      golden.residual.pre!,
      () => residualMlp({ ...mlpShape, norm: 'pre', residualScale: 0.5 }),
    ],
    [
      'residual MLP without normalisation, a quarter of the branches',
      golden.residual.none!,
      () => residualMlp({ ...mlpShape, norm: 'none', residualScale: 0.25 }),
    ],
  ];
  it.each(models)('%s', (_, expected, make) => {
    const model = make();
    const inputs = tensor(expected.inputs, expected.inputs.shape[1] === 3 ? 'int32' : 'float32');
    const labels = tensor(expected.labels!, 'int32') as tf.Tensor1D;
    expectCase(
      expected,
      model,
      () => model.apply(inputs),
      (logits) => crossEntropy(logits, labels),
    );
  });
});
