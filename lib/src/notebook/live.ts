import { randomUUID } from 'node:crypto';
import type { Figure } from '../plots/figure';
import { escapeHtml } from './html';
import { display, kernelBridge, type DisplayOptions, type MimeBundle } from './kernel';
import { figureOutput } from './show';

/** A display that is replaced in place. */
export interface Live<T> {
  /** Shows a new state, or keeps it until the next one is due. The last state always arrives. */
  update(value: T): void;
  /** Shows the state that waits, or the given one, at once. */
  finish(value?: T): void;
}

export interface LiveOptions {
  /** Shortest time between two updates in milliseconds; default 100 in a notebook, 2000 where lines are printed. */
  interval?: number;
}

type Output = { data: MimeBundle; metadata?: DisplayOptions['metadata'] };

/**
 * A display that is replaced in place, at most once per interval.
 *
 * @param render Makes the output of a state; called only for states that are shown.
 *
 * @example
 * const best = live((loss: number) => ({ 'text/plain': `best loss so far: ${loss.toFixed(3)} nats` }));
 * best.update(0.42);
 */
export function live<T>(render: (value: T) => MimeBundle, options?: LiveOptions): Live<T> {
  return liveOutput((value) => ({ data: render(value) }), options);
}

/** A line of text that is replaced in place; see {@link live}. */
export function liveText(options?: LiveOptions): Live<string> {
  return live(
    (text) => ({ 'text/html': `<div class="liandan-live">${escapeHtml(text)}</div>`, 'text/plain': text }),
    options,
  );
}

/**
 * A figure that is replaced in place, e.g. the loss while a model trains; see {@link live}.
 *
 * @example
 * const curve = liveFigure();
 * curve.update(lineChart({ … }));
 */
export function liveFigure(options: LiveOptions & { id?: string } = {}): Live<Figure> {
  return liveOutput((figure) => figureOutput(figure, options.id), {
    interval: 500,
    // JupyterLab's renderer of plotly figures ignores updates; an output of another kind makes it start anew.
    between: ({ layout }) => ({
      'text/html': `<div style="height: ${layout.height ?? 360}px"></div>`,
      'text/plain': '',
    }),
    ...options,
  });
}

function liveOutput<T>(
  render: (value: T) => Output,
  options: LiveOptions & { between?: (value: T) => MimeBundle } = {},
): Live<T> {
  const displayId = `live-${randomUUID()}`;
  const interval = options.interval ?? (kernelBridge() ? 100 : 2000);
  let shown = false;
  let lastTime = -Infinity;
  let waiting: { value: T } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!waiting) return;
    const { value } = waiting;
    const { data, metadata } = render(value);
    waiting = undefined;
    if (shown && options.between && kernelBridge())
      display(options.between(value), { displayId, update: true });
    display(data, { displayId, update: shown, ...(metadata && { metadata }) });
    shown = true;
    lastTime = performance.now();
  };
  return {
    update(value) {
      waiting = { value };
      const due = lastTime + interval - performance.now();
      if (due <= 0) flush();
      // A loop that throws never says that it ended: the timer brings its last state.
      else timer ??= setTimeout(flush, due);
    },
    finish(value) {
      if (value !== undefined) waiting = { value };
      flush();
    },
  };
}
