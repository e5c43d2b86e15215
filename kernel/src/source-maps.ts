/** From positions in the code that runs to positions in the code that was written. */
import fs from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import path from 'node:path';

export interface Position {
  /** `In[3]`, or a path relative to the repository. */
  file: string;
  /** Counted from 1. */
  line: number;
  /** Counted from 1. */
  column: number;
}

/** A piece of generated code. */
export interface GeneratedCode {
  /** Source map, as JSON. */
  map: string;
  /** Number of lines; code of the kernel follows. */
  lines: number;
  /** Where its positions point to. */
  original: string;
}

/** Cells that no later cell can refer to are kept for a while: their functions may still be running. */
const RETIRED_CELLS = 500;

/** Knows the source of every cell and every mapped file of the repository. */
export class SourceMaps {
  private readonly generated = new Map<string, GeneratedCode & { parsed?: SourceMap }>();
  private readonly retired: string[] = [];
  private readonly cells = new Map<string, string>();
  private readonly files = new Map<string, SourceMap | undefined>();

  constructor(private readonly root: string) {}

  addCell(name: string, source: string): void {
    this.cells.set(name, source);
  }

  addGenerated(file: string, code: GeneratedCode): void {
    this.generated.set(file, code);
  }

  /** A cell whose names are all gone will soon be forgotten. */
  retire(cell: string): void {
    this.retired.push(cell);
    if (this.retired.length <= RETIRED_CELLS) return;
    const oldest = this.retired.shift()!;
    this.cells.delete(oldest);
    this.generated.delete(oldest);
  }

  /** The lines of a file named by a {@link Position}; undefined when it cannot be read. */
  linesOf(file: string): string[] | undefined {
    const source = this.cells.get(file) ?? readIfPresent(path.resolve(this.root, file));
    return source?.split('\n');
  }

  isCell(file: string): boolean {
    return this.cells.has(file);
  }

  /** Undefined: not mapped. `'generated'`: code that nobody wrote. */
  original(file: string, line: number, column: number): Position | 'generated' | undefined {
    const code = this.generated.get(file);
    return code ? throughMap(code, line, column) : this.throughFile(file, line, column);
  }

  /** Makes `error.stack` speak of cells and TypeScript files, wherever it is read. */
  install(): void {
    Error.stackTraceLimit = 50;
    Error.prepareStackTrace = (error, sites) =>
      [headline(error), ...withoutKernel(sites).flatMap((site) => this.row(site))].join('\n');
  }

  private row(site: NodeJS.CallSite): string[] {
    const text = `    at ${(site as { toString(): string }).toString()}`;
    const [file, line, column] = [site.getFileName(), site.getLineNumber(), site.getColumnNumber()];
    if (file == null || line === null || column === null) return [text];
    const original = this.original(file, line, column);
    if (original === 'generated') return [];
    if (!original) return [text];
    return [
      text.replace(`${file}:${line}:${column}`, `${original.file}:${original.line}:${original.column}`),
    ];
  }

  private throughFile(file: string, line: number, column: number): Position | undefined {
    if (!file.startsWith(this.root + path.sep) || file.includes(`${path.sep}node_modules${path.sep}`))
      return undefined;
    if (!this.files.has(file)) this.files.set(file, readMap(`${file}.map`));
    const entry = this.files.get(file)?.findEntry(line - 1, column - 1);
    if (!entry || !('originalSource' in entry)) return undefined;
    return {
      file: path.relative(this.root, path.resolve(path.dirname(file), entry.originalSource)),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
    };
  }
}

function throughMap(
  code: GeneratedCode & { parsed?: SourceMap },
  line: number,
  column: number,
): Position | 'generated' {
  if (line < 1 || line > code.lines) return 'generated';
  code.parsed ??= new SourceMap(JSON.parse(code.map) as SourceMapPayload);
  const entry = code.parsed.findEntry(line - 1, column - 1);
  return 'originalLine' in entry
    ? { file: code.original, line: entry.originalLine + 1, column: entry.originalColumn + 1 }
    : 'generated';
}

/** What the kernel did to call a cell, or was called for by one, says nothing about an error of the cell. */
function withoutKernel(sites: NodeJS.CallSite[]): NodeJS.CallSite[] {
  const start = sites.findIndex((site) => !isKernel(site));
  if (start < 0) return sites;
  const end = sites.findIndex((site, index) => index > start && isKernel(site));
  const inner = sites.slice(start, end < 0 ? undefined : end);
  if (inner.at(-1)?.getFileName() === 'node:async_hooks') inner.pop();
  return inner;
}

function isKernel(site: NodeJS.CallSite): boolean {
  const file = site.getFileName() ?? '';
  return path.dirname(file) === __dirname || file === 'node:vm' || file === 'node:liandan';
}

function headline(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'Error';
  }
}

function readMap(file: string): SourceMap | undefined {
  const text = readIfPresent(file);
  return text === undefined ? undefined : new SourceMap(JSON.parse(text) as SourceMapPayload);
}

function readIfPresent(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
