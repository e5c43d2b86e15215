/**
 * A thread of its own for the sockets. Output of a cell that never returns to the event loop is sent while it
 * runs; Interrupt, Shut Down and the end of the parent process reach the kernel at any time; and what needs no
 * variables is answered at once.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Publisher, Reply, Router, XPublisher } from 'zeromq';
import type { EditorAnswer, EditorRequest } from './compiler-protocol';
import { signalDescendants } from './descendants';
import { History } from './history';
import { InterruptFlags } from './interrupts';
import type { FromIoThread, InputRequest, IoThreadData, Notice, ToIoThread } from './io-protocol';
import { kernelInfo } from './kernel-info';
import { Outbox } from './outbox';
import { decode, emptyHeader, Encoder, type Header } from './wire';

interface Connection {
  transport: string;
  ip: string;
  key: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
}

/** How long the main thread may take to end the process properly, ms. */
const SHUTDOWN_GRACE = 1000;
const PARENT_CHECK_INTERVAL = 1000;
/** How long unsent messages may hold up the end of the process, ms. */
const LINGER = 500;
/** How much later than its loops are asked to stop a cell is stopped wherever it is, ms. */
const FORCE_AFTER = 100;
const EDITOR_REQUESTS = new Set(['complete_request', 'inspect_request', 'is_complete_request']);

function log(problem: unknown): void {
  fs.writeSync(2, `liandan-kernel: ${String(problem)}\n`);
}

/** Answers requests that the main thread is not needed for, and passes the others on. */
class Server {
  private readonly interrupts: InterruptFlags;
  private readonly encoder: Encoder;
  private readonly history: History;
  private readonly connection: Connection;
  private readonly sockets;
  private readonly outboxes;
  /** The request whose cell runs. */
  private running: Header | undefined;
  private readonly editing = new Map<number, FromIoThread>();
  private editorRequests = 0;
  private readonly inputs: InputRequest[] = [];
  private executed = 0;

  constructor(
    private readonly port: MessagePort,
    private readonly data: IoThreadData,
  ) {
    this.connection = JSON.parse(fs.readFileSync(data.connectionFile, 'utf8')) as Connection;
    this.interrupts = new InterruptFlags(data.interruptMemory);
    this.encoder = new Encoder(this.connection.key);
    this.history = new History(path.join(data.root, '.liandan', 'kernel', 'history.jsonl'));
    const router = () => new Router({ linger: LINGER, handover: true });
    this.sockets = {
      shell: router(),
      control: router(),
      stdin: router(),
      iopub: new XPublisher({ linger: LINGER, sendHighWaterMark: 0, verbosity: 'allSubs' }),
      heartbeat: new Reply({ linger: LINGER }),
    };
    const outbox = (socket: Router | Publisher | XPublisher) =>
      new Outbox((message) => socket.send(this.encoder.encode(message)).catch(log));
    const { shell, control, stdin, iopub } = this.sockets;
    this.outboxes = {
      shell: outbox(shell),
      control: outbox(control),
      stdin: outbox(stdin),
      iopub: outbox(iopub),
    };
    port.on('message', (message: ToIoThread) => this.send(message));
    data.editorPort.on('message', (answer: EditorAnswer) => this.answerEditor(answer));
  }

  async serve(): Promise<void> {
    const { transport, ip, ...ports } = this.connection;
    const { shell, control, stdin, iopub, heartbeat } = this.sockets;
    const bind = (socket: { bind(address: string): Promise<void> }, number: number) =>
      socket.bind(`${transport}://${ip}${transport === 'ipc' ? '-' : ':'}${number}`);
    await Promise.all([
      bind(shell, ports.shell_port),
      bind(control, ports.control_port),
      bind(stdin, ports.stdin_port),
      bind(iopub, ports.iopub_port),
      bind(heartbeat, ports.hb_port),
    ]);
    this.publish('status', { execution_state: 'starting' }, emptyHeader());
    await Promise.all([
      this.receive('shell'),
      this.receive('control'),
      this.receiveInput(),
      this.welcome(),
      this.echo(),
    ]);
  }

