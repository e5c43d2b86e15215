/** Standard input, `prompt`, `confirm` and `alert`: the front end is asked. */
import { Readable } from 'node:stream';
import type { Cell, Input } from './cell';

const REFUSAL =
  'This cell cannot read from standard input, because whoever runs it does not answer. Assign the value in a cell instead.';

function ask(cell: Cell | undefined): Input {
  if (!cell?.input) throw new Error(REFUSAL);
  return cell.input;
}

/** The lines that one cell reads; with the cell it ends, so that a reader who is left over learns it. */
class StandardInput extends Readable {
  readonly fd = 0;
  readonly isTTY = false;
  private isOver = false;

  constructor(readonly cell: Cell | undefined) {
    super({ highWaterMark: 0 });
    void cell?.finished.then(() => this.give(null));
  }

  /**
   * A stream reads ahead, and a question that nobody has asked would stay on the user's screen: whoever got a line has
   * a turn of the event loop for closing or pausing.
   */
  override _read(): void {
    setImmediate(() => {
      // An empty chunk ends this read; the next reader begins another.
      if (this.isPaused() && this.listenerCount('readable') === 0) return this.give('');
      const read = async () => this.give(`${await ask(this.cell).later('')}\n`);
      read().catch((error: unknown) => this.destroy(error as Error));
    });
  }

  private give(chunk: string | null): void {
    if (!this.destroyed && !this.isOver) this.push(chunk);
    this.isOver ||= chunk === null;
  }

  /** Readers of a terminal ask for these. */
  setRawMode(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

export function installInput(currentCell: () => Cell | undefined): void {
  let stream: StandardInput | undefined;
  Object.defineProperty(process, 'stdin', {
    configurable: true,
    enumerable: true,
    get() {
      const cell = currentCell();
      if (stream?.cell !== cell || !stream || stream.destroyed || stream.readableEnded)
        stream = new StandardInput(cell);
      return stream;
    },
  });
  const line = (message: unknown, hint: string) => ask(currentCell()).now(`${String(message)}${hint}`);
  Object.assign(globalThis, {
    prompt: (message = '', preset = '') => {
      const answer = line(message, preset === '' ? ' ' : ` [${String(preset)}] `);
      return answer === '' ? String(preset) : answer;
    },
    confirm: (message = '') => /^\s*(y|yes|ok|true|1)\s*$/i.test(line(message, ' [y/N] ')),
    alert: (message = '') => void line(message, ' [Enter] '),
  });
}
