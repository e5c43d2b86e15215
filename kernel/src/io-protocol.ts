/** What the main thread and the I/O thread tell each other. */
import type { MessagePort } from 'node:worker_threads';
import type { StreamText } from './outbox';
import type { Header, OutgoingMessage } from './wire';

export interface IoThreadData {
  root: string;
  connectionFile: string;
  typescriptVersion: string;
  interruptMemory: Int32Array<SharedArrayBuffer>;
  /** The compiler's end for what editors ask. */
  editorPort: MessagePort;
  /** Answers that the main thread blocks for. */
  inputPort: MessagePort;
  /** Changes when there is something at `inputPort`, or an interrupt. */
  inputMemory: Int32Array<SharedArrayBuffer>;
}

/** A request of a client. */
export interface FromIoThread {
  channel: 'shell' | 'control';
  identities: Uint8Array[];
  header: Header;
  content: Record<string, unknown>;
}

/** Something for the main thread that is no request. */
export type Notice = { notice: 'interrupt' } | { notice: 'input'; id: number; value: string };

/** Asks the client that sent a request for a line. */
export interface InputRequest {
  kind: 'input';
  /** 0: the main thread blocks until it is there. */
  id: number;
  identities: Uint8Array[];
  parent: Header;
  prompt: string;
}

export type ToIoThread =
  | ({ kind: 'message'; channel: 'shell' | 'control' | 'iopub' } & OutgoingMessage)
  | ({ kind: 'stream' } & StreamText)
  | InputRequest
  | { kind: 'close' };
