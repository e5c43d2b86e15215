import path from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Input, Publisher } from './cell';
import { KeyboardInterrupt, type InterruptFlags } from './interrupts';
import type { FromIoThread, InputRequest, IoThreadData, Notice, ToIoThread } from './io-protocol';
import { toJson } from './values';

/** The kernel's own way out; cells are refused it. */
const exit = process.exit.bind(process);

/** The main thread's end of the I/O thread. */
export class IoChannel {
  private readonly worker: Worker;
  private readonly inputPort;
  private readonly inputMemory = new Int32Array(new SharedArrayBuffer(4));
  private readonly lines = new Map<number, (line: string) => void>();
  private inputs = 0;
  private handlers: { request(request: FromIoThread): void; interrupt(): void } | undefined;

  constructor(
    data: Omit<IoThreadData, 'inputPort' | 'inputMemory' | 'interruptMemory'>,
    private readonly interrupts: InterruptFlags,
  ) {
    const { port1, port2 } = new MessageChannel();
    this.inputPort = port1;
    this.worker = new Worker(path.join(__dirname, 'io-thread.js'), {
      workerData: {
        ...data,
        interruptMemory: interrupts.memory,
        inputPort: port2,
        inputMemory: this.inputMemory,
      } satisfies IoThreadData,
      transferList: [data.editorPort, port2],
    });
    this.worker.on('error', (error) => {
      process.stderr.write(`liandan-kernel: ${error.message}\n`);
      exit(1);
    });
    this.worker.on('exit', (code) => exit(code));
    this.worker.on('message', (message: FromIoThread | Notice) => {
      if (!('notice' in message)) this.handlers?.request(message);
      else if (message.notice === 'interrupt') this.handlers?.interrupt();
      else {
        this.lines.get(message.id)?.(message.value);
        this.lines.delete(message.id);
      }
    });
  }

  on(handlers: { request(request: FromIoThread): void; interrupt(): void }): void {
    this.handlers = handlers;
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

  /** Lines that the client that sent a request is asked for. */
  input({ identities, header }: FromIoThread): Input {
    const request = (id: number, prompt: string): InputRequest => ({
      kind: 'input',
      id,
      identities,
      parent: header,
      prompt,
    });
    return {
      now: (prompt) => {
        let seen = Atomics.load(this.inputMemory, 0);
        this.post(request(0, prompt));
        for (;;) {
          const received = receiveMessageOnPort(this.inputPort);
          if (received) return received.message as string;
          if (this.interrupts.pending > 0) throw new KeyboardInterrupt('interrupted');
          Atomics.wait(this.inputMemory, 0, seen);
          seen = Atomics.load(this.inputMemory, 0);
        }
      },
      later: (prompt) =>
        new Promise((resolve) => {
          const id = ++this.inputs;
          this.lines.set(id, resolve);
          this.post(request(id, prompt));
        }),
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
