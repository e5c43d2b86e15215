/** What is known of TensorFlow's operations. */
import { parse, type Signature } from './operations/signature';
import type { Row } from './operations/row';
import { GRAPH_OPERATIONS, ONEDNN_OPERATIONS, REFUSED, STEP_OPERATIONS } from './operations/table';

export type { Argument, Signature } from './operations/signature';
export type { Bounds, IntegerRole, Row } from './operations/row';

const rows = new Map(STEP_OPERATIONS.map((entry) => [entry.signature.name, entry]));
const signatures = new Map(
  [...GRAPH_OPERATIONS, ...ONEDNN_OPERATIONS].map(parse).map((entry) => [entry.name, entry]),
);

/** The signature of an operation of the table. */
export function signature(operation: string): Signature {
  const found = rows.get(operation)?.signature ?? signatures.get(operation);
  if (!found) throw new Error(`The operation table has no ${operation}.`);
  return found;
}

/** What the table says of an operation that a step may run; undefined for others, such as oneDNN's. */
export function rowOf(operation: string): Row | undefined {
  return rows.get(operation);
}

/** The names of all operations of the table. */
export function operationNames(): string[] {
  return [...rows.keys(), ...signatures.keys()];
}

/** Undefined if a step may run the operation, otherwise the reason why it may not, with the remedy. */
export function refusal(operation: string): string | undefined {
  if (rows.has(operation)) return undefined;
  return (
    REFUSED[operation] ??
    'It is not in the table of operations that can be compiled. Run it outside of the step, ' +
      'or express it with other operations.'
  );
}
