import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import type { FlatStep } from '../../src/compile/record/recorder';
import { withOneDnn } from '../../src/compile/passes/onednn';
import { random, tf } from '../../src/runtime';
import { nativeBackend } from '../../src/runtime/binding';
import { difference } from './models';
import { traceOf } from './traceOf';

const images = random(1).normal([3, 9, 8, 2]) as tf.Tensor4D;
const filter = random(2).normal([3, 3, 2, 4]) as tf.Tensor4D;
const depthwise = random(3).normal([3, 3, 2, 2]) as tf.Tensor4D;
const bias = random(4).normal([4]);

/** Value and gradients with respect to the images and the weights. */
function gradients(f: (x: tf.Tensor, weights: tf.Tensor) => tf.Tensor, weights: tf.Tensor): FlatStep {
  return (x) => {
    const { value, grads } = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.sin(f(a, b))))([
      x,
      weights,
    ]);
    return [value, ...grads];
  };
}

const layers: Record<string, FlatStep> = {
  'convolution, same': gradients((x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'), filter),
  'convolution, valid, strided': gradients(
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'valid'),
    filter,
  ),
  'convolution with bias': gradients(
    (x, w) => tf.add(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'), bias),
    filter,
  ),
  'convolution with bias and ReLU': gradients(
    (x, w) => tf.relu(tf.add(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'), bias)),
    filter,
  ),
  'convolution used twice': gradients((x, w) => {
    const convolved = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
    return tf.add(tf.relu(tf.add(convolved, bias)), convolved);
  }, filter),
  'depthwise convolution': gradients(
    (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
    depthwise,
  ),
  'max pooling': gradients((x, w) => tf.mul(tf.maxPool(x as tf.Tensor4D, 2, 2, 'same'), tf.mean(w)), filter),
  'max pooling with overlap': gradients(
    (x, w) => tf.mul(tf.maxPool(x as tf.Tensor4D, 3, 1, 'valid'), tf.mean(w)),
    filter,
  ),
  'average pooling': gradients(
    (x, w) => tf.mul(tf.avgPool(x as tf.Tensor4D, 2, 2, 'same'), tf.mean(w)),
    filter,
  ),
};

/** Who computes convolutions on this machine. */
const chosen = nativeBackend().isUsingGpuDevice
  ? { kernels: 'XLA', withoutXla: undefined }
  : {
      kernels: process.arch === 'x64' ? 'oneDNN' : (expect.stringMatching(/^(oneDNN|TensorFlow)$/) as string),
      withoutXla: expect.stringMatching(/slower under XLA/) as string,
    };

function names(step: FlatStep): string[] {
  return withOneDnn(traceOf(step, images)).operations.map(({ name }) => name);
}

describe('convolutions and pooling', () => {
  it.each(Object.keys(layers))('%s: as TensorFlow.js has them, with gradients', (name) => {
    const step = layers[name]! as (x: tf.Tensor) => tf.Tensor[];
    const compiled = compile(step);
    const results = compiled(images);
    // TensorFlow's own gradients are up to 1.2e-5 away from those in float64, oneDNN's 1.1e-5.
    expect(difference(results, step(images))).toBeLessThan(2.5e-5);
    expect(compiled.info).toMatchObject(chosen);
  });

  it('take in the bias and the ReLU that follow, unless something else needs what lies between', () => {
    expect(names(layers['convolution with bias and ReLU']!)).not.toContain('BiasAdd');
    expect(names(layers['convolution with bias and ReLU']!)).not.toContain('Relu');
    expect(names(layers['convolution used twice']!)).toContain('BiasAdd');
  });

  it('remember where the maxima were', () => {
    const pooled = names(layers['max pooling']!);
    expect(pooled).toContain('_MklNativeMaxPoolGrad');
    expect(pooled.filter((name) => name === '_MklNativeMaxPool')).toHaveLength(1);
  });

  it('train in a loop', () => {
    const weights = tf.variable(filter);
    const optimizer = tf.train.sgd(1e-5);
    const step = compile((x: tf.Tensor) =>
      optimizer.minimize(
        () => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, weights as tf.Tensor4D, 1, 'same'))),
        true,
        [weights],
      )!,
    );
    const losses = step.loop(tf.stack([images, images, images])).dataSync();
    expect(losses[2]!).toBeLessThan(losses[0]!);
    expect(step.info).toMatchObject(chosen);
  });
});
