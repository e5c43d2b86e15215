import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Outbox } from '../src/outbox';
import type { Header, OutgoingMessage } from '../src/wire';

const parent = (id: string): Header => ({
  msg_id: id,
  msg_type: 'execute_request',
  session: 's',
  username: 'u',
  date: '',
  version: '5.3',
});
const message = (type: string): OutgoingMessage => ({
  identities: [],
  type,
  parent: parent('1'),
  content: '{}',
});

function recorder(delay = 0) {
  const sent: string[] = [];
  let pending = 0;
  const outbox = new Outbox(async ({ type, content }) => {
    expect(pending++, 'sends that overlap').toBe(0);
    await sleep(delay);
    pending--;
    sent.push(type === 'stream' ? (JSON.parse(content) as { text: string }).text : type);
  });
  return { outbox, sent };
}

describe('Outbox', () => {
  it('sends one message at a time and in order', async () => {
    const { outbox, sent } = recorder(1);
    const types = Array.from({ length: 50 }, (_, index) => `m${index}`);
    for (const type of types) outbox.send(message(type));
    await outbox.drain();
    expect(sent).toEqual(types);
  });

  it('joins neighbouring pieces of a stream, but never across other messages', async () => {
    const { outbox, sent } = recorder();
    const write = (text: string, name: 'stdout' | 'stderr' = 'stdout', id = '1') =>
      outbox.write({ parent: parent(id), name, text });
    write('a');
    write('b');
    write('c', 'stderr');
    write('d');
    outbox.send(message('display_data'));
    write('e');
    write('f', 'stdout', 'other cell');
    await outbox.drain();
    expect(sent).toEqual(['ab', 'c', 'd', 'display_data', 'e', 'f']);
  });

  it('sends a stream by itself after a moment', async () => {
    const { outbox, sent } = recorder();
    outbox.write({ parent: parent('1'), name: 'stdout', text: 'soon' });
    expect(sent).toEqual([]);
    await sleep(200);
    expect(sent).toEqual(['soon']);
  });

  it('splits very long streams between pieces and loses nothing', async () => {
    const { outbox, sent } = recorder();
    const piece = 'x'.repeat(1000);
    for (let index = 0; index < 200; index++)
      outbox.write({ parent: parent('1'), name: 'stdout', text: piece });
    await outbox.drain();
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.join('')).toBe(piece.repeat(200));
  });
});
