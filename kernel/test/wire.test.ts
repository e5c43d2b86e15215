import { describe, expect, it } from 'vitest';
import { decode, Encoder, type Header } from '../src/wire';

const parent: Header = {
  msg_id: 'p',
  msg_type: 'execute_request',
  session: 'client',
  username: 'ada',
  date: '2024-01-01T00:00:00Z',
  version: '5.3',
};
const encode = (key: string) =>
  new Encoder(key)
    .encode({ identities: [Buffer.from('client')], type: 'stream', parent, content: '{"text":"é🦁"}' })
    .map((frame) => Buffer.from(frame as string));

describe('the wire format', () => {
  it.each(['secret', ''])('reads what it writes (key %j)', (key) => {
    const { identities, header, content } = decode(encode(key), key);
    expect(identities.map(String)).toEqual(['client']);
    expect(header).toMatchObject({ msg_type: 'stream', username: 'ada', version: '5.3' });
    expect(header.msg_id).not.toBe('p');
    expect(content).toEqual({ text: 'é🦁' });
  });

  it('refuses a wrong key, a changed message and what is no message', () => {
    const frames = encode('secret');
    expect(() => decode(frames, 'other')).toThrow('wrong signature');
    const changed = frames.with(-1, Buffer.from('{"text":"forged"}'));
    expect(() => decode(changed, 'secret')).toThrow('wrong signature');
    expect(() => decode([Buffer.from('hello')], 'secret')).toThrow('not a Jupyter message');
    expect(() => decode(frames.slice(0, 4), 'secret')).toThrow('not a Jupyter message');
  });

  it('agrees with the signature of the specification', () => {
    const [, , signature, ...parts] = encode('secret').map(String);
    expect(signature).toMatch(/^[0-9a-f]{64}$/);
    expect(parts).toHaveLength(4);
    expect(JSON.parse(parts[1] ?? '')).toEqual(parent);
  });
});
