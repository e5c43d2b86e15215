import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { dropout, fed, Random, StepCounter, tf } from '../../src/runtime';

const values = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync());

/** One draw of each kind. */
function drawAll(random: Random): tf.Tensor[] {
  return [
    random.normal([3], { mean: 1, standardDeviation: 2 }),
    random.truncatedNormal([3]),
    random.uniform([3], { min: -1 }),
    random.bernoulli([3], 0.5),
    random.integers([3], { max: 9 }),
    random.permutation(5),
    dropout(tf.ones([4]), 0.5, random),
  ];
}

describe('random tensors in a compiled step', () => {
  it('are the same stream as in eager code', () => {
    const [eager, compiled] = [new Random(3), new Random(3)];
    const step = compile(() => drawAll(compiled), { xla: false });
    for (let i = 0; i < 3; i++) expect(step().map(values)).toEqual(drawAll(eager).map(values));
    expect(compiled.counter.value).toBe(eager.counter.value);
    drawAll(eager);
    drawAll(compiled);
    expect(step().map(values)).toEqual(drawAll(eager).map(values));
  });

  it('are the same stream in a loop', () => {
    const [eager, compiled] = [new Random(3), new Random(3)];
    const step = compile(() => drawAll(compiled), { xla: false });
    const looped = step.loop(4).map((tensor) => tf.unstack(tensor).map(values));
    for (let i = 0; i < 4; i++) expect(looped.map((rows) => rows[i])).toEqual(drawAll(eager).map(values));
    expect(step().map(values)).toEqual(drawAll(eager).map(values));
  });

  it('depend on seed and position with XLA too, and differ from step to step', () => {
    const draw = () => {
      const random = new Random(3);
      const step = compile(() => drawAll(random), { xla: true });
      const [first, second] = [step().map(values), step().map(values)];
      const looped = step.loop(2).map((tensor) => tf.unstack(tensor).map(values));
      return { first, second, looped };
    };
    const [a, b] = [draw(), draw()];
    expect(a).toEqual(b);
    expect(a.first).not.toEqual(a.second);
    expect(a.looped.map((rows) => rows[0])).not.toEqual(a.looped.map((rows) => rows[1]));
    expect([...a.first[5]!].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('have the right moments with XLA', () => {
    const random = new Random(5);
    const sample = values(compile(() => random.normal([50_000], { mean: 2 }), { xla: true })());
    const mean = sample.reduce((sum, x) => sum + x, 0) / sample.length;
    const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / sample.length;
    expect(mean).toBeCloseTo(2, 1);
    expect(variance).toBeCloseTo(1, 1);
  });
});

describe('values of fed()', () => {
  const build = () => {
    const counter = new StepCounter();
    const schedule = () => {
      counter.advance();
      const rate = fed(() => 1 / counter.value);
      const offsets = fed(() => [counter.value, 10 * counter.value]);
      const half = fed(() => Math.floor(counter.value / 2), 'int32');
      const pair = fed(() => [counter.value, -1], 'int32');
      return { rate: rate.mul(2), sum: offsets.sum(), ints: [half, pair.add(half)] };
    };
    return { counter, schedule };
  };
  const read = (tree: ReturnType<ReturnType<typeof build>['schedule']>) => [
    values(tree.rate),
    values(tree.sum),
    ...tree.ints.map(values),
  ];

  it.each([false, true])('are evaluated at each call and each step of a loop (XLA: %s)', (xla) => {
    const [eager, compiled] = [build(), build()];
    const step = compile(compiled.schedule, { xla });
    for (let i = 0; i < 3; i++) expect(read(step())).toEqual(read(eager.schedule()));
    const { rate, sum, ints } = step.loop(3);
    for (let i = 0; i < 3; i++) {
      const row = [rate, sum, ...ints].map((tensor) => values(tf.unstack(tensor)[i]!));
      expect(row).toEqual(read(eager.schedule()));
    }
    eager.counter.value = 100;
    compiled.counter.value = 100;
    expect(read(step())).toEqual(read(eager.schedule()));
  });
});
