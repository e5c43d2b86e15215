/** An optimizer of one's own, as the page makes it, has what all optimizers have. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import * as optimizers from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import {
  draw,
  expectClose,
  normal,
  stateOf,
  step,
  tensor,
  values,
  variable,
  type AnyOptimizer,
} from './support';

afterEach(() => tf.disposeVariables());

const page = readFileSync(join(__dirname, '..', '..', 'OPTIMIZERS.md'), 'utf8');
const code = /```ts\n([^]*?)```/.exec(page.split('\n## Your own\n')[1] ?? '')?.[1] ?? '';
const yogi = load(code) as (options?: Record<string, unknown>) => AnyOptimizer;

/** What the example exports. */
function load(source: string): unknown {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  });
  const exports: { yogi?: unknown } = {};
  const modules: Record<string, unknown> = { '@tensorflow/tfjs': tf, 'liandan/optimizers': optimizers };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  new Function('exports', 'require', outputText)(exports, (name: string) => modules[name]);
  return exports.yogi;
}

/** Yogi on plain numbers. */
function reference(gradients: readonly number[], eta: number, lambda: number): number {
  let [theta, m, v] = [1, 0, 0];
  for (const g of gradients) {
    m = 0.9 * m + 0.1 * g;
    v -= 0.001 * Math.sign(v - g ** 2) * g ** 2;
    theta -= eta * (m / (Math.sqrt(v) + 1e-3) + lambda * theta);
  }
  return theta;
}

const gradients = Array.from(draw(40, normal(5)));

describe('the optimizer that the page defines', () => {
  it.each([{ compiled: false }, { compiled: true }])(
    'computes its rule with decay and groups, compiled: $compiled',
    ({ compiled }) => {
      const [x, y, z] = ['x', 'y', 'z'].map((name) => variable(name, [1], [1])) as [
        Variable,
        Variable,
        Variable,
      ];
      const optimizer = yogi({
        learningRate: 0.1,
        weightDecay: 0.2,
        excludeFromWeightDecay: 'y',
        groups: [{ match: 'z', learningRate: 0.01 }],
      });
      const plain = (g: Tensor): void => optimizer.applyGradients({ x: g, y: g, z: g });
      const move = compiled ? compile(plain) : plain;
      for (const gradient of gradients) tf.tidy(() => move(tensor([1], [gradient])));
      expectClose(
        [...values(x), ...values(y), ...values(z)],
        [reference(gradients, 0.1, 0.2), reference(gradients, 0.1, 0), reference(gradients, 0.01, 0.2)],
      );
    },
  );

  it('accumulates, guards, clips, and lies in OPTIMIZERS.md as its bytes do', async () => {
    const optimizer = yogi({ learningRate: 0.1, accumulationSteps: 2, nonFinite: 'skip', clipNorm: 10 });
    const x = variable('x', [1], [1]);
    for (const gradient of gradients) {
      step(optimizer, [[x, [gradient + 0.5]]]);
      step(optimizer, [[x, [gradient - 0.5]]]);
    }
    expectClose(values(x), [reference(gradients, 0.1, 0)]);
    step(optimizer, [[x, [NaN]]]);
    expect(await optimizer.skippedSteps()).toBe(1);
    expect(optimizers.stateBytes(yogi(), [[3, 4]])).toBe(8 * 12);
    expect(() => yogi({ beta3: 1 })).toThrow('Yogi has no option beta3');
    expect(() => yogi({ beta1: 1 })).toThrow('Yogi: beta1 must be a number in [0, 1), got 1');
  });

  it('trains compiled, saves, and resumes to the last bit; survives JSON', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'liandan-own-'));
    const path = join(folder, 'yogi.state');
    const [from, steps] = [0.05, 30];
    const make = () => yogi({ learningRate: optimizers.schedules.cosine({ from, steps }), weightDecay: 0.1 });
    const x = variable('x', [3], [3, -2, 1]);
    const train = (optimizer: AnyOptimizer, count: number): void => {
      const move = compile(() => {
        optimizer.minimize(() => tf.sum(tf.square(x)), false, [x]);
      });
      for (let t = 0; t < count; t++) move();
      move.dispose();
    };
    const straight = make();
    train(straight, 10);
    await optimizers.saveState(straight, path);
    const middle = Array.from(values(x));
    train(straight, 20);
    const expected = { x: Array.from(values(x)), ...(await stateOf(straight)) };
    expect(Math.abs(expected.x[0]!)).toBeLessThan(Math.abs(middle[0]!));
    x.assign(tensor([3], middle));
    const resumed = make();
    await optimizers.loadState(resumed, path);
    train(resumed, 20);
    expect({ x: Array.from(values(x)), ...(await stateOf(resumed)) }).toEqual(expected);
    await rm(folder, { recursive: true });
    const [type, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap.Yogi ?? [];
    const copy = fromConfig?.(type as never, JSON.parse(JSON.stringify(make().getConfig())) as never);
    expect(copy?.getConfig()).toEqual(make().getConfig());
  });

  it('may be defined again, as when a cell runs twice, but not under a name of TensorFlow.js', () => {
    expect(load(code)).not.toBe(yogi);
    const { definition } = optimizers.lion;
    expect(() => optimizers.optimizer('RMSProp', definition)).toThrow(
      'TensorFlow.js has an optimizer named RMSProp; give yours another name.',
    );
  });
});

describe('types', () => {
  it('refuse what does not exist', () => {
    const { fraction, like, lion, optimizer, rate } = optimizers;
    const common = { learningRate: rate(0.1), weightDecay: rate(0) };
    const make = optimizer('Typed', {
      settings: { ...common, beta: fraction(0.5) },
      scalars: ({ beta }) => ({ beta }),
      slots: (parameter) => ({ momentum: like(parameter) }),
      update: ({ theta, slots, h }) => ({ theta, slots: { momentum: tf.mul(h.beta, slots.momentum) } }),
    });
    const half: number = make().settings.beta;
    const scalar: number = make().hyperparameters(1).beta;
    expect([half, scalar]).toEqual([0.5, 0.5]);
    // @ts-expect-error an option that does not exist
    expect(() => lion({ beta3: 1 })).toThrow('no option');
    // @ts-expect-error a number in the place of the options
    expect(() => lion(0.05)).toThrow('as an object');
    optimizer('Typed', {
      settings: common,
      scalars: () => ({}),
      slots: (parameter) => ({ momentum: like(parameter) }),
      // @ts-expect-error a slot that does not exist
      // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment
      update: ({ theta, slots }) => ({ theta, slots: { momentum: slots.velocity } }),
    });
    optimizer('Typed', {
      settings: common,
      scalars: () => ({}),
      slots: (parameter) => ({ momentum: like(parameter) }),
      // @ts-expect-error a scalar that does not exist
      // eslint-disable-next-line @typescript-eslint/no-unsafe-argument
      update: ({ theta, h }) => ({ theta: tf.mul(theta, h.beta), slots: {} }),
    });
  });
});
