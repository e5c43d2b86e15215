/** How a running cell learns that it shall stop. */

/** The reason of a cell's abort signal, and the error of a cell that was interrupted. */
export class KeyboardInterrupt extends Error {
  override readonly name = 'KeyboardInterrupt';
}

const PENDING = 0;
const GUARD = 1;
const GRACE = 2;
const RUN = 3;
const ACCEPTED = 4;
const REACH = 5;
const FIRST_FLAG = 16;
const FLAGS = 2048;

const OPEN = 0;
const GUARDED = 1;
const SIGNALLED = 2;

/**
 * Memory shared by all threads: a cell in a synchronous loop never returns to the event loop, so a message could not
 * tell it. Each cell has a flag of its own, which its loops look at, because what an abandoned cell has left running
 * must go on seeing its flag when the next cell starts.
 */
export class InterruptFlags {
  private readonly abandoned = new Set<number>();

  constructor(readonly memory = new Int32Array(new SharedArrayBuffer(4 * (FIRST_FLAG + FLAGS)))) {}

  /** Another execute request has arrived. */
  accept(): void {
    Atomics.add(this.memory, ACCEPTED, 1);
  }

  /** Interrupts every execute request that has arrived, the running one and those that wait. */
  raise(): void {
    Atomics.store(this.memory, REACH, Atomics.load(this.memory, ACCEPTED));
    Atomics.add(this.memory, PENDING, 1);
    this.memory.fill(1, FIRST_FLAG);
  }

  /** Interrupts that the running cell has not yet obeyed. */
  get pending(): number {
    return Atomics.load(this.memory, PENDING);
  }

  clear(): void {
    Atomics.store(this.memory, PENDING, 0);
    this.memory.fill(0, FIRST_FLAG);
    for (const flag of this.abandoned) this.memory[FIRST_FLAG + flag] = 1;
  }

  /**
   * Starts the nth execute request.
   *
   * @throws KeyboardInterrupt when an interrupt came after the request, and before this start.
   */
  start(request: number): void {
    this.clear();
    // An interrupt from here on is pending; one from before has this request within its reach.
    if (Atomics.load(this.memory, REACH) >= request)
      throw new KeyboardInterrupt('interrupted before it began');
  }

  /** The flag of the nth cell; 0 is that of imported files. */
  flag(index: number): Int32Array<SharedArrayBuffer> {
    return this.memory.subarray(FIRST_FLAG + (index % FLAGS), FIRST_FLAG + (index % FLAGS) + 1);
  }

  /** Keeps the flag of a cell raised whose code may go on. */
  abandon(index: number): void {
    this.abandoned.add(index % FLAGS);
    this.memory[FIRST_FLAG + (index % FLAGS)] = 1;
  }

  /** A new cell runs, with this patience, ms. */
  begin(grace: number): void {
    Atomics.add(this.memory, RUN, 1);
    this.grace = grace;
  }

  /** Counts the cells, so that a late measure does not hit the next one. */
  get run(): number {
    return Atomics.load(this.memory, RUN);
  }

  get grace(): number {
    return Atomics.load(this.memory, GRACE);
  }

  set grace(milliseconds: number) {
    Atomics.store(this.memory, GRACE, milliseconds);
  }

  /** From now on a signal to the process ends what the main thread does. */
  openToSignal(): void {
    Atomics.store(this.memory, GUARD, GUARDED);
  }

  /** False when a signal is on its way. */
  closeToSignal(): boolean {
    return Atomics.compareExchange(this.memory, GUARD, GUARDED, OPEN) === GUARDED;
  }

  afterSignal(): void {
    Atomics.store(this.memory, GUARD, OPEN);
  }

  /** Whether a signal may be sent, which is then owed. */
  promiseSignal(): boolean {
    return Atomics.compareExchange(this.memory, GUARD, GUARDED, SIGNALLED) === GUARDED;
  }
}
