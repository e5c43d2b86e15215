/** What the main thread and the I/O thread tell each other. */
import type { InterruptCounter } from './interrupts';
import type { StreamText } from './outbox';
import type { Header, OutgoingMessage } from './wire';

export interface IoThreadData {
  connectionFile: string;
  interruptMemory: InterruptCounter['memory'];
}

/** A request of a client. */
export interface FromIoThread {
  channel: 'shell' | 'control';
  identities: Uint8Array[];
  header: Header;
  content: Record<string, unknown>;
}

export type ToIoThread =
  | ({ kind: 'message'; channel: 'shell' | 'control' | 'iopub' } & OutgoingMessage)
  | ({ kind: 'stream' } & StreamText)
  | { kind: 'close' };
