/** Jupyter's message format on ZeroMQ: frames, signature, headers. */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

export interface DecodedMessage {
  identities: Buffer[];
  header: Header;
  content: Record<string, unknown>;
}

export interface OutgoingMessage {
  identities: Uint8Array[];
  type: string;
  parent: Header;
  /** JSON text. */
  content: string;
}

const DELIMITER = '<IDS|MSG>';
const PROTOCOL_VERSION = '5.3';

/** @throws Error when the frames are not a message, or its signature is wrong. */
export function decode(frames: Buffer[], key: string): DecodedMessage {
  const start = frames.findIndex((frame) => frame.toString() === DELIMITER);
  const [signature, ...parts] = frames.slice(start + 1);
  const [header, , , content] = parts;
  if (start < 0 || !signature || !header || !content) throw new Error('not a Jupyter message');
  if (key !== '') {
    const expected = Buffer.from(sign(parts.slice(0, 4), key));
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new Error('wrong signature');
    }
  }
  const message = {
    identities: frames.slice(0, start),
    header: JSON.parse(header.toString()) as Header,
    content: JSON.parse(content.toString()) as Record<string, unknown>,
  };
  if (typeof message.header?.msg_type !== 'string') throw new Error('a message without a type');
  if (typeof message.content !== 'object' || message.content === null) message.content = {};
  return message;
}

/** The parent of messages that answer nothing. */
export function emptyHeader(): Header {
  return {} as Header;
}

/** Turns outgoing messages of one kernel session into frames. */
export class Encoder {
  private readonly session = randomUUID();

  constructor(private readonly key: string) {}

  encode({ identities, type, parent, content }: OutgoingMessage): (string | Uint8Array)[] {
    const header: Header = {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.session,
      username: parent.username ?? 'kernel',
      date: new Date().toISOString(),
      version: PROTOCOL_VERSION,
    };
    const parts = [JSON.stringify(header), JSON.stringify(parent), '{}', content];
    return [...identities, DELIMITER, this.key === '' ? '' : sign(parts, this.key), ...parts];
  }
}

function sign(parts: (string | Buffer)[], key: string): string {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
