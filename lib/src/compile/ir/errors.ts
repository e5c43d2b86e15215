/** A step that cannot be compiled, or a compiled step that failed: what happened, in which operation, and what to do. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
}
