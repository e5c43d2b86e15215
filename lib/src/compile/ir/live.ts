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
  const needed = dependencies([
    ...[...outputs, ...updates].map(({ source }) => source),
    ...checks(operations).map((operation): Source => ({ kind: 'operation', operation, output: 0 })),
  ]);
  return operations.filter((operation) => needed.has(operation));
}

/** The operations that some values depend on. */
export function dependencies(values: readonly Source[]): Set<TracedOperation> {
  const found = new Set<TracedOperation>();
  const pending = [...values];
  for (let source = pending.pop(); source; source = pending.pop()) {
    if (source.kind !== 'operation' || found.has(source.operation)) continue;
    found.add(source.operation);
    pending.push(...source.operation.inputs);
  }
  return found;
}