  private async echo(): Promise<void> {
    for await (const frames of this.sockets.heartbeat) await this.sockets.heartbeat.send(frames);
  }

  /** Tells each new listener that from now on it hears everything. */
  private async welcome(): Promise<void> {
    for await (const [frame] of this.sockets.iopub) {
      if (!frame || frame[0] !== 1) continue;
      const subscription = frame.subarray(1).toString();
      this.outboxes.iopub.send({
        identities: [frame.subarray(1)],
        type: 'iopub_welcome',
        parent: emptyHeader(),
        content: JSON.stringify({ subscription }),
      });
    }
  }

  private async receive(channel: 'shell' | 'control'): Promise<void> {
    for await (const frames of this.sockets[channel]) {
      try {
        this.take({ channel, ...decode(frames, this.connection.key) });
      } catch (error) {
        log(error);
      }
    }
  }

  private async receiveInput(): Promise<void> {
    for await (const frames of this.sockets.stdin) {
      try {
        const { header, content } = decode(frames, this.connection.key);
        const request = this.inputs.shift();
        if (header.msg_type !== 'input_reply' || !request) continue;
        const value = typeof content.value === 'string' ? content.value : '';
        if (request.id > 0) this.post({ notice: 'input', id: request.id, value });
        else {
          this.data.inputPort.postMessage(value);
          this.wakeInput();
        }
      } catch (error) {
        log(error);
      }
    }
  }

  private wakeInput(): void {
    Atomics.add(this.data.inputMemory, 0, 1);
    Atomics.notify(this.data.inputMemory, 0);
  }

