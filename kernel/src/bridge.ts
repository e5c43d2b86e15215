import type { Cell } from './cell';
import type { MimeBundle } from './values';

/** The only thing that the library knows of the kernel, found as `globalThis[Symbol.for('liandan.kernel')]`. */
export interface KernelBridge {
  /** The repository; also the working directory. */
  readonly root: string;
  /** The folder of the notebook. */
  readonly notebookDir: string;
  /** Signal of the cell that runs now; aborted by Interrupt with an Error named KeyboardInterrupt. */
  readonly signal: AbortSignal;
  readonly executionCount: number;
  /**
   * Shows a MIME bundle below the cell that runs now. With `displayId` it can be replaced later by a call with the
   * same id and `update: true`. Bytes are sent as base64, other typed arrays as arrays of numbers.
   */
  display(data: MimeBundle, options?: DisplayOptions): void;
}

const KEY = Symbol.for('liandan.kernel');

export function kernelBridge(): KernelBridge {
  return (globalThis as unknown as Record<symbol, KernelBridge>)[KEY]!;
}

export interface DisplayOptions {
  metadata?: Record<string, unknown>;
  displayId?: string;
  update?: boolean;
}

export function installBridge(root: string, notebookDir: string, currentCell: () => Cell | undefined): void {
  const cell = (): Cell => {
    const current = currentCell();
    if (!current) throw new Error('no cell has been run yet');
    return current;
  };
  const bridge: KernelBridge = {
    root,
    notebookDir,
    get signal() {
      return cell().signal;
    },
    get executionCount() {
      return cell().executionCount;
    },
    display(data, { metadata = {}, displayId, update = false } = {}) {
      if (update && displayId === undefined)
        throw new Error('display: update needs the displayId of what it replaces');
      const transient = displayId === undefined ? {} : { display_id: displayId };
      cell().output.publish(update ? 'update_display_data' : 'display_data', { data, metadata, transient });
    },
  };
  Object.defineProperty(globalThis, KEY, { value: bridge });
}
