import { at, each, type Twin, type TwinOptions, type TwinRate } from './twin';

export interface TigerTwinOptions extends TwinOptions {
  /** For each element, the number of the row that it shares the root mean square with; none: one for all. */
  rows?: readonly number[];
  /** Whether the learning rate is relative to the root mean square; default true. */
  relative?: boolean;
  /** Bias, beta or gamma: learning rate α/2, no decay. */
  elementwise?: boolean;
  centre?: number;
  beta?: number;
  accumulationSteps?: number;
  shrinkRatio?: number;
  gamma?: TwinRate;
  rmsFloor?: number;
}

/** Tiger in float64: article 06, a call of `step` per micro-step; schedules count updates. `size`: number of elements of the parameter. */
export function tiger(size: number, options: TigerTwinOptions = {}): Twin {
  const {
    learningRate = 1e-3,
    weightDecay = 0.01,
    beta = 0.965,
    accumulationSteps: k = 1,
    rmsFloor = 0,
  } = options;
  const {
    rows = new Array<number>(size).fill(0),
    relative = true,
    elementwise = false,
    centre = 0,
    shrinkRatio = 0.99,
    gamma = 1,
  } = options;
  const m = new Float64Array(size);
  let t = 0;
  return {
    state: { momentum: m },
    step(theta, g) {
      t += 1;
      const update = Math.ceil(t / k);
      const sick = g.some(Number.isNaN);
      const decay = (t - 1) % k === 0 && !(sick && k === 1) ? beta : 1;
      m.set(each((mi, gi) => decay * mi + (sick ? 0 : ((1 - beta) / k) * gi), m, g));
      if (sick) return theta.map((x) => (x - centre) * shrinkRatio + centre);
      if (t % k !== 0) return theta;
      const alpha = at(learningRate, update);
      const eta = elementwise
        ? theta.map(() => 0.5)
        : rowSizes(theta, rows).map((size) => Math.max(rmsFloor, size));
      const lambda = elementwise ? 0 : at(weightDecay, update);
      const u = m.map((mi) => Math.sign(mi) * Math.abs(mi) ** (1 - at(gamma, update)));
      return each((x, ei, ui) => x - alpha * (relative ? ei : 1) * (ui + lambda * x), theta, eta, u);
    },
  };
}

/** For each element the root mean square of its row. */
function rowSizes(theta: Float64Array, rows: readonly number[]): Float64Array {
  return Float64Array.from(rows, (row) => {
    const own = theta.filter((_, j) => rows[j] === row);
    return Math.sqrt(own.reduce((sum, x) => sum + x ** 2, 0) / own.length);
  });
}
