/** What the steps of the state machine mean, in plain numbers: one line after another, as eager code runs. */

export type Vector = readonly number[];

/** Hold whole numbers, which float32 represents exactly. */
export const wholeNames = ['a', 'b', 'c', 'd', 'best'] as const;
/** Hold what optimizers compute; they do not flow back to the whole numbers. */
export const trainedNames = ['weights', 'target'] as const;
export const vectorNames = [...wholeNames, ...trainedNames] as const;
export type WholeName = (typeof wholeNames)[number];
export type VectorName = (typeof vectorNames)[number];

/** First and second moment, and the number of steps. */
export interface Moments {
  readonly first: Vector;
  readonly second: Vector;
}

export interface Numbers {
  readonly vectors: Record<VectorName, Vector>;
  bestScore: number;
  position: number;
  count: number;
  /** Of liandan's Adam; undefined before its first step. */
  adam: Moments | undefined;
  adamSteps: number;
  adamRate: number;
  /** Of TensorFlow.js's Adam. */
  train: Moments | undefined;
  trainSteps: number;
  /** Of liandan's SGD. */
  momentum: Vector | undefined;
  sgdSteps: number;
  sgdRate: number;
}

export const initially = (): Numbers => ({
  vectors: {
    a: [1, 2],
    b: [3, 4],
    c: [5, 6],
    d: [7, 8],
    weights: [0.5, -0.5],
    target: [0, 0],
    best: [9, 9],
  },
  bestScore: 4,
  position: 0,
  count: 0,
  adam: undefined,
  adamSteps: 0,
  adamRate: 0.125,
  train: undefined,
  trainSteps: 0,
  momentum: undefined,
  sgdSteps: 0,
  sgdRate: 0.0625,
});

export const table: Vector = [10, 20, 30];
export const TRAIN_RATE = 0.0625;
export const MOMENTUM = 0.5;
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** Whole numbers stay below it. */
export const MODULUS = 64;
/** Gradients stay below it. */
export const LARGEST_GRADIENT = 4;

const zip = (x: Vector, y: Vector, f: (p: number, q: number) => number): Vector =>
  x.map((p, i) => f(p, y[i]!));
export const add = (x: Vector, y: Vector): Vector => zip(x, y, (p, q) => p + q);
/** As tf.mod: the result has the sign of the modulus. */
const wrap = (x: Vector): Vector => x.map((p) => p - MODULUS * Math.floor(p / MODULUS));
const clip = (x: Vector): Vector => x.map((p) => Math.min(p, LARGEST_GRADIENT));
const dot = (x: Vector, y: Vector): number => sum(zip(x, y, (p, q) => p * q));
const sum = (x: Vector): number => x.reduce((total, p) => total + p, 0);

/** A step of Adam whose gradient is `g`. */
function adam(weights: Vector, g: Vector, moments: Moments | undefined, t: number, rate: number) {
  const { first, second } = moments ?? { first: [0, 0], second: [0, 0] };
  const m = zip(first, g, (p, q) => BETA1 * p + (1 - BETA1) * q);
  const v = zip(second, g, (p, q) => BETA2 * p + (1 - BETA2) * q * q);
  const moved = weights.map(
    (w, i) => w - (rate * (m[i]! / (1 - BETA1 ** t))) / (Math.sqrt(v[i]! / (1 - BETA2 ** t)) + EPSILON),
  );
  return { moved, moments: { first: m, second: v } };
}

/** What each step does to the numbers, and its results. Inputs are whole numbers. */
export const meanings = {
  accumulate: ({ vectors: v }, x) => {
    v.a = wrap(add(v.a, x));
    return [v.a];
  },
  exchange: ({ vectors: v }, x) => {
    const old = v.a;
    v.a = x;
    return [old];
  },
  swap: ({ vectors: v }) => {
    [v.b, v.c] = [v.c, v.b];
    return [];
  },
  shift: ({ vectors: v }, x) => {
    const total = wrap(add(add(v.a, v.b), v.c));
    [v.a, v.b, v.c] = [v.b, v.c, x];
    return [total];
  },
  copy: ({ vectors: v }, x) => {
    v.d = v.a;
    v.a = wrap(add(v.a, x));
    return [v.d];
  },
  share: ({ vectors: v }, x) => {
    const old = v.b;
    v.b = wrap(add(v.b, x));
    v.c = v.b;
    return [old, v.c];
  },
  twice: ({ vectors: v }, x) => {
    const between = x;
    v.d = wrap(add(between, v.b));
    return [between, v.d];
  },
  keepBest: (n, x) => {
    const score = sum(x);
    if (score > n.bestScore) n.vectors.best = n.vectors.a;
    n.bestScore = Math.max(n.bestScore - 1, score);
    return [n.vectors.best];
  },
  read: ({ vectors: v }) => [v.a, v.b, v.a, v.weights],
  identity: ({ vectors: v }, x) => {
    v.d = x;
    return [x];
  },
  lookUp: (n, x) => {
    const found = wrap(x.map((p) => p * table[n.position]!));
    n.position = (n.position + 1) % table.length;
    n.count += 1;
    return [found];
  },
  trainSgd: (n, x) => {
    const gradient = clip(x);
    const loss = dot(n.vectors.weights, gradient);
    n.momentum = zip(n.momentum ?? [0, 0], gradient, (p, g) => MOMENTUM * p + g);
    n.vectors.weights = zip(n.vectors.weights, n.momentum, (w, p) => w - n.sgdRate * p);
    n.sgdSteps += 1;
    return [[loss]];
  },
  trainAdam: (n, x) => {
    const gradient = clip(x);
    const loss = dot(n.vectors.weights, gradient) + sum(n.vectors.target);
    n.adamSteps += 1;
    const { moved, moments } = adam(n.vectors.weights, gradient, n.adam, n.adamSteps, n.adamRate);
    n.adam = moments;
    n.vectors.weights = moved;
    n.vectors.target = moved;
    return [[loss]];
  },
  trainTfjs: (n, x) => {
    const gradient = clip(x);
    const loss = dot(n.vectors.weights, gradient) - sum(n.vectors.target);
    n.trainSteps += 1;
    const { moved, moments } = adam(n.vectors.weights, gradient, n.train, n.trainSteps, TRAIN_RATE);
    n.train = moments;
    n.vectors.target = n.vectors.weights;
    n.vectors.weights = moved;
    return [[loss]];
  },
  checked: (n, x) => {
    n.vectors.a = wrap(add(n.vectors.b, x));
    n.vectors.b = n.vectors.a;
    n.count += 1;
    return [n.vectors.b];
  },
  indexed: ({ vectors: v }, [row]) => {
    v.c = v.a;
    v.a = wrap(add(v.a, [1, 1]));
    return [[table[row!]!]];
  },
} satisfies Record<string, (numbers: Numbers, x: Vector) => Vector[]>;

export type StepName = keyof typeof meanings;
/** Those that take two numbers. */
export const stepNames = (Object.keys(meanings) as StepName[]).filter((name) => name !== 'indexed');
