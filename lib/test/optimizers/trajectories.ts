/**
 * What every backend must compute: each optimizer from one start on prescribed gradients of four sizes, against its float64
 * twin. Nothing here needs Node.js: the same file runs in a browser.
 */
import * as tf from '@tensorflow/tfjs-core';
import { farthest, largest, normal, uniform } from './numbers';
import { subjects, type Subject } from './subjects';
import { TwinPath } from './twinPath';

const subnormal = 'whose squares are subnormal';

const sizes: Readonly<Record<string, (seed: number) => () => number>> = {
  ordinary: (seed) => normal(seed),
  'of four decades, some zero': (seed) => {
    const [next, choose] = [normal(seed), uniform(seed + 1)];
    return () => (choose() < 0.1 ? 0 : next() * 10 ** (choose() * 4 - 3));
  },
  tiny: (seed) => scaled(seed, 1e-9),
  [subnormal]: (seed) => scaled(seed, 1e-20),
};

function scaled(seed: number, size: number): () => number {
  const next = normal(seed);
  return () => size * next();
}

const shapes = [[7], [6, 5]];

export interface Trajectory {
  readonly name: string;
  readonly subject: Subject;
  readonly options: Readonly<Record<string, unknown>>;
  readonly shape: readonly number[];
  readonly size: string;
}

/** All options of all optimizers, on a vector and a matrix, with gradients of all sizes. */
export const trajectories: readonly Trajectory[] = subjects.flatMap((subject) =>
  subject.variants.flatMap((options) =>
    shapes.flatMap((shape) =>
      Object.keys(sizes).map((size) => ({
        name: `${subject.name} ${JSON.stringify(options)} on [${shape.join(', ')}], gradients ${size}`,
        subject,
        options,
        shape,
        size,
      })),
    ),
  ),
);

/** How a trajectory went. */
export interface Course {
  readonly name: string;
  /** How far weights and state were from the twin's at worst, in tolerances; NaN if a number was none. */
  readonly worst: number;
  /** Tensors that the steps after the first left behind. */
  readonly leaked: number;
}

/** Whether the backend computed something else, or kept what it should have freed. */
export const isOff = ({ worst, leaked }: Course): boolean => !(worst <= 1) || leaked !== 0;

/** Follows a trajectory on the backend that is in force; reads the weights ten times on the way, and the state at its end. */
export async function follow(
  { name, subject, options, shape, size }: Trajectory,
  steps: number,
): Promise<Course> {
  const path = new TwinPath({ subject, options, shape, next: normal(1), gradient: sizes[size]!(2) });
  const make = (values: Float64Array): tf.Tensor =>
    tf.tensor(Float32Array.from(values), [...shape], 'float32');
  const parameter = tf.tidy(() => tf.variable(make(path.theta), true, 'x'));
  const optimizer = subject.make(options);
  let [scale, worst, before] = [largest(path.theta), 0, NaN];
  for (let t = 1; t <= steps; t++) {
    const gradient = path.step();
    tf.tidy(() => optimizer.applyGradients([{ name: 'x', tensor: make(gradient) }]));
    scale = Math.max(scale, largest(path.theta));
    if (t === 1) before = tf.memory().numTensors;
    if (t % Math.ceil(steps / 10) !== 0 && t !== steps) continue;
    worst = Math.max(worst, farthest(await parameter.data(), path.theta, { scale }).excess);
  }
  const leaked = tf.memory().numTensors - before;
  // Moments that are subnormal themselves may be 0; what matters is that no weight notices.
  if (size !== subnormal) {
    const state = optimizer.snapshot();
    for (const [slot, expected] of Object.entries(path.twin.state)) {
      const tolerance = { scale: Math.max(largest(expected), largest(path.sizes.state[slot]!)) };
      const found = state.find(({ name: of }) => of === `x/${slot}`);
      worst = Math.max(worst, farthest((await found?.tensor.data()) ?? [], expected, tolerance).excess);
    }
    for (const { tensor } of state) tensor.dispose();
  }
  optimizer.dispose();
  parameter.dispose();
  return { name, worst, leaked };
}

/** Whether a NaN in a gradient stays to be seen in the weight, after a step without one too. */
export async function showsNaN({ make, propagatingOptions }: Subject): Promise<boolean> {
  const optimizer = make({ learningRate: 0.1, ...propagatingOptions });
  const parameter = tf.tidy(() => tf.variable(tf.tensor1d([1, 1]), true, 'x'));
  for (const gradient of [NaN, 1]) {
    tf.tidy(() => optimizer.applyGradients([{ name: 'x', tensor: tf.tensor1d([gradient, 1]) }]));
  }
  const [first] = await parameter.data();
  optimizer.dispose();
  parameter.dispose();
  return Number.isNaN(first);
}
