import type { Header, OutgoingMessage } from './wire';

/** Text that a cell wrote to stdout or stderr. */
export interface StreamText {
  parent: Header;
  name: 'stdout' | 'stderr';
  text: string;
}

const STREAM_DELAY = 40;
const STREAM_LIMIT = 65_536;

/**
 * Sends the messages of one socket strictly one after the other. ZeroMQ's binding refuses a send while another one is
 * pending, and a lost `status: idle` makes clients wait for ever. Neighbouring pieces of the same stream become one
 * message, because a message per `console.log` would drown clients.
 */
export class Outbox {
  private readonly queue: OutgoingMessage[] = [];
  private stream: StreamText | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pump: Promise<void> | undefined;

  constructor(private readonly deliver: (message: OutgoingMessage) => Promise<void>) {}

  send(message: OutgoingMessage): void {
    this.flushStream();
    this.enqueue(message);
  }

  write(piece: StreamText): void {
    const open = this.stream;
    if (open && open.name === piece.name && open.parent.msg_id === piece.parent.msg_id) {
      open.text += piece.text;
      if (open.text.length > STREAM_LIMIT) this.flushStream();
      return;
    }
    this.flushStream();
    this.stream = { ...piece };
    this.timer = setTimeout(() => this.flushStream(), STREAM_DELAY);
  }

  /** Resolves when everything is with ZeroMQ. */
  async drain(): Promise<void> {
    this.flushStream();
    await this.pump;
  }

  private flushStream(): void {
    clearTimeout(this.timer);
    if (!this.stream) return;
    const { parent, name, text } = this.stream;
    this.stream = undefined;
    this.enqueue({
      identities: [Buffer.from('stream')],
      type: 'stream',
      parent,
      content: JSON.stringify({ name, text }),
    });
  }

  private enqueue(message: OutgoingMessage): void {
    this.queue.push(message);
    this.pump ??= this.deliverAll();
  }

  private async deliverAll(): Promise<void> {
    for (let message = this.queue.shift(); message; message = this.queue.shift()) await this.deliver(message);
    this.pump = undefined;
  }
}
