import { tf } from '../runtime';
import { DataError, readCompressed } from './files';
import { parseIdx } from './idx';

/** Gray images with a class each. */
export interface ImageSplit {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** `count × height × width` gray values, 0 … 255. */
  readonly pixels: Uint8Array;
  /** `count` classes, 0 … 9. */
  readonly labels: Uint8Array;
}

/** A data set of gray images: part to learn from, part to test on, names of the classes. */
export interface ImageDataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: ImageSplit;
  readonly test: ImageSplit;
}

/** Inputs and labels as tensors; see {@link imageTensors}. */
export interface Examples {
  readonly inputs: tf.Tensor;
  /** int32 [count]. */
  readonly labels: tf.Tensor1D;
}

/**
 * MNIST-10k: 8,000 handwritten digits to learn from and 2,000 to test on, 28 × 28 (not the official split).
 *
 * @throws DataError if a file is missing or damaged.
 * @see data/SOURCES.md
 */
export function loadMnist(): ImageDataset {
  return load('MNIST-10k', 'mnist10k', ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
}

/**
 * Fashion-MNIST-12k: 10,000 pictures of clothes to learn from and 2,000 to test on, 28 × 28.
 *
 * @throws DataError if a file is missing or damaged.
 * @see data/SOURCES.md; Xiao, Rasul, Vollgraf (2017), arXiv 1708.07747.
 */
export function loadFashionMnist(): ImageDataset {
  return load('Fashion-MNIST-12k', 'fashion12k', [
    'T-shirt',
    'trousers',
    'pullover',
    'dress',
    'coat',
    'sandal',
    'shirt',
    'sneaker',
    'bag',
    'boot',
  ]);
}

/**
 * Images as one float32 tensor with values in [0, 1], labels as an int32 vector.
 *
 * @param options.shape Shape of one image: `'flat'` (default) → [count, height·width]; `'image'` → [count, height, width, 1].
 *
 * @example
 * const { inputs, labels } = imageTensors(loadMnist().train); // [8000, 784], [8000]
 */
export function imageTensors(split: ImageSplit, { shape = 'flat' } = {}): Examples {
  const { count, height, width, pixels, labels } = split;
  const dimensions = shape === 'flat' ? [count, height * width] : [count, height, width, 1];
  const values = new Float32Array(pixels.length);
  // `from` with a function goes through an iterator: half a second for the digits.
  for (let i = 0; i < pixels.length; i++) values[i] = pixels[i]! / 255;
  return {
    inputs: tf.tensor(values, dimensions),
    labels: tf.tensor1d(Int32Array.from(labels), 'int32'),
  };
}

function load(name: string, prefix: string, classes: readonly string[]): ImageDataset {
  const train = loadSplit(`${prefix}-train`, classes.length);
  const test = loadSplit(`${prefix}-test`, classes.length);
  if (train.height !== test.height || train.width !== test.width) {
    throw new DataError(
      `The images of ${prefix}-train are ${train.height} × ${train.width}, those of ${prefix}-test ${test.height} × ` +
        `${test.width}: they do not belong together.`,
    );
  }
  return { name, classes, train, test };
}

function loadSplit(prefix: string, classes: number): ImageSplit {
  const [imageFile, labelFile] = [`${prefix}-images-idx3-ubyte.gz`, `${prefix}-labels-idx1-ubyte.gz`];
  const images = parseIdx(readCompressed(imageFile), 3, imageFile);
  const labels = parseIdx(readCompressed(labelFile), 1, labelFile);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (count * height * width === 0) {
    throw new DataError(`${imageFile} announces ${images.shape.join(' × ')} values: it holds no image.`);
  }
  if (labels.shape[0] !== count) {
    throw new DataError(
      `${imageFile} holds ${count} images, but ${labelFile} ${labels.shape[0]} labels: they do not belong together.`,
    );
  }
  const stray = labels.values.find((label) => label >= classes);
  if (stray !== undefined) {
    throw new DataError(`${labelFile} holds the label ${stray}, but labels are 0 … ${classes - 1}.`);
  }
  return { count, height, width, pixels: images.values, labels: labels.values };
}
