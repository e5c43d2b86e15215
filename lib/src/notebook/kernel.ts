import { setImmediate } from 'node:timers/promises';

/** One output in several representations: MIME type → content. */
export type MimeBundle = Record<string, unknown>;

export interface DisplayOptions {
  metadata?: Record<string, unknown>;
  /** Names the display, so that it can be replaced later. */
  displayId?: string;
  /** Replaces the display named by `displayId` instead of adding one. */
  update?: boolean;
}

/** What the notebook kernel offers to the code of a cell. */
export interface KernelBridge {
  /** Folder of the repository. */
  root: string;
  /** Folder of the notebook. */
  notebookDir: string;
  /** Signal of the cell that runs now; Interrupt aborts it. */
  readonly signal: AbortSignal;
  /** Number of the cell that runs now, as in `In[n]`. */
  readonly executionCount: number;
  /** Shows a MIME bundle below the cell that runs. */
  display(data: MimeBundle, options?: DisplayOptions): void;
}

const bridgeKey = Symbol.for('liandan.kernel');

/** The kernel that runs this code; `undefined` in an ordinary program, where all functions here still work. */
export function kernelBridge(): KernelBridge | undefined {
  return (globalThis as unknown as Record<symbol, KernelBridge | undefined>)[bridgeKey];
}

/**
 * Shows one output in the notebook. Outside a notebook its text is printed.
 *
 * @example
 * display({ 'text/html': '<b>done</b>', 'text/plain': 'done' });
 */
export function display(data: MimeBundle, options?: DisplayOptions): void {
  const kernel = kernelBridge();
  if (kernel) kernel.display(data, options);
  else console.log(data['text/plain'] ?? `(an output of type ${Object.keys(data).join(', ')})`);
}

/**
 * Shows Markdown, e.g. a sentence with numbers of this run.
 *
 * @example
 * markdown(`Lion reached **${accuracy.toFixed(3)}**.`);
 */
export function markdown(text: string): void {
  display({ 'text/markdown': text, 'text/plain': text });
}

const neverAborted = new AbortController().signal;

/**
 * The signal of the cell that runs now, for loops that can be interrupted. Outside a notebook it never aborts.
 *
 * @example
 * const run = await train({ model, optimizer, data, epochs: 10, signal: cellSignal() });
 */
export function cellSignal(): AbortSignal {
  return kernelBridge()?.signal ?? neverAborted;
}

/**
 * Gives the event loop a turn, so that outputs leave and Interrupt arrives. Call it in long loops of your own.
 *
 * @throws The reason of the abort if the cell was interrupted.
 *
 * @example
 * for (let step = 1; step <= 10_000; step++) {
 *   walk(step);
 *   if (step % 100 === 0) await tick();
 * }
 */
export async function tick(signal: AbortSignal = cellSignal()): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}
