/** All optimizers, for the tests of what every optimizer must do. */
import {
  adaFactor,
  adam,
  adamW,
  adaX,
  adaXW,
  amos,
  lamb,
  lion,
  reference,
  rmsProp,
  sgd,
  signum,
  tiger,
  type Optimizer,
} from '../../src/optimizers';
import { sizeOf } from './numbers';

type Options = Record<string, unknown>;

interface Problem {
  /** Learning rate of the first step; it falls to 0 on a line. */
  readonly learningRate: number;
  readonly steps: number;
  readonly options?: Options;
}

export interface Subject {
  readonly name: string;
  readonly make: (options?: Options) => Optimizer;
  readonly twin: (shape: readonly number[], options?: Options) => reference.Twin;
  /** Option combinations for which the tensor version is compared with the twin. */
  readonly variants: readonly Options[];
  readonly parabola: Problem;
  readonly rosenbrock: Problem;
  /** What θ = (1, −4) is multiplied by in a step with zero gradient, η = 0.125 and λ = 0.5; default 1 − ηλ. */
  readonly restingFactor?: number;
  /** Options with which a NaN in a gradient shows, where that is not the default. */
  readonly propagatingOptions?: Options;
  /** For optimizers of signs, what the sign is taken of at step t: tests keep it away from 0, where rounding decides. */
  readonly signed?: (momentum: number, gradient: number, options: Options, t: number) => number;
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
    rosenbrock: { learningRate: 5e-3, steps: 700, options: { momentum: 0.9 } },
  },
  {
    name: 'signum',
    make: (options) => signum(options),
    twin: (shape, options) => reference.signum(sizeOf(shape), options),
    variants: [{ learningRate: 0.01 }, { learningRate: 0.01, beta: 0.5, weightDecay: 0.3 }, { beta: 0 }],
    signed: (momentum, gradient, { beta = 0.9 }) => mix(beta as number, momentum, gradient),
    parabola: { learningRate: 0.03, steps: 1000 },
    rosenbrock: { learningRate: 5e-3, steps: 1000 },
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
    signed: (momentum, gradient, { beta1 = 0.9 }) => mix(beta1 as number, momentum, gradient),
    parabola: { learningRate: 0.05, steps: 1500 },
    rosenbrock: { learningRate: 2e-3, steps: 1500 },
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
    parabola: { learningRate: 0.5, steps: 200 },
    rosenbrock: { learningRate: 0.02, steps: 700 },
  },
  {
    name: 'adamW',
    make: (options) => adamW(options),
    twin: (shape, options) => reference.adam(sizeOf(shape), { weightDecay: 0.01, ...options }),
    variants: [{ learningRate: 0.01 }, { learningRate: 0.01, weightDecay: 0.3, beta2: 0.99 }],
    parabola: { learningRate: 0.5, steps: 200, options: { weightDecay: 0 } },
    rosenbrock: { learningRate: 0.02, steps: 700, options: { weightDecay: 0 } },
  },
  {
    name: 'rmsProp',
    make: (options) => rmsProp(options),
    twin: (shape, options) => reference.rmsProp(sizeOf(shape), options),
    variants: [{ learningRate: 0.01 }, { learningRate: 0.01, beta2: 0.9, epsilon: 1e-4, weightDecay: 0.1 }],
    parabola: { learningRate: 0.5, steps: 100, options: { beta2: 0.9 } },
    rosenbrock: { learningRate: 0.01, steps: 2500, options: { beta2: 0.99 } },
  },
  {
    name: 'lamb',
    make: (options) => lamb(options),
    twin: (shape, options) => reference.lamb(sizeOf(shape), options),
    variants: [
      { learningRate: 0.01 },
      { learningRate: 0.01, biasCorrection: false, beta1: 0.5, weightDecay: 0 },
      { learningRate: 0.01, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.2 },
    ],
    parabola: { learningRate: 0.01, steps: 700, options: { weightDecay: 0 } },
    rosenbrock: { learningRate: 0.02, steps: 1000, options: { weightDecay: 0, beta2: 0.99 } },
    restingFactor: 0.875,
  },
  {
    name: 'adaX',
    make: (options) => adaX(options),
    twin: (shape, options) => reference.adaX(sizeOf(shape), options),
    variants: [
      { learningRate: 0.01 },
      { learningRate: 0.01, beta1: 0, beta2: 0.1, weightDecay: 0.1 },
      { learningRate: 0.01, epsilonPlacement: 'inside', epsilon: 1e-4 },
      { learningRate: 0.01, epsilonPlacement: 'unnormalized', epsilon: 1e-3 },
    ],
    parabola: { learningRate: 1, steps: 200 },
    rosenbrock: { learningRate: 0.02, steps: 400 },
  },
  {
    name: 'adaXW',
    make: (options) => adaXW(options),
    twin: (shape, options) =>
      reference.adaX(sizeOf(shape), { learningRate: 5e-3, epsilon: 1e-12, weightDecay: 0.05, ...options }),
    variants: [{}, { learningRate: 0.01, weightDecay: 0.3, beta2: 0.01 }],
    parabola: { learningRate: 1, steps: 200, options: { weightDecay: 0 } },
    rosenbrock: { learningRate: 0.02, steps: 400, options: { weightDecay: 0 } },
  },
  {
    name: 'adaFactor',
    make: (options) => adaFactor(options),
    twin: (shape, options) =>
      reference.adaFactor(sizeOf(shape), {
        ...options,
        ...(options?.minDimensionSizeToFactor === 1 && { factors: factorsOf(shape) }),
      }),
    variants: [
      {},
      { minDimensionSizeToFactor: 1 },
      { learningRate: 0.01, minDimensionSizeToFactor: 1, beta1: 0.9, weightDecay: 0.1, clipThreshold: 0.5 },
      {
        learningRate: 0.01,
        minDimensionSizeToFactor: 1,
        scaleByParameter: false,
        clipThreshold: null,
        decayExponent: 0.5,
      },
      { learningRate: 0.01, epsilon1: 1e-4, epsilon2: 0.5 },
    ],
    parabola: { learningRate: 1, steps: 100, options: { scaleByParameter: false } },
    rosenbrock: { learningRate: 0.02, steps: 400, options: { scaleByParameter: false, beta1: 0.9 } },
    restingFactor: 1 - 0.125 * Math.sqrt(8.5) * 0.5,
  },
  {
    name: 'amos',
    make: (options) => amos(options),
    twin: (shape, options) => reference.amos(sizeOf(shape), { ...amosRole(shape), ...options }),
    variants: [
      { learningRate: 0.1, beta: 0.98 },
      { learningRate: 0.05, beta: 0.9, scale: 2, momentum: 0.9, extraL2: 0.001 },
      { learningRate: 0.5, beta: 0.5, cCoefficient: 1, dCoefficient: 0.5, weightDecay: 0.01 },
    ],
    parabola: { learningRate: 0.2, steps: 200, options: { scale: 1, beta: 0.5, momentum: 0.9 } },
    rosenbrock: {
      learningRate: 0.01,
      steps: 400,
      options: { scale: 1, beta: 0.5, clipValue: 1, momentum: 0.9 },
    },
    restingFactor: 1 - 0.125 * 0.5 * 0.5,
  },
  {
    name: 'tiger',
    make: (options) => tiger(options),
    twin: (shape, options) =>
      reference.tiger(sizeOf(shape), {
        ...options,
        elementwise: options?.elementwise !== undefined,
        centre: options?.centeredAtOne === undefined ? 0 : 1,
        ...(options?.rowwise !== undefined && shape.length > 0 && { rows: rowsOf(shape) }),
      }),
    variants: [
      { learningRate: 0.01 },
      { learningRate: 0.01, elementwise: 'x', beta: 0.5, weightDecay: 0.3 },
      { learningRate: 0.01, rowwise: 'x', rmsFloor: 0.5, accumulationSteps: 3 },
      { learningRate: 0.01, gamma: 0.5, nanRule: false, relative: false },
      { learningRate: 0.01, gamma: 0, relative: false },
    ],
    signed: (momentum, gradient, { beta = 0.965, accumulationSteps = 1 }, t) => {
      const [b, k] = [beta as number, accumulationSteps as number];
      return ((t - 1) % k === 0 ? b : 1) * momentum + ((1 - b) / k) * gradient;
    },
    parabola: { learningRate: 0.02, steps: 700, options: { weightDecay: 0, rmsFloor: 0.1, beta: 0.9 } },
    rosenbrock: { learningRate: 5e-3, steps: 2000, options: { weightDecay: 0, rmsFloor: 0.1 } },
    restingFactor: 1 - 0.125 * Math.sqrt(8.5) * 0.5,
    propagatingOptions: { nanRule: false },
  },
];

