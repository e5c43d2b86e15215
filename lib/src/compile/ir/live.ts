/** Which operations of a step must run. */
import { rowOf } from './operations';
import type { Source, TracedOperation } from './trace';

/** Those that may stop the step. */
export function checks(operations: readonly TracedOperation[]): TracedOperation[] {
  return operations.filter(({ name }) => rowOf(name)?.mustRun);
}

/** Those of the operations that must run: what the results depend on, and what may stop the step. */
export function live(
  operations: readonly TracedOperation[],
  { outputs, updates }: { readonly [K in 'outputs' | 'updates']: readonly { readonly source: Source }[] },
): TracedOperation[] {
  const found = new Set<TracedOperation>();
  const pending = [...outputs, ...updates].map(({ source }) => source);
  for (const operation of checks(operations)) pending.push({ kind: 'operation', operation, output: 0 });
  for (let source = pending.pop(); source; source = pending.pop()) {
    if (source.kind !== 'operation' || found.has(source.operation)) continue;
    found.add(source.operation);
    pending.push(...source.operation.inputs);
  }
  return operations.filter((operation) => found.has(operation));
}
