import { afterEach, describe, expect, it } from 'vitest';
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

  it('of a variable that was made again with another shape is reported', () => {
    const optimizer = lion();
    const x = variable('x', [2], [1, 2]);
    step(optimizer, [[x, [1, 1]]]);
    x.dispose();
    const again = variable('x', [3], [1, 2, 3]);
    expect(() => step(optimizer, [[again, [1, 1, 1]]])).toThrow(
      'The state of "x" does not fit: expected momentum float32[3], found momentum float32[2]',
    );
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
