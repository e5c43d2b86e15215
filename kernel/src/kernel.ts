import { setTimeout as sleep } from 'node:timers/promises';
import { createAnswers, type Answer } from './answers';
import { Cell, type Publisher } from './cell';
import type { ErrorReporter } from './errors';
import type { InterruptCounter } from './interrupts';
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
  interrupts: InterruptCounter;
  /** An error that a finished cell leaves behind fails the next one: where nobody watches, it must not be missed. */
  failOnLateErrors: boolean;
}

/** Takes Jupyter's requests in and gives the replies and outputs out. */
export class Kernel {
  private readonly answers: Record<string, Answer>;
  private executionCount = 0;
  private uncounted = 0;
  private queue = Promise.resolve();
  /** Execute requests of an earlier generation are aborted. */
  private generation = 0;
  private running: { cell: Cell; output: Publisher } | undefined;
  private last: Cell | undefined;
  private lateError: { cell: string; error: unknown } | undefined;

  constructor(private readonly options: KernelOptions) {
    this.answers = createAnswers(options.session);
    options.io.onRequest((request) => this.receive(request));
  }

  /** The cell whose code runs now; for code that came from nowhere, the one that was started last. */
  get currentCell(): Cell | undefined {
    return this.options.session.context.getStore() ?? this.last;
  }

  interrupt(): void {
    this.running?.cell.interrupt();
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
    if (request.header.msg_type === 'execute_request') {
      const { generation } = this;
      this.queue = this.queue
        .then(() => this.execute(request, generation === this.generation))
        .catch((error: unknown) => console.error(error));
    } else {
      this.answer(request);
    }
  }

  private answer(request: FromIoThread): void {
    const { io, errors } = this.options;
    const { header, content } = request;
    const output = io.publisher(request);
    output.publish('status', { execution_state: 'busy' });
    try {
      if (header.msg_type === 'interrupt_request') {
        this.interrupt();
        io.reply(request, { status: 'ok' });
      } else if (header.msg_type === 'shutdown_request') {
        io.reply(request, { status: 'ok', restart: content.restart === true });
      } else {
        const answer = this.answers[header.msg_type];
        if (answer) io.reply(request, answer(content));
      }
    } catch (error) {
      io.reply(request, { status: 'error', ...errors.describe(error, 'request') });
    }
    output.publish('status', { execution_state: 'idle' });
    // Clients take any `idle` as the state of the kernel, which is still busy with the cell.
    this.running?.output.publish('status', { execution_state: 'busy' });
    if (header.msg_type === 'shutdown_request') io.close();
  }

  private async execute(request: FromIoThread, wanted: boolean): Promise<void> {
    const output = this.options.io.publisher(request);
    output.publish('status', { execution_state: 'busy' });
    const reply = wanted ? this.runCell(request, output) : { status: 'aborted' };
    this.options.io.reply(request, await reply);
    output.publish('status', { execution_state: 'idle' });
  }

  private async runCell({ content }: FromIoThread, statusOutput: Publisher): Promise<object> {
    const { session, errors, interrupts } = this.options;
    const code = String(content.code);
    const silent = content.silent === true;
    const counted = !silent && content.store_history !== false;
    if (counted) this.executionCount++;
    const name = counted ? `In[${this.executionCount}]` : `In[~${++this.uncounted}]`;
    const output = silent ? SILENT : statusOutput;
    const cell = new Cell(name, code, this.executionCount, output, interrupts);
    const execution_count = this.executionCount;
    output.publish('execute_input', { code, execution_count });

    interrupts.clear();
    this.running = { cell, output: statusOutput };
    this.last = cell;
    let failure: { error: unknown } | undefined;
    try {
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
    if ((description && content.stop_on_error !== false) || cell.interrupted) {
      await sleep(ABORT_WINDOW);
      this.generation++;
    }
    this.running = undefined;
    interrupts.clear();
    return description
      ? { status: 'error', execution_count, ...description }
      : { status: 'ok', execution_count, payload: [], user_expressions: {} };
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
