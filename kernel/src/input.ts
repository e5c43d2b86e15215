/** Standard input, `prompt`, `confirm` and `alert`: the front end is asked. */
import { Readable } from 'node:stream';
import type { Cell, Input } from './cell';

const REFUSAL =
  'This cell cannot read from standard input, because whoever runs it does not answer. Assign the value in a cell instead.';

function ask(cell: Cell | undefined): Input {
  if (!cell?.input) throw new Error(REFUSAL);
  return cell.input;
}

class StandardInput extends Readable {
  readonly fd = 0;
  readonly isTTY = false;

  constructor(private readonly currentCell: () => Cell | undefined) {
    super();
  }

  override _read(): void {
    const read = async () => this.push(`${await ask(this.currentCell()).later('')}\n`);
    read().catch((error: unknown) => this.destroy(error as Error));
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
      if (!stream || stream.destroyed || stream.readableEnded) stream = new StandardInput(currentCell);
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
