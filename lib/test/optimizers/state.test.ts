import type { Tensor } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { adam, adamW, lion, sgd } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { stateOf, step, tensor, values, variable } from './support';

afterEach(() => tf.disposeVariables());

describe('state', () => {
  it('of another shape, of another optimizer, incomplete or misnamed is refused, changing nothing', async () => {
    const optimizer = adam({ learningRate: 0.1 });
    const x = variable('x', [2], [1, 2]);
    step(optimizer, [[x, [1, 1]]]);
    const before = await stateOf(optimizer);
    const iter = { name: 'iter', tensor: tf.scalar(7, 'int32') };
    const [fits, wrong] = [tensor([2], [5, 5]), tensor([3], [5, 5, 5])];
    const attempts = [
      { weights: [], message: 'no "iter"' },
      { weights: [iter, { name: 'x', tensor: fits }], message: 'State "x" is not named <parameter>/<slot>' },
      {
        weights: [iter, { name: 'x/firstMoment', tensor: fits }],
        message: 'expected firstMoment float32[2] and secondMoment float32[2], found firstMoment float32[2]',
      },
      {
        weights: [iter, { name: 'x/firstMoment', tensor: fits }, { name: 'x/secondMoment', tensor: wrong }],
        message: 'secondMoment float32[3]',
      },
      { weights: [iter, { name: 'x/momentum', tensor: fits }], message: 'found momentum float32[2]' },
      {
        weights: [iter, { name: 'x/firstMoment', tensor: fits }, { name: 'x/firstMoment', tensor: fits }],
        message: 'given twice',
      },
    ];
    for (const { weights, message } of attempts)
      await expect(optimizer.setWeights(weights)).rejects.toThrow(message);
    expect(await stateOf(optimizer)).toEqual(before);
  });

  it('loaded before the variables exist is used when they do', async () => {
    const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
    await optimizer.setWeights([
      { name: 'iter', tensor: tf.scalar(3, 'int32') },
      { name: 'x/velocity', tensor: tensor([1], [4]) },
    ]);
    const x = variable('x', [1], [0]);
    step(optimizer, [[x, [1]]]);
    expect(values(x)[0]).toBe(-3);
    expect(await stateOf(optimizer)).toEqual({ iter: [4], 'x/velocity': [3] });
  });

  it('loaded for other parameters than those of the step is reported', async () => {
    const optimizer = sgd({ momentum: 0.5 });
    await optimizer.setWeights([
      { name: 'iter', tensor: tf.scalar(3, 'int32') },
      { name: 'encoder/velocity', tensor: tensor([1], [4]) },
    ]);
    const x = variable('decoder', [1], [0]);
    expect(() => step(optimizer, [[x, [1]]])).toThrow(
      'The loaded state is of "encoder", but this step is of "decoder"',
    );
    expect(values(x)[0]).toBe(0);
    expect(optimizer.iterations).toBe(3);
  });

  it.each([{ shape: [1] }, { shape: [3] }])(
    'of a variable that was made again under its name, with shape $shape, starts from zero',
    async ({ shape }) => {
      const before = tf.memory().numTensors;
      const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
      const x = variable('x', [1], [1]);
      step(optimizer, [[x, [8]]]);
      x.dispose();
      // What was of a variable that is gone is not saved.
      expect(await stateOf(optimizer)).toEqual({ iter: [1] });
      const gradient = Array.from({ length: shape[0] as number }, () => 2);
      const again = variable('x', shape, gradient);
      step(optimizer, [[again, gradient]]);
      expect(await stateOf(optimizer)).toEqual({ iter: [2], 'x/velocity': gradient });
      again.dispose();
      optimizer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('of a variable that was made again is the loaded one where one was loaded since', async () => {
    const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
    const x = variable('x', [1], [1]);
    step(optimizer, [[x, [8]]]);
    const saved = optimizer.snapshot();
    x.dispose();
    const again = variable('x', [1], [0]);
    await optimizer.setWeights(saved);
    step(optimizer, [[again, [2]]]);
    expect(await stateOf(optimizer)).toEqual({ iter: [2], 'x/velocity': [6] });
  });

  it('starts from zero in a compiled step too', async () => {
    const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
    let x = variable('x', [1], [1]);
    const run = (): void => {
      const traced = compile((g: Tensor) => optimizer.applyGradients([{ name: 'x', tensor: g }]));
      for (let count = 0; count < 3; count++) traced(tensor([1], [8]));
      traced.dispose();
    };
    run();
    expect(await stateOf(optimizer)).toEqual({ iter: [3], 'x/velocity': [14] });
    x.dispose();
    x = variable('x', [1], [1]);
    run();
    expect(await stateOf(optimizer)).toEqual({ iter: [6], 'x/velocity': [14] });
  });

  describe('by names that differ in a number', () => {
    const saved = async (name: string): Promise<{ name: string; tensor: Tensor }[]> => {
      const optimizer = sgd({ momentum: 0.5 });
      const x = variable(name, [2], [0, 0]);
      step(optimizer, [[x, [3, 3]]]);
      const state = optimizer.snapshot();
      await Promise.resolve();
      return state;
    };

    it.each([{ order: ['w_1', 'w_2'] }, { order: ['w_2', 'w_1'] }])(
      'stays with its own parameter, in the order $order, eager and compiled',
      async ({ order }) => {
        const state = await saved('w_2');
        variable('w_1', [2], [0, 0]);
        for (const compiled of [false, true]) {
          const optimizer = sgd({ momentum: 0.5 });
          await optimizer.setWeights(state);
          const plain = (g: Tensor): void =>
            optimizer.applyGradients(order.map((name) => ({ name, tensor: g })));
          const traced = compiled ? compile(plain) : plain;
          for (let count = 0; count < 2; count++) traced(tensor([2], [0, 0]));
          expect(await stateOf(optimizer)).toEqual({
            iter: [3],
            'w_1/velocity': [0, 0],
            'w_2/velocity': [0.75, 0.75],
          });
        }
      },
    );

    it('does not go to the other one where that is stepped alone, whatever its shape', async () => {
      const state = await saved('w_2');
      for (const shape of [[2], [3]]) {
        const optimizer = sgd({ momentum: 0.5 });
        await optimizer.setWeights(state);
        const one = variable('w_1', shape, new Float32Array(shape[0] as number));
        step(optimizer, [[one, new Float32Array(shape[0] as number)]]);
        expect((await stateOf(optimizer))['w_1/velocity']).toEqual(Array.from({ length: one.size }, () => 0));
        expect((await stateOf(optimizer))['w_2/velocity']).toEqual([3, 3]);
        one.dispose();
      }
    });

    it('goes to a weight that tf.layers had to give a number, and the old name stays free', async () => {
      const state = await saved('dense/kernel');
      const optimizer = sgd({ momentum: 0.5 });
      await optimizer.setWeights(state);
      const again = variable('dense/kernel_1', [2], [0, 0]);
      step(optimizer, [[again, [0, 0]]]);
      expect(await stateOf(optimizer)).toEqual({ iter: [2], 'dense/kernel_1/velocity': [1.5, 1.5] });
      const old = tf.engine().registeredVariables['dense/kernel']!;
      step(optimizer, [[old, [1, 1]]]);
      expect((await stateOf(optimizer))['dense/kernel/velocity']).toEqual([1, 1]);
    });

    it('is not guessed where tf.layers may have counted on', async () => {
      const state = await saved('dense/kernel_1');
      const optimizer = sgd({ momentum: 0.5 });
      await optimizer.setWeights(state);
      const again = variable('dense/kernel_2', [2], [0, 0]);
      expect(() => step(optimizer, [[again, [0, 0]]])).toThrow(
        'The loaded state is of "dense/kernel_1", but this step is of "dense/kernel_2"',
      );
    });
  });

  it('of a model with another layer more is reported; a new layer starts from zero', async () => {
    const make = () => sgd({ momentum: 0.5 });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    const whole = make();
    step(whole, [
      [x, [1]],
      [y, [1]],
    ]);
    const state = whole.snapshot();
    y.dispose();
    const less = make();
    await less.setWeights(state);
    expect(() => step(less, [[x, [1]]])).toThrow('The loaded state is of "y", but this step is of "x"');
    const more = make();
    await more.setWeights(state.filter(({ name }) => !name.startsWith('y')));
    const z = variable('z', [1], [0]);
    step(more, [
      [x, [0]],
      [z, [1]],
    ]);
    expect(await stateOf(more)).toEqual({ iter: [2], 'x/velocity': [0.5], 'z/velocity': [1] });
  });

  it('that is not loaded goes back to zero', async () => {
    const optimizer = sgd({ learningRate: 1, momentum: 0.5 });
    const [x, y] = [variable('x', [1], [0]), variable('y', [1], [0])];
    step(optimizer, [[x, [8]]]);
    const saved = (await optimizer.getWeights()).map(({ name, tensor: of }) => ({
      name,
      tensor: of.clone(),
    }));
    step(optimizer, [
      [x, [8]],
      [y, [8]],
    ]);
    await optimizer.setWeights(saved);
    expect(await stateOf(optimizer)).toEqual({ iter: [1], 'x/velocity': [8], 'y/velocity': [0] });
  });

  it('can be started over by dispose', async () => {
    const optimizer = lion();
    const x = variable('x', [1], [0]);
    step(optimizer, [[x, [8]]]);
    optimizer.dispose();
    expect(await stateOf(optimizer)).toEqual({ iter: [0] });
    step(optimizer, [[x, [8]]]);
    expect(Object.keys(await stateOf(optimizer))).toEqual(['iter', 'x/momentum']);
  });
});

describe('configuration', () => {
  it('refuses what JSON cannot hold', () => {
    expect(() => lion({ learningRate: () => 1 }).getConfig()).toThrow('A plain function as schedule');
    expect(() => lion({ excludeFromWeightDecay: () => true }).getConfig()).toThrow(
      'A predicate cannot be written',
    );
  });

  it('knows the optimizers of TensorFlow.js from its own', () => {
    const map = tf.serialization.SerializationMap.getMap().classNameMap;
    expect(map.Adam?.[0]).not.toBe(adam().constructor);
    expect(map.LiandanAdam?.[0]).toBe(adam().constructor);
    expect(map.AdamW?.[0]).toBe(adamW().constructor);
  });
});

describe('tf.layers', () => {
  const makeModel = (): ReturnType<typeof tf.sequential> =>
    tf.sequential({
      layers: [
        tf.layers.dense({
          units: 4,
          inputShape: [3],
          activation: 'tanh',
          kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
        }),
        tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }) }),
      ],
    });

  it.each([
    {
      name: 'lion',
      optimizer: () =>
        lion({ learningRate: 0.01, excludeFromWeightDecay: /bias|dense_x/, weightDecay: 0.01 }),
    },
    { name: 'adamW', optimizer: () => adamW({ learningRate: 0.01 }) },
  ])(
    'trains with $name, is saved with its state, loaded, and goes on as if it had not stopped',
    async ({ optimizer }) => {
      const x = tf.randomNormal([32, 3], 0, 1, 'float32', 3);
      const y = x.sum(1, true).tanh() as ReturnType<typeof tf.tensor2d>;
      const model = makeModel();
      model.compile({ optimizer: optimizer(), loss: 'meanSquaredError' });
      const options = { epochs: 5, batchSize: 32, shuffle: false, verbose: 0 };
      const first = await model.fit(x, y, options);
      const losses = first.history.loss as number[];
      expect(losses.at(-1)).toBeLessThan(losses[0] as number);

      let artifacts: Parameters<typeof tf.io.fromMemory>[0] | undefined;
      await model.save(
        tf.io.withSaveHandler((saved) => {
          // Through JSON, as a file would.
          artifacts = {
            ...saved,
            ...(JSON.parse(JSON.stringify({ trainingConfig: saved.trainingConfig })) as object),
          };
          return Promise.resolve({
            modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' },
          });
        }),
        { includeOptimizer: true },
      );
      const loaded = await tf.loadLayersModel(tf.io.fromMemory(artifacts as never));
      expect(loaded.optimizer.getConfig()).toEqual(model.optimizer.getConfig());
      expect(loaded.optimizer.iterations).toBe(5);
      const straight = await model.fit(x, y, options);
      const resumed = await loaded.fit(x, y, options);
      expect(resumed.history.loss).toEqual(straight.history.loss);
    },
  );
});
