/** Where `console.log` and everything else that writes to standard output goes. */
import { StringDecoder } from 'node:string_decoder';
import type { Publisher } from './cell';

type Done = (error?: Error | null) => void;

/** @param target The output of the cell that writes; undefined sends the text where the process would. */
export function redirectStreams(target: () => Publisher | undefined): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = process[name];
    const original = stream.write.bind(stream);
    const decoder = new StringDecoder('utf8');
    const write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean => {
      const output = target();
      if (!output) return original(chunk, encoding as BufferEncoding, done);
      const isText =
        typeof chunk === 'string' && (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding));
      const bytes = () =>
        typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : Buffer.from(chunk);
      const text = isText ? chunk : decoder.write(bytes());
      if (text !== '') output.write(name, text);
      const finished = typeof encoding === 'function' ? encoding : done;
      if (finished) process.nextTick(finished, null);
      return true;
    };
    stream.write = write;
  }
}
