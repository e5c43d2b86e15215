/** What is counted on the simulated GPU: a training step of each model of the benchmark and of each notebook. */
import {
  adaFactor,
  adam,
  adaXW,
  amos,
  chain,
  crossEntropy,
  fed,
  lion,
  maskedLanguageModel,
  maskTokens,
  minimize,
  mlp,
  random,
  residualMlp,
  schedules,
  StepCounter,
  textConvolution,
  tf,
  tiger,
  tokenClassifier,
  vae,
  mlpCoders,
  vib,
  type Model,
} from 'liandan';
import { trainingStep } from '../../bench/implementations';
import { BATCHES, workloads, type Workload } from '../../bench/workloads';

/** A step, and what each of its calls is given. */
export interface Subject {
  readonly step: (input: tf.Tensor) => tf.Tensor | Record<string, tf.Tensor>;
  readonly input: (call: number) => tf.Tensor;
}

export const subjects: Readonly<Record<string, () => Subject>> = {
  ...Object.fromEntries(Object.entries(workloads).map(([name, make]) => [name, () => benchmark(make)])),
  '01-adafactor': () => {
    const model = mlp({ sizes: [784, 64, 10] });
    return classifies(model, adaFactor({ learningRate: falling }), images(784), 64);
  },
  '02-adax': () => {
    const model = mlp({ sizes: [784, 64, 10] });
    const optimizer = adaXW({ learningRate: falling, weightDecay: 0.05 });
    const follow = { gradients: model.parameters[2]!.name };
    const { inputs, labels } = images(784);
    return overRows(50, (rows) => {
      const before = tf.add(model.parameters[2]!, 0);
      const loss = () => crossEntropy(model.apply(tf.gather(inputs, rows)), tf.gather(labels, rows));
      const report = minimize(optimizer, () => ({ loss: loss() }), model.parameters, { follow });
      return { ...report, moved: tf.sum(tf.square(tf.sub(model.parameters[2]!, before))) };
    });
  },
  '03-bert-initialization, residual': () => {
    const model = residualMlp({ inputs: 784, classes: 10, norm: 'post', blocks: 12, width: 32 });
    const learningRate = schedules.warmUp({ steps: 80, then: 5e-3 });
    return classifies(model, adam({ learningRate }), images(784), 50);
  },
  '03-bert-initialization, masked': () => {
    const model = maskedLanguageModel({
      vocabulary: 103,
      length: 16,
      width: 32,
      layers: 1,
      heads: 4,
      head: true,
    });
    const [tokens, noise, optimizer] = [
      random(1).integers([EXAMPLES, 16], { min: 2, max: 102 }),
      random(2),
      adam(),
    ];
    return overRows(16, (rows) => {
      const words = tf.gather(tokens, rows);
      const options = { random: noise, maskId: 102, vocabulary: 102, firstId: 2 };
      const { inputs, chosen } = maskTokens(words, options);
      const loss = () => crossEntropy(model.apply(inputs), words.reshape([-1]), chosen.reshape([-1]));
      return minimize(optimizer, () => ({ loss: loss() }), model.parameters);
    });
  },
  '04-amos': () => {
    const model = mlp({ sizes: [196, 64, 64, 10] });
    const groups = model.parameters.map(({ name, shape }) => ({
      match: name,
      scale: shape.length === 1 ? 0.5 : Math.sqrt(2 / shape[0]),
    }));
    return classifies(
      model,
      amos({ learningRate: falling, beta: 0.98, clipValue: 1 / 8, groups }),
      images(196),
      16,
    );
  },
  '05-lion': () =>
    classifies(mlp({ sizes: [784, 128, 10] }), lion({ learningRate: falling }), images(784), 64),
  '06-tiger': () => {
    const model = mlp({ sizes: [784, 64, 64, 10] });
    const optimizer = tiger({ learningRate: falling, nanRule: true });
    const [{ inputs, labels }, clock] = [images(784), new StepCounter()];
    return overRows(16, (rows) => {
      clock.advance();
      const factor = fed(() => (clock.value === 50 ? NaN : 1));
      const loss = () => crossEntropy(model.apply(tf.gather(inputs, rows)), tf.gather(labels, rows));
      return minimize(optimizer, () => ({ loss: tf.mul<tf.Scalar>(loss(), factor) }), model.parameters);
    });
  },
  '07-embedding-anomaly': () => {
    const model = tokenClassifier({ vocabulary: 500, width: 16 });
    const [inputs, labels] = [1, 2].map((seed) => random(seed).integers([EXAMPLES], { max: 500 }));
    const match = /embeddings/;
    const optimizer = tiger({ learningRate: 0.003, lazyRows: { match } });
    return classifies(model, optimizer, { inputs: inputs!, labels: labels! }, 32);
  },
  '08-information-bottleneck, images': () => {
    const model = vib({ encoder: mlp({ sizes: [196, 128, 32] }), head: mlp({ sizes: [16, 10], seed: 1 }) });
    const [{ inputs, labels }, optimizer] = [images(196), adam()];
    return overRows(50, (rows) => {
      const loss = () => model.loss(tf.gather(inputs, rows), tf.gather(labels, rows), { weight: 0.1 });
      return minimize(optimizer, loss, model.parameters);
    });
  },
  '08-information-bottleneck, pictures': () => {
    const model = vae(mlpCoders({ sizes: [196, 128], latent: 2 }));
    const [{ inputs }, optimizer] = [images(196), adam()];
    return overRows(64, (rows) =>
      minimize(optimizer, () => model.loss(tf.gather(inputs, rows)), model.parameters),
    );
  },
  '08-information-bottleneck, text': () => {
    const features = textConvolution({ vocabulary: 3000, embedding: 32, filters: 48 });
    const model = chain(features, mlp({ sizes: [48, 2] }));
    const inputs = random(1).integers([EXAMPLES, 48], { max: 3000 });
    const labels = random(2).integers([EXAMPLES], { max: 2 });
    return classifies(model, adam(), { inputs, labels }, 32);
  },
  // State of all three types that variables have.
  'integers and flags as state': () => {
    const [count, flag] = [tf.variable(tf.zeros([4], 'int32')), tf.variable(tf.zeros([4], 'bool'))];
    const total = tf.variable(tf.zeros([4]));
    const table = random(1).integers([1000], { max: 50 });
    return overRows(4, (rows) => {
      const found = tf.gather(table, rows);
      count.assign(tf.add(count, found));
      flag.assign(tf.logicalNot(flag));
      total.assign(tf.add(total, tf.where(flag, tf.cast(found, 'float32'), tf.zeros([4]))));
      return { sum: tf.sum(total), count: tf.sum(count) };
    });
  },
};

