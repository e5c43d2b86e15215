import { formatNumber } from '../plots/format';
import { escapeHtml } from './html';
import { live, type LiveOptions } from './live';
import type { MimeBundle } from './kernel';

/** Where a loop stands; the progress of `train` is one. */
export interface ProgressState {
  /** Steps done. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** Current loss, in nats. */
  readonly loss?: number;
  readonly stepsPerSecond?: number;
  readonly secondsRemaining?: number;
  /** Further quantities to show, e.g. the accuracy of the last evaluation. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/**
 * A progress bar with loss, rate and remaining time, replaced in place. The state with `step === steps` is shown at once.
 * Rate and remaining time are measured here where the state does not bring them.
 *
 * @param label Names what runs, e.g. `Lion, seed 0`.
 *
 * @example
 * const run = await train({ model, optimizer, data, epochs: 10, onProgress: progress('Lion, seed 0') });
 */
export function progress(label: string, options?: LiveOptions): (state: ProgressState) => void {
  const start = performance.now();
  const bar = live(
    (state: ProgressState) => progressBundle(label, state, (performance.now() - start) / 1000),
    options,
  );
  return (state) => {
    if (state.step >= state.steps) bar.finish(state);
    else bar.update(state);
  };
}

/** The output for one state; `elapsed` in seconds. */
export function progressBundle(label: string, state: ProgressState, elapsed: number): MimeBundle {
  const { step, steps } = state;
  const words = describeProgress(state, elapsed);
  return {
    'text/html':
      `<div class="liandan-progress"><label>${escapeHtml(label)} ` +
      `<progress value="${step}" max="${steps}"></progress></label> ${escapeHtml(words)}</div>`,
    'text/plain': `${label}: ${words}`,
  };
}

function describeProgress(state: ProgressState, elapsed: number): string {
  const { step, steps, loss, metrics = {} } = state;
  const rate = state.stepsPerSecond ?? (elapsed > 0 ? step / elapsed : 0);
  const remaining = state.secondsRemaining ?? (rate > 0 ? (steps - step) / rate : Infinity);
  const parts = [`step ${formatNumber(step)} of ${formatNumber(steps)}`];
  if (loss !== undefined) parts.push(`loss ${formatNumber(loss, 3)}`);
  for (const [name, value] of Object.entries(metrics)) parts.push(`${name} ${formatNumber(value, 4)}`);
  if (rate > 0) parts.push(`${formatNumber(rate, 3)} steps/s`);
  if (step >= steps) parts.push(`done in ${formatDuration(elapsed)}`);
  else if (Number.isFinite(remaining)) parts.push(`${formatDuration(remaining)} left`);
  return parts.join(' · ');
}

/** `4.2 s`, `38 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
