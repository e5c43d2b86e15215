/** Results as text. */
import type { Result } from './bench';
import type { Workload } from './workloads';

/** One workload with one optimizer, all implementations below one another, in milliseconds per step. */
export function table(
  { name, description }: Workload,
  optimizer: string,
  floorMs: number,
  results: readonly Result[],
): string {
  const baseline = results.find(
    ({ implementation, mode }) => implementation === 'PyTorch' && mode === 'eager',
  );
  const eager = results.find(({ implementation, mode }) => implementation === 'liandan' && mode === 'eager');
  const reference = baseline ?? eager;
  const columns = [
    '',
    '',
    'median',
    'min',
    'spread',
    'to floor',
    reference === baseline ? 'to PyTorch' : 'to eager',
    'loss',
    'start',
  ];
  const rows = results.map((result) => [
    result.implementation,
    result.mode,
    milliseconds(result.medianMs),
    milliseconds(result.minMs),
    `±${milliseconds(result.spread / 2)}`,
    (result.medianMs / floorMs).toFixed(1),
    reference ? (result.medianMs / reference.medianMs).toFixed(2) : '',
    `${result.finalLoss.toFixed(5)}${result.agrees ? '' : ' differs'}`,
    `${(result.startMs / 1000).toFixed(1)} s`,
  ]);
  const widths = columns.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const title = `\n${name} (${description}), ${optimizer}; bare products: ${milliseconds(floorMs)} ms per step`;
  return [title, line(columns), ...rows.map(line)].join('\n');
}

function milliseconds(value: number): string {
  return value.toPrecision(3);
}
