import { setTimeout as sleep } from 'node:timers/promises';
import { Cell, type Publisher } from './cell';
import type { ErrorReporter } from './errors';
import type { InterruptFlags } from './interrupts';
import type { IoChannel } from './io-channel';
import type { FromIoThread } from './io-protocol';
import type { Session } from './session';
import { toMimeBundle } from './values';

/** Requests that were sent together with one that fails have arrived after this time, ms. */
const ABORT_WINDOW = 30;

const SILENT: Publisher = { publish: () => undefined, write: () => undefined };

export interface KernelOptions {
  io: IoChannel;
  session: Session;
  errors: ErrorReporter;
  interrupts: InterruptFlags;
  /** An error that a finished cell leaves behind fails the next one: where nobody watches, it must not be missed. */
  failOnLateErrors: boolean;
}

/** Takes Jupyter's requests in and gives the replies and outputs out. */
export class Kernel {
  private executionCount = 0;
  private uncounted = 0;
  private queue = Promise.resolve();
  /** Execute requests of an earlier generation are aborted. */
  private generation = 0;
  private running: Cell | undefined;
  private started = 0;
  private received = 0;
  private last: Cell | undefined;
  private lateError: { cell: string; error: unknown } | undefined;

  constructor(private readonly options: KernelOptions) {
    options.io.on({ request: (request) => this.receive(request), interrupt: () => this.interrupt() });
  }

  /** The cell whose code runs now; for code that came from nowhere, the one that was started last. */
  get currentCell(): Cell | undefined {
    return this.options.session.context.getStore() ?? this.last;
  }

  interrupt(): void {
    this.running?.interrupt();
  }

  /** An error that nothing caught: fails the cell it came from, or is added to its output if that has finished. */
  reportUncaught(error: unknown): void {
    const cell = this.currentCell;
    if (!cell) throw error;
    if (!cell.done) return cell.end(error);
    if (cell.isAftermath(error)) return;
    const content = this.options.errors.describe(error, cell.name);
    content.traceback.unshift(
      `${cell.name} had already finished when this happened (in a timer, or a promise that was not awaited):`,
    );
    cell.output.publish('error', content);
    this.lateError ??= { cell: cell.name, error };
  }

  private receive(request: FromIoThread): void {
    if (request.header.msg_type === 'shutdown_request') return this.shutDown(request);
    const { generation } = this;
    const number = ++this.received;
    this.queue = this.queue
      .then(() => this.execute(request, number, generation === this.generation))
      .catch((error: unknown) => console.error(error));
  }

  private shutDown(request: FromIoThread): void {
    const { io } = this.options;
    const output = io.publisher(request);
    output.publish('status', { execution_state: 'busy' });
    io.reply(request, { status: 'ok', restart: request.content.restart === true });
    output.publish('status', { execution_state: 'idle' });
    io.close();
  }

  private async execute(request: FromIoThread, number: number, wanted: boolean): Promise<void> {
    const output = this.options.io.publisher(request);
    output.publish('status', { execution_state: 'busy' });
    const reply = wanted ? this.runCell(request, number, output) : { status: 'aborted' };
    this.options.io.reply(request, await reply);
    output.publish('status', { execution_state: 'idle' });
  }

  private async runCell(request: FromIoThread, number: number, statusOutput: Publisher): Promise<object> {
    const { io, session, errors, interrupts } = this.options;
    const { content } = request;
    const code = content.code as string;
    const silent = content.silent === true;
    const counted = !silent && content.store_history !== false;
    if (counted) this.executionCount++;
    const name = counted ? `In[${this.executionCount}]` : `In[~${++this.uncounted}]`;
    const output = silent ? SILENT : statusOutput;
    const input = content.allow_stdin === false ? undefined : io.input(request);
    const cell = new Cell(name, code, this.executionCount, output, interrupts, ++this.started, input);
    const execution_count = this.executionCount;
    output.publish('execute_input', { code, execution_count });

    this.running = cell;
    this.last = cell;
    let failure: { error: unknown } | undefined;
    try {
      interrupts.start(number);
      this.throwLateError();
      const value = await session.run(cell);
      if (value !== undefined) {
        const bundle = session.context.run(cell, () => toMimeBundle(value));
        const data = await Promise.race([bundle, cell.givenUp]);
        output.publish('execute_result', { data, metadata: {}, execution_count });
      }
      this.throwLateError();
    } catch (error) {
      failure = { error };
    }
    cell.finish(failure !== undefined);
    const description = failure && errors.describe(failure.error, name);
    if (description) output.publish('error', description);
    const expressions = description ? {} : await this.evaluate(content.user_expressions, cell);
    if ((description && content.stop_on_error !== false) || cell.interrupted) {
      await sleep(ABORT_WINDOW);
      this.generation++;
    }
    this.running = undefined;
    interrupts.clear();
    return description
      ? { status: 'error', execution_count, ...description }
      : { status: 'ok', execution_count, payload: [], user_expressions: expressions };
  }

  /** Values that the client wants to know after the cell, each by an expression. */
  private async evaluate(expressions: unknown, { executionCount, input }: Cell): Promise<object> {
    if (typeof expressions !== 'object' || expressions === null) return {};
    const { session, errors, interrupts } = this.options;
    const results: Record<string, object> = {};
    for (const [key, code] of Object.entries(expressions)) {
      const name = `In[~${++this.uncounted}]`;
      const cell = new Cell(
        name,
        `(${String(code)})`,
        executionCount,
        SILENT,
        interrupts,
        ++this.started,
        input,
      );
      this.running = cell;
      try {
        const value = await session.run(cell);
        const data = await session.context.run(cell, () => toMimeBundle(value));
        results[key] = { status: 'ok', data, metadata: {} };
      } catch (error) {
        results[key] = { status: 'error', ...errors.describe(error, name) };
      }
      cell.finish(false);
    }
    return results;
  }

  private throwLateError(): void {
    if (!this.lateError || !this.options.failOnLateErrors) return;
    const { cell, error } = this.lateError;
    this.lateError = undefined;
    const failure = new Error(`${cell} left an error behind after it had finished`, { cause: error });
    failure.stack = undefined; // only the cause has a place in a cell
    throw failure;
  }
}
