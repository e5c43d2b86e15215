/** How much XLA would compute again and again. */
import { rowOf } from '../ir/operations';
import type { Trace, TracedOperation } from '../ir/trace';

/**
 * How many operations on elements XLA may run on average where the trace has one. XLA computes those that make an operand
 * anew in each operation that uses it, and what made theirs, back to the last product, sum or expensive function. This
 * grows with the length of chains such as the cell states of an LSTM over time.
 */
export function recomputation({ operations }: Trace): number {
  const costs = new Map<TracedOperation, number>();
  let total = 0;
  for (const operation of operations) {
    let cost = 0;
    if (!rowOf(operation.name)?.isMaterialized) {
      cost = 1;
      for (const input of operation.inputs)
        cost += input.kind === 'operation' ? costs.get(input.operation)! : 0;
    }
    costs.set(operation, cost);
    total += cost;
  }
  return total / operations.length;
}
