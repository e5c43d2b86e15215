import { KeyboardInterrupt, type InterruptFlags } from './interrupts';

/** Sends a message on the channel that all clients listen to, as an output of one request. */
export interface Publisher {
  publish(type: string, content: object): void;
  write(name: 'stdout' | 'stderr', text: string): void;
}

/** Asks the front end for a line of input. */
export interface Input {
  /** Blocks the thread until the line is there. */
  now(prompt: string): string;
  later(prompt: string): Promise<string>;
}

/** How long a cell may go on after Interrupt before it is stopped at the next loop or function. */
const GRACE = 150;
/** The same for a cell that looked at the abort signal: its step may be long, and it will return what it has. */
const COOPERATIVE_GRACE = 5000;
/** How much later a cell is given up that neither stops by itself nor reaches a checkpoint. */
const ABANDON_AFTER = 250;

/** One execution of a cell, from the request to the reply, and what it leaves running after that. */
export class Cell {
  /** The reply is decided; whatever comes now is late. */
  done = false;
  /** Rejects when the cell has to end before its code does. */
  readonly givenUp: Promise<never>;
  readonly finished: Promise<void>;

  private readonly controller = new AbortController();
  private readonly giveUp: (reason: unknown) => void;
  private readonly tellFinished: () => void;
  private isGivenUp = false;
  private usesSignal = false;
  private interruptedAt: number | undefined;
  private passes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    /** `In[3]`, as in stack traces. */
    readonly name: string,
    readonly source: string,
    readonly executionCount: number,
    readonly output: Publisher,
    private readonly interrupts: InterruptFlags,
    /** Which flag the cell's loops look at. */
    readonly flag: number,
    /** How to ask the front end for a line; undefined where it has nobody to ask. */
    readonly input?: Input,
  ) {
    interrupts.begin(GRACE);
    let reject: (reason: unknown) => void = () => undefined;
    this.givenUp = new Promise((_, onReject) => (reject = onReject));
    this.givenUp.catch(() => undefined);
    this.giveUp = reject;
    let resolve: () => void = () => undefined;
    this.finished = new Promise((onResolve) => (resolve = onResolve));
    this.tellFinished = resolve;
    this.answerInLoops(this.controller.signal);
  }

  /** Aborted by Interrupt. Asking for it is taken as a promise to stop soon after that. */
  get signal(): AbortSignal {
    this.usesSignal = true;
    if (!this.done) this.interrupts.grace = COOPERATIVE_GRACE;
    return this.controller.signal;
  }

  get interrupted(): boolean {
    return this.interruptedAt !== undefined;
  }

  /** Whether an error that arrives late only says that the abandoned code of this cell was stopped. */
  isAftermath(error: unknown): boolean {
    return this.isGivenUp && error instanceof KeyboardInterrupt;
  }

  /** Asks the cell to stop, and gives it up if it does not. A second time shortens its grace. */
  interrupt(): void {
    if (this.done) return;
    this.abort();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.end(
        new KeyboardInterrupt('interrupted, but the code did not stop; it may go on in the background'),
      );
    }, this.grace + ABANDON_AFTER);
  }

  /** Ends the cell because of an error that its code cannot catch. */
  end(reason: unknown): void {
    if (this.done) return;
    this.abandon();
    this.controller.abort(reason);
    this.giveUp(reason);
  }

  finish(failed: boolean): void {
    this.done = true;
    // What an interrupted cell started without awaiting it shall stop as well.
    if (failed && this.interrupted) this.abandon();
    clearTimeout(this.timer);
    this.tellFinished();
  }

  /** @throws KeyboardInterrupt when the cell has had its time to stop by itself. */
  checkpoint(): void {
    if (this.isGivenUp) throw new KeyboardInterrupt('stopped, because the cell has ended');
    if (this.interrupts.pending === 0) return;
    this.abort();
    const elapsed = Date.now() - (this.interruptedAt ?? 0);
    // One more pass lets a loop look at the signal, however long its step is.
    if (elapsed >= this.grace && this.passes++ > 0) throw new KeyboardInterrupt('interrupted');
  }

  private abandon(): void {
    this.isGivenUp = true;
    this.interrupts.abandon(this.flag);
  }

  private get grace(): number {
    if (this.interrupts.pending > 1) return 0;
    return this.usesSignal ? COOPERATIVE_GRACE : GRACE;
  }

  private abort(): void {
    if (this.interrupted) return;
    this.interruptedAt = Date.now();
    this.controller.abort(new KeyboardInterrupt('interrupted'));
  }

  /** A synchronous loop never sees a message arrive, so its signal looks at the shared counter itself. */
  private answerInLoops(signal: AbortSignal): void {
    const isAborted = () => {
      if (this.interrupts.pending > 0) this.abort();
      return Reflect.get(AbortSignal.prototype, 'aborted', signal);
    };
    const throwIfAborted = () => {
      if (isAborted()) throw signal.reason;
    };
    Object.defineProperty(signal, 'aborted', { get: isAborted });
    Object.defineProperty(signal, 'throwIfAborted', { value: throwIfAborted });
  }
}
