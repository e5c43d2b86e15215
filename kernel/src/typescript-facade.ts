/** The options, the file watching and the code generation that tslab's converter is made to use. */
import fs from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import path from 'node:path';
import type * as TypeScript from '@tslab/typescript-for-tslab';
import { splitInlineMap } from './source-maps';
import { exportByAccessors, insertCheckpoints, referToEarlierCells } from './transforms';
import { CELL_FILE, DECLARATIONS_FILE, type Overrides, type Ts } from './tslab-internals';

/** What the converter decides itself, because the rest of the kernel depends on it. */
const FIXED_OPTIONS = [
  'alwaysStrict',
  'composite',
  'configFilePath',
  'declaration',
  'declarationMap',
  'incremental',
  'inlineSourceMap',
  'inlineSources',
  'isolatedModules',
  'module',
  'noEmit',
  'outDir',
  'rootDir',
  'sourceMap',
  'target',
  'tsBuildInfoFile',
];

/** JavaScript that the converter produced from one file. */
export interface Emitted {
  code: string;
  maps: SourceMap[];
  /** Names that later cells can use; empty for files that are not cells. */
  names: string[];
}

/** Collects what the converter produced, keyed by the code that it returns. */
export type EmittedCode = Map<string, Emitted>;

/**
 * @throws Error when the file is missing or has an error, with TypeScript's message.
 */
export function readCompilerOptions(ts: Ts, file: string): TypeScript.CompilerOptions {
  const fail = (error: TypeScript.Diagnostic): never => {
    throw new Error(`Cannot use ${file}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`);
  };
  const read = ts.readConfigFile(file, (name) => fs.readFileSync(name, 'utf8'));
  if (read.error) fail(read.error);
  // Only the options count; looking for the files of a project would be for nothing.
  const host = { ...ts.sys, readDirectory: () => [] };
  const parsed = ts.parseJsonConfigFileContent(read.config, host, path.dirname(file), undefined, file);
  const wrong = parsed.errors.find(({ code }) => code !== NO_INPUTS);
  if (wrong) fail(wrong);
  const options = { ...parsed.options };
  for (const name of FIXED_OPTIONS) delete options[name];
  return options;
}

const NO_INPUTS = 18003;

/** @param userOptions Taken over from `notebooks/tsconfig.json`. */
export function typescriptOverrides(
  ts: Ts,
  userOptions: TypeScript.CompilerOptions,
  emitted: EmittedCode,
): Overrides {
  const createBuilder = (...args: Parameters<Ts['createEmitAndSemanticDiagnosticsBuilderProgram']>) => {
    const builder = ts.createEmitAndSemanticDiagnosticsBuilderProgram(...args);
    const emit = builder.emit.bind(builder);
    builder.emit = (file, write, cancellation, declarationsOnly, transformers) =>
      emit(file, write, cancellation, declarationsOnly, {
        ...transformers,
        before: [...(transformers?.before ?? []), ...cellTransformers(ts, builder, file)],
      });
    return builder;
  };

  return {
    createWatchCompilerHost: ((
      files: string[],
      options: TypeScript.CompilerOptions,
      system: TypeScript.System,
    ) =>
      ts.createWatchCompilerHost(
        files,
        { ...options, ...userOptions, alwaysStrict: false, inlineSourceMap: true },
        watchingSourcesOnly(withTimers(system)),
        createBuilder as TypeScript.CreateProgram<TypeScript.EmitAndSemanticDiagnosticsBuilderProgram>,
        (diagnostic) => {
          throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
        },
        () => undefined,
      )) as Ts['createWatchCompilerHost'],

    transpileModule(module, options) {
      const { code, map } = splitInlineMap(module) ?? { code: module, map: undefined };
      const isCell = map !== undefined && sourceOf(map) === CELL_FILE;
      const source = isCell ? exportByAccessors(ts, code) : { code, names: [] };
      const output = ts.transpileModule(source.code, {
        ...options,
        compilerOptions: { ...options.compilerOptions, sourceMap: true },
        transformers: isCell ? { before: [insertCheckpoints(ts)] } : {},
      });
      const outputText = output.outputText.replace(/\/\/# sourceMappingURL=\S*\s*$/, '');
      const outer = JSON.parse(output.sourceMapText ?? '{}') as SourceMapPayload;
      const maps = map ? [new SourceMap(outer), new SourceMap(map)] : [];
      emitted.set(outputText, { code: outputText, maps, names: source.names });
      return { ...output, outputText };
    },
  };
}

function sourceOf(map: SourceMapPayload): string {
  return path.basename(map.sources[0] ?? '');
}

function cellTransformers(
  ts: Ts,
  builder: TypeScript.BuilderProgram,
  file: TypeScript.SourceFile | undefined,
): TypeScript.TransformerFactory<TypeScript.SourceFile>[] {
  if (!file || path.basename(file.fileName) !== CELL_FILE) return [];
  const declarations = builder.getSourceFile(
    path.posix.join(path.posix.dirname(file.fileName), DECLARATIONS_FILE),
  );
  if (!declarations) throw new Error(`tslab has no file ${DECLARATIONS_FILE}`);
  return [referToEarlierCells(ts, builder.getProgram().getTypeChecker(), declarations)];
}

/**
 * tslab's timers have room for one callback, which it runs when it compiles. TypeScript needs a second one when files
 * appear in a folder where it looked for them; tslab then fails, and does so for ever. Here its one callback runs all.
 */
function withTimers(system: TypeScript.System): TypeScript.System {
  const waiting = new Set<() => void>();
  let isScheduled = false;
  const runAll = () => {
    for (const callback of waiting) {
      waiting.delete(callback);
      callback();
    }
    isScheduled = false;
  };
  const timers: Pick<TypeScript.System, 'setTimeout' | 'clearTimeout'> = {
    setTimeout(callback, delay, ...args: unknown[]) {
      const call = () => callback(...args);
      waiting.add(call);
      if (!isScheduled) {
        isScheduled = true;
        system.setTimeout?.(runAll, delay);
      }
      return call;
    },
    clearTimeout: (call: () => void) => waiting.delete(call),
  };
  return Object.assign(Object.create(system) as TypeScript.System, timers);
}

/** Watching the thousands of declaration files of libraries would exhaust the system's watches, and they do not change. */
function watchingSourcesOnly(system: TypeScript.System): TypeScript.System {
  const none = { close: () => undefined };
  const isLibrary = (name: string) => name.includes('/node_modules') || name.endsWith('.d.ts');
  const isVirtual = (name: string) => [CELL_FILE, DECLARATIONS_FILE].includes(path.basename(name));
  const watching: Pick<TypeScript.System, 'watchFile' | 'watchDirectory'> = {
    watchFile: (name, ...rest) =>
      isLibrary(name) && !isVirtual(name) ? none : (system.watchFile?.(name, ...rest) ?? none),
    watchDirectory: (name, ...rest) =>
      isLibrary(name) ? none : (system.watchDirectory?.(name, ...rest) ?? none),
  };
  return Object.assign(Object.create(system) as TypeScript.System, watching);
}
