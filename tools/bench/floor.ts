/** How long the bare products of a step take: no implementation that computes them can be faster on this machine. */
import { compile, tf } from 'liandan';
import type { Product } from './workloads';

/** Median milliseconds per step of the products alone, one after another in a compiled loop. */
export function floor(products: readonly Product[], budgetMs: number): number {
  const made: tf.Tensor[] = [];
  const held = <T extends tf.Tensor>(tensor: T): T => {
    made.push(tensor);
    return tensor;
  };
  const runs = products.map((product) =>
    product.kind === 'matMul' ? matMul(product, held) : convolution(product, held),
  );
  // One element of each product is enough to keep the product in the graph.
  const step = compile(
    () => tf.addN(runs.flatMap((run) => run()).map((result) => tf.slice(tf.reshape(result, [-1]), 0, 1))),
    { xla: false },
  );
  const loop = (steps: number): number => {
    const start = performance.now();
    step.loop(steps).dispose();
    return (performance.now() - start) / steps;
  };
  loop(1);
  const steps = Math.max(2, Math.round(budgetMs / 5 / loop(2)));
  const times = Array.from({ length: 5 }, () => loop(steps)).sort((a, b) => a - b);
  step.dispose();
  tf.dispose(made);
  return times[2]!;
}

type Held = <T extends tf.Tensor>(tensor: T) => T;

function matMul({ m, k, n, batch }: Extract<Product, { kind: 'matMul' }>, held: Held): () => tf.Tensor[] {
  const leading = batch === undefined ? [] : [batch];
  const a = held(tf.randomNormal([...leading, m, k], 0, 1, 'float32', 1));
  const b = held(tf.randomNormal([...leading, k, n], 0, 1, 'float32', 2));
  return () => [tf.matMul(a, b)];
}

function convolution(
  { input, filter, isFirst }: Extract<Product, { kind: 'convolution' }>,
  held: Held,
): () => tf.Tensor[] {
  const x = held(tf.randomNormal<tf.Rank.R4>([...input], 0, 1, 'float32', 1));
  const kernel = held(tf.randomNormal<tf.Rank.R4>([...filter], 0, 1, 'float32', 2));
  return () => {
    const forward = (image: tf.Tensor, weights: tf.Tensor): tf.Tensor =>
      tf.conv2d(image as tf.Tensor4D, weights as tf.Tensor4D, 1, 'same');
    if (isFirst) {
      const { value, grad } = tf.valueAndGrad((weights: tf.Tensor) => forward(x, weights))(kernel);
      return [value, grad];
    }
    const { value, grads } = tf.valueAndGrads(forward)([x, kernel]);
    return [value, ...grads];
  };
}
