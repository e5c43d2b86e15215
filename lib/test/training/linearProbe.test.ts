import { afterEach, describe, expect, it } from 'vitest';
import { random, tf } from '../../src/runtime';
import { linearProbe } from '../../src/training';

afterEach(() => tf.disposeVariables());

describe('linearProbe', () => {
  const codes = (seed: number, information: number) => {
    const labels = random(seed).integers([600], { max: 3 }) as tf.Tensor1D;
    const told = tf.mul(information, tf.oneHot(labels, 3));
    return { inputs: tf.add(told, random(seed + 10).normal([600, 3])), labels };
  };

  it('reads what codes tell, on codes it has not seen, and guesses where they tell nothing', async () => {
    const clear = await linearProbe({ known: codes(1, 10), unseen: codes(2, 10), classes: 3 });
    const silent = await linearProbe({ known: codes(1, 0), unseen: codes(2, 0), classes: 3 });
    expect(clear.accuracy).toBeGreaterThan(0.95);
    expect(silent.accuracy).toBeLessThan(0.45);
  });

  it('leaves no tensor behind', async () => {
    const [known, unseen] = [codes(1, 1), codes(2, 1)];
    await linearProbe({ known, unseen, classes: 3 });
    const before = tf.memory().numTensors;
    await linearProbe({ known, unseen, classes: 3 });
    expect(tf.memory().numTensors).toBe(before);
  });
});
