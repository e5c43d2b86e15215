/**
 * A thread of its own for TypeScript. It checks cells for the main thread, and answers editors while the main thread is
 * busy running one. Its stack is large, because deeply nested code makes TypeScript recurse.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type {
  CompilerThreadData,
  EditorAnswer,
  EditorRequest,
  FromCompiler,
  ToCompiler,
} from './compiler-protocol';
import { answerEditor } from './editor';
import { InterruptFlags } from './interrupts';
import { Cancelled, Language } from './language';

if (!parentPort) throw new Error('this module runs in a worker thread only');
const port = parentPort;
const { root, interruptMemory, editorPort } = workerData as CompilerThreadData;
const interrupts = new InterruptFlags(interruptMemory);
const answer = (message: FromCompiler) => port.postMessage(message);

function start(): Language | undefined {
  try {
    return new Language(root, () => interrupts.pending > 0);
  } catch (error) {
    answer({ kind: 'unusable', message: messageOf(error) });
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function serve(language: Language): void {
  const attempt = (id: number, work: () => FromCompiler): void => {
    try {
      answer(work());
    } catch (error) {
      const isCancelled =
        error instanceof Cancelled || error?.constructor.name === 'OperationCanceledException';
      language.renew();
      answer({ kind: 'failed', id, message: messageOf(error), isCancelled });
    }
  };
  port.on('message', (message: ToCompiler) => {
    if (message.kind === 'settle') return language.settle(message.name, message.unreached);
    attempt(message.id, () => {
      const { id } = message;
      if (message.kind === 'module')
        return { kind: 'modules', id, modules: language.compileModule(message.file) };
      const result = language.compile(message.name, message.source);
      return Array.isArray(result)
        ? { kind: 'wrong', id, diagnostics: result }
        : { kind: 'cell', id, cell: result };
    });
  });
  editorPort.on('message', ({ id, type, content }: EditorRequest) => {
    let reply: object;
    try {
      reply = answerEditor(language, type, content);
    } catch (error) {
      if (!(error instanceof TypeError)) language.renew();
      const evalue = messageOf(error);
      reply = { status: 'error', ename: 'Error', evalue, traceback: [evalue] };
    }
    editorPort.postMessage({ id, content: reply } satisfies EditorAnswer);
  });
  language.warmUp();
}

const language = start();
if (language) serve(language);
