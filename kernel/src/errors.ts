/** How errors are told: name, message, and a traceback that points into the cell or into the library's source. */
import path from 'node:path';
import util from 'node:util';
import { codeFrame, styleText } from './code-frame';
import { CompilationError } from './compiler';
import type { Diagnostic } from './compiler-protocol';
import type { SourceMaps } from './source-maps';

/** Content of Jupyter's `error` message. */
export interface ErrorContent {
  ename: string;
  evalue: string;
  traceback: string[];
}

const MAX_DIAGNOSTICS = 10;
const NOT_AN_ERROR =
  'This value is not an Error, so nothing tells where it was thrown. Throw new Error(…) instead.';

export class ErrorReporter {
  constructor(
    private readonly root: string,
    private readonly sourceMaps: SourceMaps,
  ) {}

  /**
   * @param error Whatever was thrown.
   * @param cell Name of the cell that failed, which errors of the compiler refer to.
   */
  describe(error: unknown, cell: string): ErrorContent {
    if (error instanceof CompilationError) return this.describeDiagnostics(error.diagnostics, cell);
    try {
      return this.describeThrown(error, cell, new Set());
    } catch (problem) {
      // Objects can make any look at them throw, and clients wait for a reply.
      const evalue = `an error that cannot be shown, because looking at it throws: ${String(problem)}`;
      return { ename: 'Error', evalue, traceback: [evalue] };
    }
  }

  private describeThrown(error: unknown, cell: string, seen: Set<unknown>): ErrorContent {
    seen.add(error);
    if (!isError(error)) {
      const evalue = util.inspect(error);
      return {
        ename: 'Thrown',
        evalue,
        traceback: [`${styleText('red', 'Thrown')}: ${evalue}`, NOT_AN_ERROR],
      };
    }
    const ename = plain(error.name || error.constructor.name);
    const evalue = plain(error.message);
    const traceback = [`${styleText('red', ename)}: ${evalue}`, ...this.stackRows(error, cell)];
    for (const [label, inner] of innerErrors(error)) {
      if (seen.has(inner)) continue;
      traceback.push('', styleText('bold', label), ...this.describeThrown(inner, cell, seen).traceback);
    }
    return { ename, evalue, traceback };
  }

  /** Stack frames, with code below the first one in a file, in an earlier cell, and in the cell that failed. */
  private stackRows(error: Error, cell: string): string[] {
    const rows: string[] = [];
    const framed = new Set<string>();
    let skipped = 0;
    for (const row of String(error.stack).split('\n')) {
      if (!/^\s+at /.test(row) || row.includes('node:')) continue;
      const isDependency = row.includes(`${path.sep}node_modules${path.sep}`);
      if (isDependency && skipped++ > 0) continue;
      rows.push(styleText('gray', row.replace(`${this.root}${path.sep}`, '')));
      if (isDependency) continue;
      skipped = 0;

      const [, file, line, column] =
        /\(?([^()\s][^()]*):(\d+):(\d+)\)?$/.exec(row.replace(/^\s+at (async )?/, '')) ?? [];
      if (file === undefined) continue;
      const kind = file === cell ? 'this cell' : this.sourceMaps.isCell(file) ? 'earlier cell' : 'file';
      const lines = framed.has(kind) ? undefined : this.sourceMaps.linesOf(file);
      if (!lines) continue;
      framed.add(kind);
      rows.push(...codeFrame(lines, Number(line), Number(column)));
    }
    return rows;
  }

  private describeDiagnostics(diagnostics: Diagnostic[], cell: string): ErrorContent {
    const traceback: string[] = [];
    const told = diagnostics.slice(0, MAX_DIAGNOSTICS).map(({ file = cell, start, end, code, message }) => {
      const at = `${file}:${start.line + 1}:${start.character + 1}`;
      const [first = '', ...more] = message;
      traceback.push(`${styleText('bold', at)} ${styleText('red', `TS${code}`)}: ${first}`);
      const lines = this.sourceMaps.linesOf(file) ?? [];
      const length = start.line === end.line ? end.character - start.character : Infinity;
      traceback.push(...codeFrame(lines, start.line + 1, start.character + 1, length));
      traceback.push(...more.map((line) => `  ${line}`));
      return `${at} TS${code}: ${first}`;
    });
    const more = diagnostics.length - MAX_DIAGNOSTICS;
    if (more > 0) traceback.push(`… and ${more} more.`);
    return { ename: 'TypeScriptError', evalue: told[0] ?? '', traceback };
  }
}

function innerErrors(error: Error): [label: string, inner: unknown][] {
  const inner: [string, unknown][] = [];
  if (error.cause !== undefined) inner.push(['Caused by:', error.cause]);
  const { errors } = error as { errors?: unknown };
  if (Array.isArray(errors)) {
    errors.forEach((each, index) => inner.push([`Error ${index + 1} of ${errors.length}:`, each]));
  }
  return inner;
}

function isError(value: unknown): value is Error {
  return value instanceof Error || util.types.isNativeError(value);
}

/** Messages may carry terminal colours; in a name or a message they would be noise. */
function plain(text: unknown): string {
  return util.stripVTControlCharacters(String(text));
}