const mix = (beta: number, momentum: number, gradient: number): number =>
  beta * momentum + (1 - beta) * gradient;

const rowsOf = (shape: readonly number[]): number[] =>
  Array.from({ length: sizeOf(shape) }, (_, i) => Math.floor(i / (shape.at(-1) ?? 1)));

/** Matrices average over all but their last axis, vectors over everything. */
function amosRole(shape: readonly number[]): reference.AmosTwinOptions {
  const width = shape.at(-1) ?? 1;
  if (shape.length < 2) return { scale: 0.5 };
  const shared = Array.from({ length: sizeOf(shape) }, (_, i) => i % width);
  return { scale: Math.sqrt(1 / sizeOf(shape.slice(0, -1))), shared };
}

/** The two largest dimensions are factored. */
function factorsOf(shape: readonly number[]): reference.Factors | undefined {
  if (shape.length < 2) return undefined;
  // Sorting is stable: of axes of one length the last comes first.
  const bySize = shape
    .map((_, axis) => axis)
    .reverse()
    .sort((a, b) => (shape[b] as number) - (shape[a] as number));
  const axes = bySize.slice(0, 2).sort((a, b) => a - b) as [number, number];
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const keys = (without: readonly number[]): number[] =>
    Array.from({ length: sizeOf(shape) }, (_, i) =>
      without.reduce((key, axis) => {
        const [stride, length] = [strides[axis] as number, shape[axis] as number];
        return key - (Math.floor(i / stride) % length) * stride;
      }, i),
    );
  return { row: keys([axes[1]]), column: keys([axes[0]]), matrix: keys(axes) };
}
