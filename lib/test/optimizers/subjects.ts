/** All optimizers, for the tests of what every optimizer must do. */
import { adam, adamW, lion, reference, sgd, signum } from '../../src/optimizers';
import { sizeOf, type AnyOptimizer } from './support';

type Options = Record<string, unknown>;

interface Problem {
  /** Learning rate of the first step; it falls to 0 on a line. */
  readonly learningRate: number;
  readonly steps: number;
  readonly options?: Options;
}

export interface Subject {
  readonly name: string;
  readonly make: (options?: Options) => AnyOptimizer;
  readonly twin: (shape: readonly number[], options?: Options) => reference.Twin;
  /** Option combinations for which the tensor version is compared with the twin. */
  readonly variants: readonly Options[];
  readonly parabola: Problem;
  readonly rosenbrock: Problem;
  /** For optimizers of signs, what the sign is taken of: tests keep it away from 0, where rounding decides. */
  readonly signed?: (
    state: reference.Twin['state'],
    gradient: number,
    index: number,
    options: Options,
  ) => number;
}

export const subjects: readonly Subject[] = [
  {
    name: 'sgd',
    make: (options) => sgd(options),
    twin: (shape, options) => reference.sgd(sizeOf(shape), options),
    variants: [
      { learningRate: 0.1 },
      { learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 },
      { learningRate: 0.01, momentum: 0.9, nesterov: true },
    ],
    parabola: { learningRate: 0.4, steps: 60 },
    rosenbrock: { learningRate: 2e-3, steps: 4000, options: { momentum: 0.9 } },
  },
  {
    name: 'signum',
    make: (options) => signum(options),
    twin: (shape, options) => reference.signum(sizeOf(shape), options),
    variants: [{ learningRate: 0.01 }, { learningRate: 0.01, beta: 0.5, weightDecay: 0.3 }, { beta: 0 }],
    signed: ({ momentum }, gradient, index, { beta = 0.9 }) =>
      mix(beta as number, momentum?.[index], gradient),
    parabola: { learningRate: 0.05, steps: 1500 },
    rosenbrock: { learningRate: 0.01, steps: 3000 },
  },
  {
    name: 'lion',
    make: (options) => lion(options),
    twin: (shape, options) => reference.lion(sizeOf(shape), options),
    variants: [
      { learningRate: 0.01 },
      { learningRate: 0.01, beta1: 0.95, beta2: 0.98, weightDecay: 0.3 },
      { learningRate: 0.01, beta1: 0, weightDecay: 0.1 },
    ],
    signed: ({ momentum }, gradient, index, { beta1 = 0.9 }) =>
      mix(beta1 as number, momentum?.[index], gradient),
    parabola: { learningRate: 0.05, steps: 1500 },
    rosenbrock: { learningRate: 0.01, steps: 3000 },
  },
  {
    name: 'adam',
    make: (options) => adam(options),
    twin: (shape, options) => reference.adam(sizeOf(shape), options),
    variants: [
      { learningRate: 0.01 },
      { learningRate: 0.01, beta1: 0, epsilon: 1e-3 },
      { learningRate: 0.01, beta1: 0.8, beta2: 0.9, weightDecay: 0.1 },
    ],
    parabola: { learningRate: 0.3, steps: 400 },
    rosenbrock: { learningRate: 0.03, steps: 3000 },
  },
  {
    name: 'adamW',
    make: (options) => adamW(options),
    twin: (shape, options) => reference.adam(sizeOf(shape), { weightDecay: 0.01, ...options }),
    variants: [{ learningRate: 0.01 }, { learningRate: 0.01, weightDecay: 0.3, beta2: 0.99 }],
    parabola: { learningRate: 0.3, steps: 400, options: { weightDecay: 0 } },
    rosenbrock: { learningRate: 0.03, steps: 3000, options: { weightDecay: 0 } },
  },
];

const mix = (beta: number, momentum = 0, gradient: number): number => beta * momentum + (1 - beta) * gradient;
