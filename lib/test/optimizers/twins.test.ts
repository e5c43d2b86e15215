import fc from 'fast-check';
import { afterEach, describe, it } from 'vitest';
import { schedules } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { Duel } from './duel';
import { normal, sizeOf, uniform } from './support';
import { subjects } from './subjects';

afterEach(() => tf.disposeVariables());

const shapes = [[7], [3, 5], [5, 2, 3], [], [1], [1, 4], [2, 3, 4], [2, 1, 3, 2]];
const steps = 120;

/** Zeros, and sizes over four decades. */
function varied(seed: number): () => number {
  const [next, choose] = [normal(seed), uniform(seed + 1)];
  return () => (choose() < 0.1 ? 0 : next() * 10 ** (choose() * 4 - 3));
}

describe.each(subjects)('$name agrees with its float64 twin', (subject) => {
  describe.each(subject.variants.map((options, index) => ({ options, index })))(
    'with $options',
    ({ options, index }) => {
      it.each(shapes.slice(0, index === 0 ? undefined : 3).map((shape) => ({ shape })))(
        `for ${steps} steps on shape $shape`,
        async ({ shape }) => {
          const duel = new Duel({ subject, options, shape, next: normal(1), gradient: varied(2) });
          for (let t = 1; t <= steps; t++) duel.step();
          await duel.end();
        },
      );
    },
  );

  it('with schedules for the learning rate and for the decay', async () => {
    const learningRate = schedules.warmUp({ steps: 10, then: schedules.cosine({ from: 0.02, steps: 60 }) });
    const weightDecay = schedules.linear({ from: 0, to: 0.5, steps: 50 });
    const options = { learningRate, weightDecay };
    const duel = new Duel({ subject, options, shape: [6], next: normal(3), gradient: varied(4) });
    for (let t = 1; t <= 80; t++) duel.step();
    await duel.end();
  });

  it('on any shape and any options, with gradients that are zero, sparse, tiny or huge by turns', async () => {
    const shape = fc
      .array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 })
      .filter((axes) => sizeOf(axes) <= 40);
    const phase = fc.record({
      size: fc.constantFrom(0, 1e-9, 1e-3, 1, 1e9),
      density: fc.constantFrom(0.1, 0.5, 1),
    });
    const learningRate = fc.constantFrom(1e-4, 1e-2, schedules.linear({ from: 0.05, steps: 150 }));
    const weightDecay = fc.constantFrom(0, 0.01, 0.5);
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.constantFrom(...subject.variants),
        fc.record({ learningRate, weightDecay }),
        fc.array(phase, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 1e6 }),
        async (axes, variant, rates, phases, seed) => {
          const [next, choose] = [normal(seed), uniform(seed + 1)];
          const gradient = (t: number): number => {
            const { size, density } = phases[Math.floor(((t - 1) * phases.length) / 200)] ?? {
              size: 1,
              density: 1,
            };
            return choose() < density ? size * next() : 0;
          };
          const duel = new Duel({ subject, options: { ...variant, ...rates }, shape: axes, next, gradient });
          try {
            for (let t = 1; t <= 200; t++) duel.step();
            await duel.end();
          } finally {
            tf.disposeVariables();
          }
        },
      ),
      { numRuns: 8, seed: 5 },
    );
  });
});
