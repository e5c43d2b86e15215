import { afterEach, beforeEach } from 'vitest';
import type { DisplayOptions, KernelBridge, MimeBundle } from '../../src/notebook';

export interface Shown {
  data: MimeBundle;
  options: DisplayOptions | undefined;
}

let cells = 0;

export class FakeKernel implements KernelBridge {
  root = '/repository';
  notebookDir = '/repository/notebooks';
  readonly cell = new AbortController();
  executionCount = ++cells;
  readonly shown: Shown[] = [];

  get signal(): AbortSignal {
    return this.cell.signal;
  }

  display(data: MimeBundle, options?: DisplayOptions): void {
    // What leaves for a front end is JSON.
    this.shown.push(JSON.parse(JSON.stringify({ data, options })) as Shown);
  }

  last(mime: string): unknown {
    return this.shown.at(-1)?.data[mime];
  }
}

const key = Symbol.for('liandan.kernel');

/** A fresh kernel for each test of the file. */
export function useFakeKernel(): () => FakeKernel {
  let kernel: FakeKernel;
  beforeEach(() => {
    kernel = new FakeKernel();
    Object.assign(globalThis, { [key]: kernel });
  });
  afterEach(() => {
    Reflect.deleteProperty(globalThis, key);
  });
  return () => kernel;
}
