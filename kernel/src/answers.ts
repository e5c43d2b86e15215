/** Replies to the requests that do not run code. */
import type { Session } from './session';
import { codePointOffset, utf16Offset } from './text-positions';
import { TSLAB_VERSION } from './tslab-internals';

type Content = Record<string, unknown>;
export type Answer = (content: Content) => object;

/** What JupyterLab shows kinds for; more would only make the message longer. */
const MAX_TYPED_MATCHES = 500;

export function createAnswers(session: Session): Record<string, Answer> {
  return {
    kernel_info_request: () => kernelInfo(session.typescriptVersion),
    is_complete_request: ({ code }) => {
      const { completed, indent } = session.isComplete(text(code));
      return completed ? { status: 'complete' } : { status: 'incomplete', indent: indent ?? '' };
    },
    complete_request: ({ code, cursor_pos }) => complete(session, text(code), Number(cursor_pos)),
    inspect_request: ({ code, cursor_pos }) => inspect(session, text(code), Number(cursor_pos)),
    history_request: () => ({ status: 'ok', history: [] }),
    comm_info_request: () => ({ status: 'ok', comms: {} }),
  };
}

function kernelInfo(typescriptVersion: string): object {
  return {
    status: 'ok',
    protocol_version: '5.3',
    implementation: 'liandan',
    implementation_version: `tslab ${TSLAB_VERSION}`,
    banner: `TypeScript ${typescriptVersion} on Node.js ${process.version}`,
    help_links: [],
    debugger: false,
    language_info: {
      name: 'typescript',
      version: typescriptVersion,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      pygments_lexer: 'typescript',
      nbconvert_exporter: 'script',
      codemirror_mode: { name: 'javascript', typescript: true, mode: 'typescript' },
    },
  };
}

function complete(session: Session, code: string, cursor: number): object {
  const found = session.complete(code, utf16Offset(code, cursor));
  const start = codePointOffset(code, found.start);
  const end = codePointOffset(code, found.end);
  const typed = found.matches.slice(0, MAX_TYPED_MATCHES);
  return {
    status: 'ok',
    cursor_start: start,
    cursor_end: end,
    matches: found.matches.map((match) => match.text),
    metadata: {
      _jupyter_types_experimental: typed.map(({ text, kind }) => ({ text, type: kind, start, end })),
    },
  };
}

function inspect(session: Session, code: string, cursor: number): object {
  const info = session.inspect(code, utf16Offset(code, cursor));
  if (!info) return { status: 'ok', found: false, data: {}, metadata: {} };
  const documentation = info.text.slice(info.signature.length).trim();
  const markdown = `\`\`\`typescript\n${info.signature}\n\`\`\`\n\n${documentation}`;
  return {
    status: 'ok',
    found: true,
    data: { 'text/plain': info.text, 'text/markdown': markdown },
    metadata: {},
  };
}

function text(code: unknown): string {
  if (typeof code !== 'string') throw new TypeError('the request has no code');
  return code;
}
