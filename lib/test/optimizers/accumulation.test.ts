/** Gradients that are averaged over several calls, where not every parameter has one in each of them. */
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { adam, lion, sgd, tiger } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { stateOf, tensor, values, variable, type AnyOptimizer } from './support';

afterEach(() => tf.disposeVariables());

type Options = Record<string, unknown>;
const theta = (of: Variable): number => values(of)[0] as number;

/** Steps on any of a few scalars; compiled, there is one compiled step for each set of them. */
function stepper(optimizer: AnyOptimizer, compiled: boolean) {
  const traced = new Map<string, (...gradients: Tensor[]) => void>();
  return (gradients: Readonly<Record<string, number>>): void => {
    const names = Object.keys(gradients);
    const plain = (...given: Tensor[]): void =>
      optimizer.applyGradients(names.map((name, index) => ({ name, tensor: given[index] as Tensor })));
    if (!traced.has(names.join())) traced.set(names.join(), compiled ? compile(plain) : plain);
    tf.tidy(() =>
      traced.get(names.join())?.(...Object.values(gradients).map((value) => tensor([1], [value]))),
    );
  };
}

const modes = [{ compiled: false }, { compiled: true }];

describe.each(modes)('accumulation, compiled: $compiled', ({ compiled }) => {
  it('adds nothing where a gradient is missing, in the first or in the second call, and applies nothing twice', () => {
    for (const headFirst of [true, false]) {
      const optimizer = sgd({ learningRate: 1, accumulationSteps: 2 });
      const [trunk, head] = [variable('trunk', [1], [0]), variable('head', [1], [0])];
      const step = stepper(optimizer, compiled);
      const seen: number[] = [];
      // Both are known after one update.
      step({ trunk: 1, head: 1 });
      step({ trunk: 1, head: 1 });
      for (let call = 0; call < 10; call++) {
        const before = theta(head);
        step((call % 2 === 0) === headFirst ? { trunk: 1, head: 1 } : { trunk: 1 });
        seen.push(theta(head) - before);
      }
      expect(seen).toEqual([0, -0.5, 0, -0.5, 0, -0.5, 0, -0.5, 0, -0.5]);
      expect(theta(trunk)).toBe(-6);
      tf.dispose([trunk, head]);
    }
  });

  it('makes one update of a generator and a discriminator that are trained by turns', () => {
    const optimizer = sgd({ learningRate: 1, accumulationSteps: 2 });
    const [generator, discriminator] = [variable('g', [1], [0]), variable('d', [1], [0])];
    const step = stepper(optimizer, compiled);
    const path: number[][] = [];
    for (let turn = 0; turn < 4; turn++) {
      step({ g: 1 });
      step({ d: 1 });
      path.push([theta(generator), theta(discriminator)]);
    }
    expect(path).toEqual([
      [-0.5, -0.5],
      [-1, -1],
      [-1.5, -1.5],
      [-2, -2],
    ]);
  });

  it('knows nothing of a variable that is gone: one made again under its name starts fresh', async () => {
    for (const make of [sgd, tiger] as ((options: Options) => AnyOptimizer)[]) {
      const [optimizer, reference] = [make, make].map((of) =>
        of({
          learningRate: 1,
          accumulationSteps: 2,
          weightDecay: 0,
          ...(of === tiger && { relative: false, gamma: 0 }),
        }),
      ) as [AnyOptimizer, AnyOptimizer];
      variable('other', [1], [0]);
      const first = variable('x', [1], [0]);
      stepper(optimizer, compiled)({ x: 8, other: 1 });
      first.dispose();
      expect(Object.keys(await stateOf(optimizer)).filter((name) => name.startsWith('x/'))).toEqual([]);
      const again = variable('x', [1], [5]);
      // A gradient in the second call only is half of an update, whatever the first variable had.
      stepper(optimizer, compiled)({ x: 2, other: 1 });
      const fresh = variable('y', [1], [5]);
      const step = stepper(reference, compiled);
      step({ other: 1 });
      step({ y: 2, other: 1 });
      expect(theta(again)).toBe(theta(fresh));
      expect(theta(again)).toBeLessThan(5);
      tf.disposeVariables();
    }
  });

  it('passes over a parameter without any gradient in the calls of an update, its decay included', async () => {
    for (const make of [adam, lion, tiger] as ((options: Options) => AnyOptimizer)[]) {
      const optimizer = make({ learningRate: 0.1, weightDecay: 0.1, accumulationSteps: 2 });
      const [x, y] = [variable('x', [1], [1]), variable('y', [1], [1])];
      const step = stepper(optimizer, compiled);
      for (let call = 0; call < 2; call++) step({ x: 1, y: 1 });
      const [before, state] = [theta(y), await stateOf(optimizer)];
      const ofY = (all: Options): Options =>
        Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('y/')));
      for (let call = 0; call < 4; call++) step({ x: 1 });
      expect(theta(y)).toBe(before);
      expect(ofY(await stateOf(optimizer))).toEqual(ofY(state));
      tf.dispose([x, y]);
    }
  });

  it('is the mean over k calls for Tiger too, whose momentum decays once and moves once', async () => {
    const make = (accumulationSteps: number): AnyOptimizer =>
      tiger({ learningRate: 0.125, beta: 0.5, weightDecay: 0, relative: false, gamma: 0, accumulationSteps });
    const [parts, whole] = [make(2), make(1)];
    const [x, y, z] = ['x', 'y', 'z'].map((name) => variable(name, [1], [1])) as [
      Variable,
      Variable,
      Variable,
    ];
    const step = stepper(parts, compiled);
    step({ x: 1, y: 1 });
    step({ x: 1, y: 1 });
    for (let update = 0; update < 3; update++) {
      // x has its gradient in the first call only, y in the second only.
      step({ x: 1 });
      step({ y: 1 });
    }
    const single = stepper(whole, false);
    for (const gradient of [1, 0.5, 0.5, 0.5]) single({ z: gradient });
    expect([theta(x), theta(y)]).toEqual([theta(z), theta(z)]);
    const [{ 'x/momentum': mx, 'y/momentum': my }, { 'z/momentum': mz }] = [
      await stateOf(parts),
      await stateOf(whole),
    ];
    expect([mx, my]).toEqual([mz, mz]);
  });

  it('takes what waited for its update into the norm by which all are clipped', () => {
    const optimizer = sgd({ learningRate: 1, accumulationSteps: 2, clipGlobalNorm: 1 });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    const step = stepper(optimizer, compiled);
    step({ x: 0, y: 0 });
    step({ x: 0, y: 0 });
    step({ x: 6 });
    step({ y: 8 });
    expect([theta(x), theta(y)].map((value) => Number(value.toFixed(6)))).toEqual([-0.6, -0.8]);
  });

  it('leaves sick calls out of the mean of a parameter that is missing in the last one', async () => {
    const optimizer = sgd({ learningRate: 1, accumulationSteps: 3, nonFinite: 'skip' });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    const step = stepper(optimizer, compiled);
    for (let call = 0; call < 3; call++) step({ x: 0, y: 0 });
    step({ x: 2, y: 1 });
    step({ x: NaN, y: 1 });
    step({ y: 1 });
    expect([theta(x), theta(y)]).toEqual([-1, -1]);
    expect(await optimizer.skippedSteps()).toBe(1);
  });

  it('resumes between the calls of an update as if it had not stopped', async () => {
    for (const make of [sgd, tiger] as ((options: Options) => AnyOptimizer)[]) {
      const options = { learningRate: 0.5, accumulationSteps: 3 };
      const optimizer = make(options);
      const [x, y] = [variable('x', [1], [1]), variable('y', [1], [1])];
      const step = stepper(optimizer, compiled);
      for (let call = 0; call < 3; call++) step({ x: 1, y: 1 });
      step({ x: 1 });
      const [state, start] = [optimizer.snapshot(), [theta(x), theta(y)]];
      expect(state.map(({ name }) => name)).toContain('x/iter');
      expect(state.map(({ name }) => name)).not.toContain('y/iter');
      const finish = (then: ReturnType<typeof stepper>): number[] => {
        for (let call = 0; call < 2; call++) then({ y: 1 });
        for (let call = 0; call < 3; call++) then({ x: -1 });
        return [theta(x), theta(y)];
      };
      const expected = finish(step);
      x.assign(tensor([1], [start[0] as number]));
      y.assign(tensor([1], [start[1] as number]));
      const resumed = make(options);
      await resumed.setWeights(state);
      expect(finish(stepper(resumed, compiled))).toEqual(expected);
      tf.dispose([x, y, ...state.map(({ tensor: of }) => of)]);
    }
  });
});

describe('accumulation', () => {
  it('loses nothing where a compiled step did not know a parameter: its gradients come with the next update', () => {
    const optimizer = sgd({ learningRate: 1, accumulationSteps: 3 });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    const step = stepper(optimizer, true);
    // x y x | y x y: the step on x was traced before y was known.
    for (let call = 0; call < 6; call++) step(call % 2 === 0 ? { x: 3 } : { y: 3 });
    expect([theta(x), theta(y)]).toEqual([-3, -3]);
  });

  it('leaves no tensor behind', () => {
    const optimizer = adam({ accumulationSteps: 2, nonFinite: 'skip', clipGlobalNorm: 1 });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    const step = stepper(optimizer, false);
    const round = (): void => {
      step({ x: 1, y: 1 });
      step({ x: 1 });
    };
    round();
    round();
    const before = tf.memory().numTensors;
    round();
    expect(tf.memory().numTensors).toBe(before);
    expect([x, y].every(({ isDisposed }) => !isDisposed)).toBe(true);
  });
});
