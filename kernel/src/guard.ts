/** Synchronous code that Interrupt ends wherever it is: in a regular expression, in `new Function`, in a callback of `sort`. */
import { isNativeError } from 'node:util/types';
import vm from 'node:vm';
import { KeyboardInterrupt, type InterruptFlags } from './interrupts';

const TASK = Symbol.for('liandan.guarded');
const script = new vm.Script(`globalThis[Symbol.for('liandan.guarded')]()`, { filename: 'node:liandan' });

/** Runs what waits: callbacks of `process.nextTick`, and continuations of promises. */
const { _tickCallback: runTicks } = process as unknown as { _tickCallback(this: void): void };

export class Guard {
  /** Whether a signal would end what runs now. */
  isActive = false;
  private waiting: (() => void)[] = [];

  constructor(private readonly interrupts: InterruptFlags) {}

  /**
   * What awaits this goes on guarded. After an event, the code that awaited it is called by Node.js, not by the kernel;
   * a tick of its own can run the continuation, and all that follows without another event, inside {@link run}. What
   * it throws is an uncaught exception of the cell, and Node.js then tidies up what the signal has torn.
   */
  enter(): Promise<void> {
    return new Promise((resolve) => {
      if (this.waiting.push(resolve) > 1) return;
      process.nextTick(() => {
        const ready = this.waiting;
        this.waiting = [];
        this.run(() => {
          for (const go of ready) go();
          runTicks();
        });
      });
    });
  }

  /** @throws KeyboardInterrupt when the I/O thread has sent the signal, or what `task` throws. */
  run<T>(task: () => T): T {
    if (this.isActive) return task();
    const { interrupts } = this;
    const guarded = () => {
      interrupts.openToSignal();
      try {
        return task();
      } finally {
        // A signal that comes later would end the process: it has to find this loop, which it ends.
        if (!interrupts.closeToSignal()) for (;;);
      }
    };
    Object.defineProperty(globalThis, TASK, { value: guarded, configurable: true });
    this.isActive = true;
    try {
      return script.runInThisContext({ breakOnSigint: true }) as T;
    } catch (error) {
      if (
        !isNativeError(error) ||
        (error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED'
      )
        throw error;
      const interrupt = new KeyboardInterrupt('interrupted');
      interrupt.stack = undefined; // where it was is not known
      throw interrupt;
    } finally {
      this.isActive = false;
      interrupts.afterSignal();
    }
  }
}
