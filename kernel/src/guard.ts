/** Synchronous code that Interrupt ends wherever it is: in a regular expression, in `new Function`, in a callback of `sort`. */
import { isNativeError } from 'node:util/types';
import vm from 'node:vm';
import { KeyboardInterrupt, type InterruptFlags } from './interrupts';

const TASK = Symbol.for('liandan.guarded');
const script = new vm.Script(`globalThis[Symbol.for('liandan.guarded')]()`, { filename: 'node:liandan' });

export class Guard {
  private isActive = false;

  constructor(private readonly interrupts: InterruptFlags) {}

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