const EXAMPLES = 512;

const falling = schedules.linear({ from: 1e-3, to: 0, steps: 1000 });

function images(pixels: number): Examples {
  return {
    inputs: random(1).uniform([EXAMPLES, pixels]),
    labels: random(2).integers([EXAMPLES], { max: 10 }),
  };
}

interface Examples {
  readonly inputs: tf.Tensor;
  readonly labels: tf.Tensor;
}

function benchmark(make: () => Workload): Subject {
  const workload = tf.tidy(() => make() as Workload & tf.TensorContainerObject);
  const { step } = trainingStep(workload, 'adam');
  return { step: step as Subject['step'], input: (call) => tf.scalar(call % BATCHES, 'int32') };
}

/** As `train` does it. */
function classifies(
  model: Model,
  optimizer: tf.Optimizer,
  { inputs, labels }: Examples,
  batchSize: number,
): Subject {
  return overRows(batchSize, (rows) => {
    const loss = () => crossEntropy(model.apply(tf.gather(inputs, rows)), tf.gather(labels, rows));
    return minimize(optimizer, () => ({ loss: loss() }), model.parameters);
  });
}

function overRows(batchSize: number, step: (rows: tf.Tensor1D) => Record<string, tf.Tensor>): Subject {
  const row = (call: number) => (_: unknown, i: number) => (call * batchSize + i) % EXAMPLES;
  return {
    step: step as Subject['step'],
    input: (call) => tf.tensor1d(Array.from({ length: batchSize }, row(call)), 'int32'),
  };
}