  private take(request: FromIoThread): void {
    const { header, content } = request;
    switch (header.msg_type) {
      case 'execute_request': {
        const { code } = content;
        if (typeof code !== 'string') {
          this.answer(request, () => {
            throw new TypeError('execute_request needs the text `code`');
          });
          break;
        }
        if (content.silent !== true && content.store_history !== false && code.trim() !== '')
          this.history.append(++this.executed, code);
        this.interrupts.accept();
        this.post(request);
        break;
      }
      case 'shutdown_request':
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), SHUTDOWN_GRACE);
        this.post(request);
        break;
      case 'interrupt_request':
        this.answer(request, () => {
          this.interrupt();
          return { status: 'ok' };
        });
        break;
      case 'kernel_info_request':
        this.answer(request, () => kernelInfo(this.data.typescriptVersion));
        break;
      case 'history_request':
        this.answer(request, () => this.history.answer(content));
        break;
      case 'comm_info_request':
        this.answer(request, () => ({ status: 'ok', comms: {} }));
        break;
      case 'connect_request':
        this.answer(request, () => {
          const { shell_port, iopub_port, stdin_port, control_port, hb_port } = this.connection;
          return { status: 'ok', shell_port, iopub_port, stdin_port, control_port, hb_port };
        });
        break;
      case 'comm_open':
        // There is no such target: the client shall not wait for its answers.
        this.answer(request, () => {
          this.publish('comm_close', { comm_id: content.comm_id, data: {} }, header);
          return undefined;
        });
        break;
      case 'comm_msg':
      case 'comm_close':
        this.answer(request, () => undefined);
        break;
      default:
        if (EDITOR_REQUESTS.has(header.msg_type)) this.askEditor(request);
        else
          this.answer(request, () => {
            throw new TypeError(`this kernel does not know ${header.msg_type}`);
          });
    }
  }

  private answer(request: FromIoThread, make: () => object | undefined): void {
    const { header } = request;
    this.publish('status', { execution_state: 'busy' }, header);
    let content: object | undefined;
    try {
      content = make();
    } catch (error) {
      const evalue = (error as Error).message;
      content = { status: 'error', ename: (error as Error).name, evalue, traceback: [evalue] };
    }
    if (content && header.msg_type.endsWith('_request')) this.reply(request, content);
    this.publishIdle(header);
  }

  private publishIdle(header: Header): void {
    this.publish('status', { execution_state: 'idle' }, header);
    // Clients take any `idle` as the state of the kernel, which is still busy with the cell.
    if (this.running) this.publish('status', { execution_state: 'busy' }, this.running);
  }

  private askEditor(request: FromIoThread): void {
    const id = ++this.editorRequests;
    this.editing.set(id, request);
    this.publish('status', { execution_state: 'busy' }, request.header);
    const { header, content } = request;
    this.data.editorPort.postMessage({ id, type: header.msg_type, content } satisfies EditorRequest);
  }

  private answerEditor({ id, content }: EditorAnswer): void {
    const request = this.editing.get(id);
    this.editing.delete(id);
    if (!request) return;
    this.reply(request, content);
    this.publishIdle(request.header);
  }

  private interrupt(): void {
    const { interrupts } = this;
    interrupts.raise();
    this.wakeInput();
    this.post({ notice: 'interrupt' });
    const { run } = interrupts;
    const start = Date.now();
    const force = () => {
      if (interrupts.pending === 0 || interrupts.run !== run) return;
      // The cell may have asked for more time meanwhile.
      const grace = interrupts.pending > 1 ? 0 : interrupts.grace;
      const rest = start + grace + FORCE_AFTER - Date.now();
      if (rest > 0) setTimeout(force, rest);
      else if (interrupts.promiseSignal()) {
        // A child that the cell waits for without returning to the event loop has to end first.
        signalDescendants(process.pid, 'SIGINT');
        process.kill(process.pid, 'SIGINT');
      }
    };
    force();
  }

  private send(message: ToIoThread): void {
    if (message.kind === 'stream') this.outboxes.iopub.write(message);
    else if (message.kind === 'input') this.requestInput(message);
    else if (message.kind === 'close') this.close().catch(log);
    else {
      if (message.type === 'status') {
        this.running = message.content.includes('"busy"') ? message.parent : undefined;
        if (!this.running) this.inputs.length = 0;
      }
      this.outboxes[message.channel].send(message);
    }
  }

  private requestInput(request: InputRequest): void {
    this.inputs.push(request);
    const { identities, parent, prompt } = request;
    const content = JSON.stringify({ prompt, password: false });
    // What was printed before is shown before.
    void this.outboxes.iopub
      .drain()
      .then(() => this.outboxes.stdin.send({ identities, type: 'input_request', parent, content }));
  }

  private reply({ channel, identities, header }: FromIoThread, content: object): void {
    const type = header.msg_type.replace(/_request$/, '_reply');
    this.outboxes[channel].send({ identities, type, parent: header, content: JSON.stringify(content) });
  }

  private publish(type: string, content: object, parent: Header): void {
    this.outboxes.iopub.send({
      identities: [Buffer.from(type)],
      type,
      parent,
      content: JSON.stringify(content),
    });
  }

  private post(message: FromIoThread | Notice): void {
    this.port.postMessage(message);
  }

  private async close(): Promise<void> {
    await Promise.all(Object.values(this.outboxes).map((box) => box.drain()));
    for (const socket of Object.values(this.sockets)) socket.close();
    process.exit(); // of the thread
  }
}

/** A Jupyter server that was killed cannot shut its kernels down. */
function endWithParent(): void {
  const parent = Number(process.env.JPY_PARENT_PID);
  if (!(parent > 1)) return;
  const isDirect = process.ppid === parent;
  setInterval(() => {
    if (isDirect ? process.ppid !== parent : !exists(parent)) process.kill(process.pid, 'SIGKILL');
  }, PARENT_CHECK_INTERVAL);
}

function exists(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch {
    return false;
  }
}

if (!parentPort) throw new Error('this module runs in a worker thread only');
endWithParent();
new Server(parentPort, workerData as IoThreadData).serve().catch((error: unknown) => {
  log(error);
  process.exit(1);
});
