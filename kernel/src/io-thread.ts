/**
 * A thread of its own for the sockets. Output of a cell that never returns to the event loop is sent while it
 * runs, and Interrupt, Shut Down and the end of the parent process reach the kernel at any time.
 */
import fs from 'node:fs';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Publisher, Reply, Router } from 'zeromq';
import { InterruptCounter } from './interrupts';
import { Outbox } from './outbox';
import { decode, Encoder } from './wire';
import type { FromIoThread, IoThreadData, ToIoThread } from './io-protocol';

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

function log(problem: unknown): void {
  fs.writeSync(2, `liandan-kernel: ${String(problem)}\n`);
}

async function serve(port: MessagePort, { connectionFile, interruptMemory }: IoThreadData): Promise<void> {
  const connection = JSON.parse(fs.readFileSync(connectionFile, 'utf8')) as Connection;
  const interrupts = new InterruptCounter(interruptMemory);
  const encoder = new Encoder(connection.key);
  const sockets = {
    shell: new Router({ linger: LINGER }),
    control: new Router({ linger: LINGER }),
    stdin: new Router({ linger: LINGER }),
    iopub: new Publisher({ linger: LINGER, sendHighWaterMark: 0 }),
    heartbeat: new Reply({ linger: LINGER }),
  };
  const outbox = (socket: Router | Publisher) =>
    new Outbox((message) => socket.send(encoder.encode(message)).catch(log));
  const outboxes = {
    shell: outbox(sockets.shell),
    control: outbox(sockets.control),
    iopub: outbox(sockets.iopub),
  };

  const receive = async (channel: 'shell' | 'control'): Promise<void> => {
    for await (const frames of sockets[channel]) {
      try {
        const message = decode(frames, connection.key);
        const type = message.header.msg_type;
        if (type === 'interrupt_request') interrupts.raise();
        if (type === 'shutdown_request')
          setTimeout(() => process.kill(process.pid, 'SIGKILL'), SHUTDOWN_GRACE);
        port.postMessage({ channel, ...message } satisfies FromIoThread);
      } catch (error) {
        log(error);
      }
    }
  };
  const echo = async (): Promise<void> => {
    for await (const frames of sockets.heartbeat) await sockets.heartbeat.send(frames);
  };
  const close = async (): Promise<void> => {
    await Promise.all(Object.values(outboxes).map((box) => box.drain()));
    for (const socket of Object.values(sockets)) socket.close();
    process.exit(); // of the thread
  };

  port.on('message', (message: ToIoThread) => {
    if (message.kind === 'stream') outboxes.iopub.write(message);
    else if (message.kind === 'message') outboxes[message.channel].send(message);
    else close().catch(log);
  });

  const { transport, ip } = connection;
  const bind = (socket: { bind(address: string): Promise<void> }, number: number) =>
    socket.bind(`${transport}://${ip}${transport === 'ipc' ? '-' : ':'}${number}`);
  await Promise.all([
    bind(sockets.shell, connection.shell_port),
    bind(sockets.control, connection.control_port),
    bind(sockets.stdin, connection.stdin_port),
    bind(sockets.iopub, connection.iopub_port),
    bind(sockets.heartbeat, connection.hb_port),
  ]);
  await Promise.all([receive('shell'), receive('control'), echo()]);
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
serve(parentPort, workerData as IoThreadData).catch((error: unknown) => {
  log(error);
  process.exit(1);
});
