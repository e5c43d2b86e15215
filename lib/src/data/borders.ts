import { tf } from '../runtime';

/**
 * Square images at half their size: the mean of each 2 × 2 pixels.
 *
 * @param images [count, side²], with an even side.
 * @returns [count, (side / 2)²].
 *
 * @example
 * const small = halfSize(imageTensors(loadMnist().train).inputs); // [8000, 196]
 */
export function halfSize(images: tf.Tensor): tf.Tensor2D {
  const [count, side] = sidesOf(images, 'halfSize');
  if (side % 2 !== 0) throw new RangeError(`halfSize: the side of an image must be even, but it is ${side}.`);
  return tf.tidy(() => {
    const blocks = images.reshape([count, side / 2, 2, side / 2, 2]);
    return tf.mean(blocks, [2, 4]).reshape<tf.Tensor2D>([count, (side / 2) ** 2]);
  });
}

/**
 * Square images with a bright bar, one pixel wide, along one of their borders: something to see that has nothing to do with
 * what the images show.
 *
 * @param images [count, side²], values in [0, 1].
 * @param borders int32 [count]: 0 top, 1 bottom, 2 left, 3 right.
 *
 * @example
 * const side = random(1).integers([2000], { max: 4 });
 * const marked = markBorder(images, side);
 */
export function markBorder(images: tf.Tensor, borders: tf.Tensor): tf.Tensor2D {
  const [, side] = sidesOf(images, 'markBorder');
  return tf.tidy(() => {
    const bars = [0, 1, 2, 3].map((border) =>
      Array.from({ length: side * side }, (_, pixel) => {
        const [row, column] = [Math.floor(pixel / side), pixel % side];
        return [row, side - 1 - row, column, side - 1 - column][border] === 0 ? 1 : 0;
      }),
    );
    return tf.maximum(images, tf.gather(tf.tensor2d(bars), borders));
  });
}

function sidesOf({ shape: [count = 0, pixels = 0], rank }: tf.Tensor, what: string): [number, number] {
  const side = Math.sqrt(pixels);
  if (rank !== 2 || !Number.isInteger(side))
    throw new RangeError(`${what}: images are [count, side²], but a row has ${pixels} pixels.`);
  return [count, side];
}
