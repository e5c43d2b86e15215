import { afterEach, describe, it } from 'vitest';
import { schedules } from '../../src/optimizers';
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

const shapes = [[], [1], [7], [3, 5], [1, 4], [2, 3, 4], [2, 1, 3, 2]];
const steps = 120;

/** A gradient with zeros and with sizes over four decades, whose signs do not depend on float32 rounding. */
function gradientOf(
  subject: Subject,
  state: Readonly<Record<string, Float64Array>>,
  options: object,
  size: number,
  next: () => number,
  choose: () => number,
): Float64Array {
  return Float64Array.from({ length: size }, (_, index) => {
    for (;;) {
      const gradient = choose() < 0.1 ? 0 : Math.fround(next() * 10 ** (choose() * 4 - 3));
      const signed = subject.signed?.(state, gradient, index, options as Record<string, unknown>);
      // Float32 errs by about 1e-7 of the terms, which are at most about 40 here.
      if (signed === undefined || signed === 0 || Math.abs(signed) > 1e-4) return gradient;
    }
  });
}

describe.each(subjects)('$name agrees with its float64 twin', (subject) => {
  describe.each(subject.variants)('with %o', (options) => {
    it.each(shapes.map((shape) => ({ shape })))(`for ${steps} steps on shape $shape`, async ({ shape }) => {
      const [next, choose] = [normal(1), uniform(2)];
      const optimizer = subject.make(options);
      const twin = subject.twin(shape, options);
      const size = sizeOf(shape);
      let theta = draw(size, next);
      let scale = largest(theta);
      const x = variable('x', shape, theta);
      for (let count = 0; count < steps; count++) {
        const gradient = gradientOf(subject, twin.state, options, size, next, choose);
        theta = twin.step(theta, gradient);
        step(optimizer, [[x, gradient]]);
        scale = Math.max(scale, largest(theta));
        expectClose(values(x), theta, { scale });
      }
      const state = await stateOf(optimizer);
      for (const [slot, expected] of Object.entries(twin.state))
        expectClose(state[`x/${slot}`] ?? [], expected);
    });
  });

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
    for (let count = 0; count < 80; count++) {
      const gradient = gradientOf(subject, twin.state, options, 6, next, choose);
      theta = twin.step(theta, gradient);
      step(optimizer, [[x, gradient]]);
      scale = Math.max(scale, largest(theta));
      expectClose(values(x), theta, { scale });
    }
  });
});
