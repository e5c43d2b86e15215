/** What an optimizer adds to a step: its own arithmetic, and the memory traffic of its state. */
import { compile, stateBytes, tf } from 'liandan';
import { optimizers, trainer, type Mode, type OptimizerName } from './implementations';
import { measure, quantile, type Effort, type Measurement } from './measure';
import type { Workload } from './workloads';

export interface OptimizerResult extends Measurement {
  readonly model: string;
  readonly optimizer: string;
  readonly finalLoss: number;
  readonly stateBytes: number;
  /** 1.25 times the step of plain SGD, and the time that reading and writing the state once takes. */
  readonly allowedMs: number;
  /** The state's bytes, read and written, over the time that the step takes longer than plain SGD's; gigabytes per second. */
  readonly gigabytesPerSecond?: number;
}

const OURS: readonly Mode[] = ['compiled+xla', 'loop+xla'];

/** Steps with each optimizer in turn. */
export async function compareOptimizers(
  workload: Workload,
  effort: Effort,
): Promise<{ results: OptimizerResult[]; bandwidth: number }> {
  const results: OptimizerResult[] = [];
  const bandwidth = memoryBandwidth();
  const shapes = Object.values(workload.weights).map(({ shape }) => shape);
  for (const mode of OURS) {
    const names = Object.keys(optimizers) as OptimizerName[];
    const trainers = names.map((name) => trainer(workload, name, mode));
    const losses = names.map(() => NaN);
    const candidates = trainers.map((made, i) => ({
      implementation: 'liandan',
      mode,
      run: (steps: number) => {
        const start = performance.now();
        losses[i] = made.run(steps);
        return Promise.resolve({ ms: performance.now() - start, loss: losses[i] });
      },
    }));
    const measurements = await measure(candidates, effort);
    trainers.forEach((made) => made.dispose());
    const plain = measurements[names.indexOf('sgd')]!.medianMs;
    measurements.forEach((measurement, i) => {
      const optimizer = optimizers[names[i]!]();
      const bytes = stateBytes(optimizer, shapes);
      optimizer.dispose();
      const extra = measurement.medianMs - plain;
      results.push({
        model: workload.name,
        optimizer: names[i]!,
        ...measurement,
        finalLoss: losses[i]!,
        stateBytes: bytes,
        allowedMs: 1.25 * plain + (2 * bytes) / bandwidth / 1e6,
        gigabytesPerSecond: bytes > 0 && extra > 0 ? (2 * bytes) / extra / 1e6 : undefined,
      });
    });
  }
  return { results, bandwidth };
}

/** Gigabytes per second that one operation reads and writes in place, on a tensor that no cache holds. */
function memoryBandwidth(): number {
  const state = tf.variable(tf.ones([1 << 24]));
  const factor = tf.scalar(0.999);
  const step = compile(() => state.assign(tf.mul(state, factor)), { xla: true });
  const steps = 5;
  step.loop(steps);
  const times = Array.from({ length: 9 }, () => {
    const start = performance.now();
    step.loop(steps);
    return (performance.now() - start) / steps;
  });
  step.dispose();
  tf.dispose([state, factor]);
  return (
    (2 * 4 * 2 ** 24) /
    quantile(
      times.sort((a, b) => a - b),
      0.5,
    ) /
    1e6
  );
}

export function optimizerTable(
  { name, description }: Workload,
  results: readonly OptimizerResult[],
  bandwidth: number,
): string {
  const columns = ['', 'median', 'allowed', 'spread', 'state', 'GB/s'];
  const rows = results.map(
    ({ optimizer, mode, medianMs, allowedMs, spread, stateBytes, gigabytesPerSecond }) => [
      `${optimizer.padEnd(18)}  ${mode}`,
      medianMs.toPrecision(3),
      `${allowedMs.toPrecision(3)}${medianMs > allowedMs ? ' exceeded' : ''}`,
      `±${(spread / 2).toPrecision(2)}`,
      `${(stateBytes / 2 ** 20).toFixed(2)} MB`,
      gigabytesPerSecond?.toFixed(1) ?? '',
    ],
  );
  const widths = columns.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const title =
    `\nOptimizers on ${name} (${description}), milliseconds per step; allowed: 1.25 × SGD + state read and written ` +
    `at the ${bandwidth.toFixed(1)} GB/s of this machine's memory`;
  return [title, line(columns), ...rows.map(line)].join('\n');
}
