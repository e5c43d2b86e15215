/** The cells that were run, over all sessions, in a file to which each kernel appends. */
import fs from 'node:fs';
import path from 'node:path';

type Entry = [session: number, line: number, input: string];
/** Of the form that Jupyter asks for: with `output`, the input comes with a result, which is not kept. */
type Told = [number, number, string | [string, null]];

/** A longer file loses its older half when a kernel starts. */
const MAX_BYTES = 4_000_000;

export class History {
  private entries: Entry[] | undefined;
  private session = 0;

  constructor(private readonly file: string) {}

  append(line: number, input: string): void {
    const known = this.read();
    const entry: Entry = [this.session, line, input];
    known.push(entry);
    try {
      fs.mkdirSync(path.dirname(this.file), { recursive: true });
      fs.appendFileSync(this.file, `${JSON.stringify(entry)}\n`);
    } catch {
      // A folder that cannot be written to has no history beyond this session.
    }
  }

  /** @param content Of Jupyter's history_request. */
  answer(content: Record<string, unknown>): { status: 'ok'; history: Told[] } {
    const { hist_access_type: kind, n, unique, output, session, start, stop, pattern } = content;
    let found = this.read();
    if (kind === 'range') {
      const wanted = Number(session ?? 0);
      const number = wanted > 0 ? wanted : this.session + wanted;
      const last = typeof stop === 'number' ? stop : Infinity;
      found = found.filter(([of, line]) => of === number && line >= Number(start ?? 0) && line < last);
    } else {
      if (kind === 'search') {
        const matches = glob(typeof pattern === 'string' ? pattern : '*');
        found = found.filter(([, , input]) => matches.test(input));
        if (unique === true) found = [...new Map(found.map((entry) => [entry[2], entry])).values()];
      }
      if (typeof n === 'number' && n > 0) found = found.slice(-n);
    }
    const history = found.map(([of, line, input]): Told => [
      of,
      line,
      output === true ? [input, null] : input,
    ]);
    return { status: 'ok', history };
  }

  private read(): Entry[] {
    if (this.entries) return this.entries;
    let text = '';
    try {
      text = fs.readFileSync(this.file, 'utf8');
      if (text.length > MAX_BYTES) {
        text = text.slice(text.indexOf('\n', text.length - MAX_BYTES / 2) + 1);
        fs.writeFileSync(`${this.file}.${process.pid}`, text);
        fs.renameSync(`${this.file}.${process.pid}`, this.file);
      }
      // A kernel that was killed may have left half a line.
      if (text !== '' && !text.endsWith('\n')) fs.appendFileSync(this.file, '\n');
    } catch {
      // There is none yet.
    }
    this.entries = text.split('\n').flatMap((line) => parse(line) ?? []);
    this.session = 1 + this.entries.reduce((last, [session]) => Math.max(last, session), 0);
    return this.entries;
  }
}

function parse(line: string): [Entry] | undefined {
  try {
    const entry = JSON.parse(line) as Entry;
    return Array.isArray(entry) && typeof entry[2] === 'string' ? [entry] : undefined;
  } catch {
    return undefined; // half a line
  }
}

/** `*` and `?` as in names of files; the whole text has to match. */
function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '[\\s\\S]*').replaceAll('?', '[\\s\\S]')}$`, 'u');
}
