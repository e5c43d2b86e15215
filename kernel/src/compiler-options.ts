/** The compiler options of cells: the project's own, but for what the kernel depends on. */
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** What the kernel decides itself, because the rest of it depends on it. */
const FIXED: ts.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  target: ts.ScriptTarget.ES2022,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  preserveConstEnums: true,
  noEmit: false,
  declaration: false,
  composite: false,
  incremental: false,
  isolatedModules: false,
  sourceMap: true,
  inlineSources: false,
  removeComments: false,
  outDir: undefined,
  rootDir: undefined,
  tsBuildInfoFile: undefined,
};

const NO_INPUTS = 18003;

/** @throws Error when the file is missing or has an error, with TypeScript's message. */
export function readCompilerOptions(file: string): ts.CompilerOptions {
  const fail = (error: ts.Diagnostic): never => {
    throw new Error(`Cannot use ${file}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}`);
  };
  const read = ts.readConfigFile(file, (name) => fs.readFileSync(name, 'utf8'));
  if (read.error) fail(read.error);
  // Only the options count; looking for the files of a project would be for nothing.
  const host = { ...ts.sys, readDirectory: () => [] };
  const parsed = ts.parseJsonConfigFileContent(read.config, host, path.dirname(file), undefined, file);
  const wrong = parsed.errors.find(({ code }) => code !== NO_INPUTS);
  if (wrong) fail(wrong);
  return { ...parsed.options, ...FIXED };
}
