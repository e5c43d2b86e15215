import { afterEach, describe, expect, it } from 'vitest';
import { tokenClassifier } from '../../src/models';
import { tf } from '../../src/runtime';

afterEach(() => tf.disposeVariables());

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const tokens = tf.tensor1d([0, 3, 3, 7], 'int32');

describe('tokenClassifier', () => {
  it('gives logits that depend on the direction of a row and not on its size', () => {
    const model = tokenClassifier({ vocabulary: 8, width: 4 });
    const before = values(model.apply(tokens));
    model.embeddings.assign(tf.mul(model.embeddings, 1000));
    values(model.apply(tokens)).forEach((logit, i) => expect(logit).toBeCloseTo(before[i]!, 5));
    model.embeddings.assign(tf.add(model.embeddings, 1));
    expect(values(model.apply(tokens))).not.toEqual(before);
  });

  it('has the embeddings as output matrix where it is tied', () => {
    const model = tokenClassifier({ vocabulary: 8, width: 4, tied: true });
    expect(model.parameters.map(({ shape }) => shape)).toEqual([
      [8, 4],
      [4, 4],
    ]);
    expect(model.apply(tokens).shape).toEqual([4, 8]);
  });

  it('has a copy that computes the same and is trained by itself', () => {
    const model = tokenClassifier({ vocabulary: 8, seed: 2 });
    model.embeddings.assign(tf.add(model.embeddings, 0.1));
    const copy = model.clone();
    const before = values(model.apply(tokens));
    expect(values(copy.apply(tokens))).toEqual(before);
    copy.embeddings.assign(tf.neg(copy.embeddings));
    expect(values(model.apply(tokens))).toEqual(before);
  });
});
