/** What a graph needs from outside, worked out from a trace: variables, tensors it holds, values it is fed. */
import type { tf } from '../../runtime';
import { dataType } from '../../runtime/binding';
import { splatOf, type Constant } from './constant';
import type { Captured, FedEvent, HostEvent, Source, Trace } from './trace';

/** Constants above this size are handed to the session beside the graph instead of being written into it. */
const LARGEST_CONSTANT_BYTES = 65_536;

/** Where the graph finds one value of `fed`: in the vector of its type, from `offset`. */
export interface FedPlace {
  readonly dtype: 'float32' | 'int32';
  readonly offset: number;
  /** Undefined for a scalar. */
  readonly length: number | undefined;
}

/** The values of `fed`, packed into one vector of each type: scalars first, then vectors. */
export interface FedLayout {
  readonly places: readonly FedPlace[];
  readonly sizes: Readonly<Record<'float32' | 'int32', number>>;
}

export interface Plan {
  readonly trace: Trace;
  readonly inputs: readonly { readonly dtype: number; readonly shape: readonly number[] }[];
  /** The variables that the step reads or assigns. */
  readonly variables: readonly tf.Variable[];
  readonly updated: ReadonlySet<tf.Variable>;
  /** Tensors that the session keeps: captured ones, and constants that are too large for the graph. */
  readonly held: readonly (Captured | Constant)[];
  readonly fed: FedLayout;
}

export function plan(trace: Trace, inputs: readonly tf.Tensor[]): Plan {
  const variables = new Set<tf.Variable>();
  const held = new Set<Captured | Constant>();
  const visit = (source: Source): void => {
    if (source.kind === 'variable') variables.add(source.variable);
    if (source.kind === 'captured') held.add(source.captured);
    if (source.kind === 'constant' && isLarge(source.constant)) held.add(source.constant);
  };
  for (const operation of trace.operations) operation.inputs.forEach(visit);
  for (const { source } of [...trace.outputs, ...trace.updates]) visit(source);
  for (const { variable } of trace.updates) variables.add(variable);
  return {
    trace,
    inputs: inputs.map(({ dtype, shape }) => ({ dtype: dataType[dtype as 'float32'], shape: [...shape] })),
    variables: [...variables],
    updated: new Set(trace.updates.map(({ variable }) => variable)),
    held: [...held],
    fed: layOut(trace.events),
  };
}

/** Whether a constant is held by the session; one whose elements are all equal takes no room in a graph. */
function isLarge(constant: Constant): boolean {
  return constant.bytes.length > LARGEST_CONSTANT_BYTES && splatOf(constant) === undefined;
}

function layOut(events: readonly HostEvent[]): FedLayout {
  const fed = events.filter((event): event is FedEvent => event.kind === 'fed');
  const sizes = { float32: 0, int32: 0 };
  const places: FedPlace[] = [];
  for (const scalars of [true, false]) {
    fed.forEach(({ dtype, length }, index) => {
      if ((length === undefined) !== scalars) return;
      places[index] = { dtype, offset: sizes[dtype], length };
      sizes[dtype] += length ?? 1;
    });
  }
  return { places, sizes };
}

/** The types of which the graph is fed a vector. */
export function fedTypes({ sizes }: FedLayout): ('float32' | 'int32')[] {
  return (['float32', 'int32'] as const).filter((dtype) => sizes[dtype] > 0);
}
