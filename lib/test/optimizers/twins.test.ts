import { afterEach, describe, it } from 'vitest';
import { schedules, type reference } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import {
  draw,
  expectClose,
  largest,
  normal,
  sizeOf,
  stateOf,
  step,
  uniform,
  values,
  variable,
} from './support';
import { subjects, type Subject } from './subjects';

afterEach(() => tf.disposeVariables());

const shapes = [[7], [3, 5], [5, 2, 3], [], [1], [1, 4], [2, 3, 4], [2, 1, 3, 2]];
const steps = 120;

interface Situation {
  readonly subject: Subject;
  readonly twin: reference.Twin;
  readonly options: Record<string, unknown>;
  readonly size: number;
  readonly t: number;
}

/** A gradient with zeros and with sizes over four decades, whose signs do not depend on float32 rounding. */
function gradientOf(
  { subject, twin, options, size, t }: Situation,
  next: () => number,
  choose: () => number,
): Float64Array {
  return Float64Array.from({ length: size }, (_, index) => {
    for (;;) {
      const gradient = choose() < 0.1 ? 0 : Math.fround(next() * 10 ** (choose() * 4 - 3));
      const momentum = twin.state.momentum?.[index] ?? 0;
      const signed = subject.signed?.(momentum, gradient, options, t);
      // Float32 errs by about 1e-7 of the terms, which are at most about 40 here.
      if (signed === undefined || signed === 0 || Math.abs(signed) > 1e-4) return gradient;
    }
  });
}

describe.each(subjects)('$name agrees with its float64 twin', (subject) => {
  describe.each(subject.variants.map((options, index) => ({ options, index })))(
    'with $options',
    ({ options, index }) => {
      it.each(shapes.slice(0, index === 0 ? undefined : 3).map((shape) => ({ shape })))(
        `for ${steps} steps on shape $shape`,
        async ({ shape }) => {
          const [next, choose] = [normal(1), uniform(2)];
          const optimizer = subject.make(options);
          const twin = subject.twin(shape, options);
          const size = sizeOf(shape);
          let theta = draw(size, next);
          let scale = largest(theta);
          const x = variable('x', shape, theta);
          for (let t = 1; t <= steps; t++) {
            const gradient = gradientOf({ subject, twin, options, size, t }, next, choose);
            theta = twin.step(theta, gradient);
            step(optimizer, [[x, gradient]]);
            scale = Math.max(scale, largest(theta));
            expectClose(values(x), theta, { scale });
          }
          const state = await stateOf(optimizer);
          for (const [slot, expected] of Object.entries(twin.state))
            expectClose(state[`x/${slot}`] ?? [], expected);
        },
      );
    },
  );

  it('with a schedule for the learning rate and for the decay', () => {
    const learningRate = schedules.warmUp({ steps: 10, then: schedules.cosine({ from: 0.02, steps: 60 }) });
    const weightDecay = schedules.linear({ from: 0, to: 0.5, steps: 50 });
    const options = { learningRate, weightDecay };
    const [next, choose] = [normal(3), uniform(4)];
    const optimizer = subject.make(options);
    const twin = subject.twin([6], options);
    let theta = draw(6, next);
    let scale = largest(theta);
    const x = variable('x', [6], theta);
    for (let t = 1; t <= 80; t++) {
      const gradient = gradientOf({ subject, twin, options, size: 6, t }, next, choose);
      theta = twin.step(theta, gradient);
      step(optimizer, [[x, gradient]]);
      scale = Math.max(scale, largest(theta));
      expectClose(values(x), theta, { scale });
    }
  });
});
