import { expect, it } from 'vitest';
import { tf } from '../../src';

it('values given to TensorFlow are copied: changing the array afterwards changes no tensor', () => {
  // Memory is shared only where it is aligned by chance, so one array would not tell.
  const arrays = Array.from({ length: 64 }, () => ({
    float32: new Float32Array(1000).fill(1),
    int32: new Int32Array(1000).fill(1),
    bool: new Uint8Array(1000).fill(1),
  }));
  tf.tidy(() => {
    const tensors = arrays.flatMap((given) =>
      (['float32', 'int32', 'bool'] as const).map((dtype) =>
        tf.tensor1d(given[dtype], dtype).reshape([10, 100]),
      ),
    );
    for (const given of arrays) for (const array of Object.values(given)) array.fill(0);
    for (const tensor of tensors) expect(tensor.dataSync().every((value) => value === 1)).toBe(true);
  });
});

it('tensors without elements and scalars are handed over as before', () => {
  tf.tidy(() => {
    expect(tf.add(tf.scalar(2), 3).dataSync()[0]).toBe(5);
    expect(tf.neg(tf.zeros([0, 3])).shape).toEqual([0, 3]);
    expect(tf.concat([tf.tensor1d([]), tf.tensor1d([7])]).dataSync()).toEqual(Float32Array.of(7));
    expect(tf.tensor1d(['a', 'b']).dataSync()).toEqual(['a', 'b']);
  });
});
