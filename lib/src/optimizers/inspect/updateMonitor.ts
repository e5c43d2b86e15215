import type { Variable } from '@tensorflow/tfjs-core';

/** How a parameter moved in one step. */
export interface Movement {
  readonly parameter: string;
  /** RMS of θ_t − θ_{t−1}. */
  readonly updateRootMeanSquare: number;
  /** ‖θ_t − θ_{t−1}‖ / ‖θ_{t−1}‖; NaN for a parameter that was zero. */
  readonly relativeStep: number;
  /** Portion of the elements that moved against the direction of their last move; NaN at the first record. */
  readonly signFlips: number;
}

/**
 * Watches how parameters move, whatever the optimizer and whether the step is compiled or not. It reads the values back
 * from TensorFlow: use it every so many steps.
 *
 * @example
 * const monitor = new UpdateMonitor([kernel, bias]);
 * optimizer.minimize(loss);
 * table(await monitor.record());
 */
export class UpdateMonitor {
  private readonly before = new Map<Variable, Float32Array>();
  private readonly moves = new Map<Variable, Float32Array>();

  constructor(private readonly parameters: readonly Variable[]) {
    for (const parameter of parameters) this.before.set(parameter, copy(parameter.dataSync()));
  }

  /** The movement since the last record (or since the monitor was made), a row per parameter. */
  async record(): Promise<Movement[]> {
    return Promise.all(
      this.parameters.map(async (parameter) => {
        const now = copy(await parameter.data());
        const before = this.before.get(parameter) ?? now;
        const last = this.moves.get(parameter);
        const move = now.map((value, i) => value - before[i]!);
        this.before.set(parameter, now);
        this.moves.set(parameter, move);
        return {
          parameter: parameter.name,
          updateRootMeanSquare: norm(move) / Math.sqrt(move.length || 1),
          relativeStep: norm(move) / norm(before) || (norm(before) === 0 ? NaN : 0),
          signFlips: last ? flips(move, last) : NaN,
        };
      }),
    );
  }
}

const copy = (values: ArrayLike<number>): Float32Array => Float32Array.from(values);

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

function flips(move: Float32Array, last: Float32Array): number {
  const count = move.reduce((sum, value, i) => sum + (value * last[i]! < 0 ? 1 : 0), 0);
  return count / (move.length || 1);
}
