/** Weights and tensors in files of the format safetensors, against its reference implementation in Python. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chain, cnn, mlp } from '../../src/models';
import { adam } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { loadTensors, loadWeights, saveTensors, saveWeights, train } from '../../src/training';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liandan-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  tf.disposeVariables();
});

interface Entry {
  dtype: string;
  shape: number[];
  values: (number | boolean)[];
}
const python = (command: 'read' | 'write', path: string, input = ''): string => {
  const executable = join(__dirname, '..', '..', '..', '.venv', 'bin', 'python');
  const { stdout, stderr, status } = spawnSync(
    executable,
    [join(__dirname, 'safetensors_io.py'), command, path],
    {
      encoding: 'utf8',
      input,
    },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
};

const values = (model: { parameters: readonly tf.Variable[] }) =>
  model.parameters.map((parameter) => [...parameter.dataSync()]);

describe('Python’s safetensors', () => {
  it('reads the weights of a model, bit by bit', async () => {
    const model = cnn({ image: [4, 4, 1], filters: [2], classes: 3, seed: 1 });
    const file = join(folder, 'cnn.safetensors');
    await saveWeights(model, file);
    const read = JSON.parse(python('read', file)) as Record<string, Entry>;
    expect(Object.keys(read).sort()).toEqual(model.parameters.map(({ name }) => name).sort());
    for (const parameter of model.parameters) {
      const { name, shape } = parameter;
      expect(read[name]).toEqual({ dtype: 'F32', shape, values: [...parameter.dataSync()] });
    }
  });

  it('reads all types, names of any kind, and tensors of no element', async () => {
    const file = join(folder, 'all.safetensors');
    await saveTensors(
      {
        '炼丹/β': tf.tensor1d([1.5, -0]),
        '7': tf.tensor2d([1, -2, 3, 2 ** 31 - 1], [2, 2], 'int32'),
        bool: tf.tensor1d([true, false, true], 'bool'),
        scalar: tf.scalar(3),
        empty: tf.zeros([0, 3]),
      },
      file,
      { note: 'what it is' },
    );
    expect(JSON.parse(python('read', file))).toEqual({
      '炼丹/β': { dtype: 'F32', shape: [2], values: [1.5, -0] },
      '7': { dtype: 'I32', shape: [2, 2], values: [1, -2, 3, 2 ** 31 - 1] },
      bool: { dtype: 'BOOL', shape: [3], values: [true, false, true] },
      scalar: { dtype: 'F32', shape: [], values: [3] },
      empty: { dtype: 'F32', shape: [0, 3], values: [] },
    });
    const again = await loadTensors(file);
    expect(again.bool?.dtype).toBe('bool');
    expect([...again['7']!.dataSync()]).toEqual([1, -2, 3, 2 ** 31 - 1]);
    expect([...again.empty!.shape]).toEqual([0, 3]);
  });

  it('reads a checkpoint', async () => {
    const file = join(folder, 'run.safetensors');
    const model = mlp({ sizes: [3, 2], seed: 1 });
    const data = { inputs: random(1).normal([8, 3]), labels: tf.zeros<tf.Rank.R1>([8], 'int32') };
    const { losses } = await train({
      model,
      optimizer: adam(),
      data,
      epochs: 2,
      batchSize: 4,
      checkpoint: { file },
    });
    const read = JSON.parse(python('read', file)) as Record<string, Entry>;
    expect(read['reports/loss']).toEqual({ dtype: 'F64', shape: [4], values: losses });
    expect(read['state/model/mlp/dense_1/kernel']?.values).toEqual([...model.parameters[0]!.dataSync()]);
    expect(read['state/optimizer/iter']?.values).toEqual([4]);
  });

  it('writes what is read here', async () => {
    const file = join(folder, 'python.safetensors');
    const given = {
      'fc.weight': { dtype: 'float32', shape: [2, 3], values: [1, 2, 3, 4, 5, 6.5] },
      'fc.bias': { dtype: 'float32', shape: [3], values: [-1, 0, 1] },
    };
    python('write', file, JSON.stringify(given));
    const model = mlp({ sizes: [2, 3], name: 'classifier' });
    const rename = (name: string) => name.replace('fc.', 'classifier/dense_1/').replace('weight', 'kernel');
    await loadWeights(model, file, { rename });
    expect(values(model)).toEqual([given['fc.weight'].values, given['fc.bias'].values]);
    await expect(loadWeights(model, file)).rejects.toThrow(
      /it lacks classifier\/dense_1\/kernel, classifier\/dense_1\/bias; the model has no .*fc\.weight/,
    );
  });
});

describe('weights', () => {
  it('come back into a model that was made again under another name', async () => {
    const file = join(folder, 'weights.safetensors');
    const model = chain(mlp({ sizes: [2, 3], seed: 1 }), mlp({ sizes: [3, 2], seed: 2 }));
    await saveWeights(model, file);
    const again = chain(mlp({ sizes: [2, 3], seed: 3 }), mlp({ sizes: [3, 2], seed: 4 }));
    expect(again.parameters[0]!.name).toBe('mlp_3/dense_1/kernel');
    const tensors = tf.memory().numTensors;
    await loadWeights(again, file);
    expect(values(again)).toEqual(values(model));
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('that do not fit change nothing', async () => {
    const file = join(folder, 'weights.safetensors');
    await saveWeights(mlp({ sizes: [2, 3, 2], seed: 1 }), file);
    const refused = async (sizes: number[], message: string) => {
      const model = mlp({ sizes, seed: 5 });
      const before = values(model);
      await expect(loadWeights(model, file)).rejects.toThrow(message);
      expect(values(model)).toEqual(before);
    };
    await refused([2, 4, 2], 'has the shape [2, 3], but [2, 4] is expected');
    await refused([2, 3, 2, 2], 'it lacks mlp_3/dense_3/kernel, mlp_3/dense_3/bias');
    await refused([2, 3], 'the model has no mlp_4/dense_2/kernel, mlp_4/dense_2/bias');
    const content = readFileSync(file);
    content[content.length - 1]! ^= 1;
    writeFileSync(file, content);
    await refused([2, 3, 2], 'its checksum does not match its content');
    await expect(saveWeights([tf.variable(tf.zeros([2]))], file)).rejects.toThrow('has no name by which');
    await expect(loadWeights([], join(folder, 'none'))).rejects.toThrow('ENOENT');
  });
});
