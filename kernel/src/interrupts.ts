/** How a running cell learns that it shall stop. */

/** The reason of a cell's abort signal, and the error of a cell that was interrupted. */
export class KeyboardInterrupt extends Error {
  override readonly name = 'KeyboardInterrupt';
}

/**
 * Counts the interrupts that the running cell has not yet obeyed, in memory shared with the I/O thread: a cell in a
 * synchronous loop never returns to the event loop, so a message could not tell it.
 */
export class InterruptCounter {
  constructor(readonly memory = new Int32Array(new SharedArrayBuffer(4))) {}

  raise(): void {
    Atomics.add(this.memory, 0, 1);
  }

  get pending(): number {
    return Atomics.load(this.memory, 0);
  }

  clear(): void {
    Atomics.store(this.memory, 0, 0);
  }
}
