import { expect, it } from 'vitest';
import { tokenEmbedding } from '../../src/models';
import { leftBehind, tf } from '../../src/runtime';

it('sets the vectors of a row of tokens side by side, and gives each the gradient of its own place', () => {
  const model = tokenEmbedding({ vocabulary: 3, width: 2, seed: 1 });
  const [vectors] = model.parameters as [tf.Variable];
  vectors.assign(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]));
  const tokens = tf.tensor2d([2, 0, 1, 1], [2, 2], 'int32');
  expect(Array.from(model.apply(tokens).dataSync())).toEqual([5, 6, 1, 2, 3, 4, 3, 4]);

  const weights = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]);
  const { grads } = tf.variableGrads(() => tf.sum(tf.mul(model.apply(tokens), weights)), [vectors]);
  expect(Array.from(grads[vectors.name]!.dataSync())).toEqual([3, 4, 5 + 7, 6 + 8, 1, 2]);
  model.dispose();
});

it('starts with vectors of length about 1 under the name that rules for embeddings look for', () => {
  const model = tokenEmbedding({ vocabulary: 500, width: 64, seed: 3 });
  const [vectors] = model.parameters as [tf.Variable];
  expect(vectors.name).toMatch(/^tokens(_\d+)?\/embeddings$/);
  const squares = (vectors.dataSync() as Float32Array).reduce((sum, value) => sum + value * value, 0);
  expect(squares / 500).toBeCloseTo(1, 1);
  model.dispose();
  expect(leftBehind(() => tokenEmbedding({ vocabulary: 5, width: 2 }).dispose()).tensors).toBe(0);
});

it('says which size is wrong', () => {
  expect(() => tokenEmbedding({ vocabulary: 0, width: 2 })).toThrow(
    'The vocabulary of an embedding is a positive integer, but 0 was given.',
  );
  expect(() => tokenEmbedding({ vocabulary: 2, width: 1.5 })).toThrow('The width of an embedding');
});
