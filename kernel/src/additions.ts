/**
 * Modules that join a program after it was made. They stay until the next one is made.
 *
 * Programs of TypeScript do not change. For each cell there would be another one, which goes through a thousand files
 * of libraries again, with another checker, which works out their types again. But a module that no other module names,
 * and that changes no type of theirs, can join: a program keeps its files and what their imports stand for in maps, and
 * the checker asks for them when it first meets them. The maps and the binder are no public interface of TypeScript;
 * where they are missing nothing joins, and programs are made anew.
 */
import ts from 'typescript';

type Resolutions = ts.ModeAwareCache<ts.ResolvedModuleWithFailedLookupLocations>;

interface Program extends ts.Program {
  getFilesByNameMap?(): Map<string, ts.SourceFile>;
  resolvedModules?: Map<string, Resolutions>;
}

interface SourceFile extends ts.SourceFile {
  path: string;
  moduleAugmentations: readonly ts.Node[];
}

const { bindSourceFile } = ts as unknown as {
  bindSourceFile?: (file: ts.SourceFile, options: ts.CompilerOptions) => void;
};

/** A module with its imports resolved, in no program yet. */
export interface Addition {
  source: ts.SourceFile;
  /** Files that its imports stand for. */
  imports: string[];
  resolutions: Resolutions | undefined;
}

/** @param host Gives the file, and resolves its imports. */
export function prepare(file: string, options: ts.CompilerOptions, host: ts.CompilerHost): Addition {
  // A program of this file alone does with its imports what another one would, and reads nothing of them.
  const alone: Program = ts.createProgram({
    rootNames: [file],
    options: { ...options, noLib: true, noResolve: true, types: [] },
    host,
  });
  const source = alone.getSourceFile(file) as SourceFile;
  const resolutions = alone.resolvedModules?.get(source.path);
  const imports: string[] = [];
  resolutions?.forEach(({ resolvedModule }) => {
    if (resolvedModule) imports.push(resolvedModule.resolvedFileName);
  });
  return { source, imports, resolutions };
}

/** Gives a program that has all that a module imports the module too; false where it must be made anew for that. */
export function join(program: Program, { source, resolutions }: Addition): boolean {
  const { path, moduleAugmentations, referencedFiles, typeReferenceDirectives, libReferenceDirectives } =
    source as SourceFile;
  const files = program.getFilesByNameMap?.();
  const known = program.resolvedModules;
  const changesOthers = [
    moduleAugmentations,
    referencedFiles,
    typeReferenceDirectives,
    libReferenceDirectives,
  ].some(({ length }) => length > 0);
  if (!bindSourceFile || !files || !known || changesOthers) return false;
  files.set(path, source);
  if (resolutions) known.set(path, resolutions);
  bindSourceFile(source, program.getCompilerOptions());
  return true;
}
