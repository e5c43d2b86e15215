import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Publisher } from './cell';
import type { FromIoThread, IoThreadData, ToIoThread } from './io-protocol';
import { toJson } from './values';

/** The kernel's own way out; cells are refused it. */
const exit = process.exit.bind(process);

/** The main thread's end of the I/O thread. */
export class IoChannel {
  private readonly worker: Worker;

  constructor(data: IoThreadData) {
    this.worker = new Worker(path.join(__dirname, 'io-thread.js'), { workerData: data });
    this.worker.on('error', (error) => {
      process.stderr.write(`liandan-kernel: ${error.message}\n`);
      exit(1);
    });
    this.worker.on('exit', (code) => exit(code));
  }

  onRequest(handle: (request: FromIoThread) => void): void {
    this.worker.on('message', handle);
  }

  reply({ channel, identities, header }: FromIoThread, content: object): void {
    const type = header.msg_type.replace(/_request$/, '_reply');
    this.post({ kind: 'message', channel, identities, type, parent: header, content: toJson(content) });
  }

  /** Outputs of one request, on the channel that all clients listen to. */
  publisher({ header }: FromIoThread): Publisher {
    return {
      publish: (type, content) => {
        const identities = [Buffer.from(type)]; // the topic
        this.post({
          kind: 'message',
          channel: 'iopub',
          identities,
          type,
          parent: header,
          content: toJson(content),
        });
      },
      write: (name, text) => this.post({ kind: 'stream', parent: header, name, text }),
    };
  }

  /** Ends the process once everything is sent. */
  close(): void {
    this.post({ kind: 'close' });
  }

  private post(message: ToIoThread): void {
    this.worker.postMessage(message);
  }
}
