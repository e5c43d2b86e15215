/** The step as a function of a graph's library: inputs, fed values, held tensors and state in, outputs and new state out. */
import { dataType } from '../../runtime/binding';
import {
  attribute,
  attributeOf,
  functionDefinition,
  GraphBuilder,
  type Parameter,
  type Reference,
} from './builder';
import type { Carriage } from './carriage';
import type { Constant } from '../ir/constant';
import { checks } from '../ir/live';
import { fedTypes, type FedLayout, type Plan } from '../ir/plan';
import type { Source, TracedOperation } from '../ir/trace';

/** Values for the parameters of the step, or the parameters themselves, in the order in which the function takes them. */
export interface StepArguments<T = Reference> {
  readonly inputs: readonly T[];
  readonly fed: readonly T[];
  readonly held: readonly T[];
  readonly state: readonly T[];
}

/** What the step computes. */
export interface StepResults {
  readonly outputs: Reference[];
  /** New values of the variables that the step updates. */
  readonly updates: Reference[];
  /** When these have run, all of the values above are computed. */
  readonly computed: readonly Reference[];
}

const NAME = 'step';

export function inOrder<T>({ inputs, fed, held, state }: StepArguments<T>): T[] {
  return [...inputs, ...fed, ...held, ...state];
}

export function stepParameters(plan: Plan, carriage: Carriage): StepArguments<Parameter> {
  const parameter = (name: string, dtype: number): Parameter => ({ name, dtype: carriage.type(dtype) });
  return {
    inputs: plan.inputs.map(({ dtype }, i) => parameter(`input_${i}`, dtype)),
    fed: fedTypes(plan.fed).map((dtype) => parameter(`fed_${dtype}`, dataType[dtype])),
    held: plan.held.map(({ dtype }, i) => parameter(`held_${i}`, dtype)),
    state: plan.variables.map(({ dtype }, i) => parameter(`state_${i}`, dataType[dtype as 'float32'])),
  };
}

/**
 * Calls the step's function. What waits for the call waits for the function's effect, which {@link stepFunction} makes
 * follow from all of its results: without it, the call would count as run, once TensorFlow has inlined the function, when
 * those of its operations have run that have effects of their own.
 */
export function callStep(
  plan: Plan,
  carriage: Carriage,
  builder: GraphBuilder,
  values: StepArguments,
): StepResults {
  const types = [
    ...plan.trace.outputs.map(({ dtype }) => dtype),
    ...plan.trace.updates.map(({ variable }) => dataType[variable.dtype as 'float32']),
  ].map((dtype) => carriage.type(dtype));
  const results = builder.add('PartitionedCall', inOrder(values), {
    attributes: { f: attribute.function(NAME), Tout: attribute.types(types) },
  });
  const count = plan.trace.outputs.length;
  return {
    outputs: results.slice(0, count),
    updates: results.slice(count, types.length),
    computed: results.slice(0, 1),
  };
}

export function stepFunction(plan: Plan, carriage: Carriage): Buffer {
  const parameters = stepParameters(plan, carriage);
  const body = new GraphBuilder('function');
  const values = new StepBody(plan, body, restored(plan, carriage, body, parameters));
  const result = (name: string, source: Source): Parameter & { from: Reference } => {
    const from = values.after(carriage.carry(body, values.reference(source)));
    return { name, dtype: from.dtype, from };
  };
  const outputs = [
    ...plan.trace.outputs.map(({ source }, i) => result(`output_${i}`, source)),
    ...plan.trace.updates.map(({ source }, i) => result(`update_${i}`, source)),
  ];
  const effects = [body.one('NoOp', [], { after: outputs.map(({ from }) => from) })];
  return functionDefinition({ name: NAME, inputs: inOrder(parameters), outputs, effects, body });
}

/** What the step computes with. */
function restored(
  plan: Plan,
  carriage: Carriage,
  body: GraphBuilder,
  { inputs, fed, held, state }: StepArguments<Parameter>,
): StepArguments {
  const restore = (value: Parameter, dtype: number): Reference => carriage.restore(body, value, dtype);
  return {
    inputs: plan.inputs.map(({ dtype }, i) => restore(inputs[i]!, dtype)),
    fed: fedTypes(plan.fed).map((dtype, i) => restore(fed[i]!, dataType[dtype])),
    held: plan.held.map(({ dtype }, i) => restore(held[i]!, dtype)),
    state: plan.variables.map(({ dtype }, i) => restore(state[i]!, dataType[dtype as 'float32'])),
  };
}

/** The operations of the step as nodes of a function. */
class StepBody {
  private readonly results = new Map<TracedOperation, Reference[]>();
  private readonly fed: Reference[];

  constructor(
    private readonly plan: Plan,
    private readonly body: GraphBuilder,
    private readonly values: StepArguments,
  ) {
    this.fed = unpackFed(plan.fed, body, values.fed);
    for (const operation of plan.trace.operations) {
      const inputs = operation.inputs.map((input) => this.reference(input));
      const attributes = Object.fromEntries(
        operation.attributes.map((given) => [given.name, attributeOf(given)]),
      );
      const outputTypes = operation.outputs.map(({ dtype }) => dtype);
      this.results.set(operation, body.add(operation.name, inputs, { attributes, outputTypes }));
    }
  }

  reference(source: Source): Reference {
    const { plan, values } = this;
    switch (source.kind) {
      case 'operation':
        return this.results.get(source.operation)![source.output]!;
      case 'input':
        return values.inputs[source.index]!;
      case 'fed':
        return this.fed[source.index]!;
      case 'variable':
        return values.state[plan.variables.indexOf(source.variable)]!;
      case 'captured':
        return values.held[plan.held.indexOf(source.captured)]!;
      case 'constant':
        return this.constant(source.constant);
    }
  }

  /** A value that is there only after every check has run, so that no result of a step that fails one is used. */
  after(value: Reference): Reference {
    const after = checks(this.plan.trace.operations).map((operation) => this.results.get(operation)![0]!);
    return after.length > 0 ? this.body.one('Identity', [value], { after }) : value;
  }

  private constant(constant: Constant): Reference {
    const held = this.plan.held.indexOf(constant);
    return held < 0 ? this.body.constant(constant) : this.values.held[held]!;
  }
}

/** The values of `fed` out of the vectors that they are packed into. */
function unpackFed(layout: FedLayout, body: GraphBuilder, packed: readonly Reference[]): Reference[] {
  const references: Reference[] = [];
  fedTypes(layout).forEach((dtype, k) => {
    const inOrder = layout.places
      .map((place, index) => ({ ...place, index }))
      .filter((place) => place.dtype === dtype)
      .sort((a, b) => a.offset - b.offset);
    const scalars = inOrder.filter(({ length }) => length === undefined);
    const vectors = inOrder.filter(({ length }) => length !== undefined);
    let scalarPiece = packed[k]!;
    if (vectors.length > 0) {
      const sizes = [scalars.length, ...vectors.map(({ length }) => length!)];
      const [first, ...others] = body.add('SplitV', [packed[k]!, body.integers(sizes), body.integers(0)], {
        attributes: { num_split: attribute.integer(sizes.length) },
      });
      scalarPiece = first!;
      vectors.forEach(({ index }, i) => (references[index] = others[i]!));
    }
    if (scalars.length > 0) {
      const unpacked = body.add('Unpack', [scalarPiece], {
        attributes: { num: attribute.integer(scalars.length) },
      });
      scalars.forEach(({ index }, i) => (references[index] = unpacked[i]!));
    }
  });
  return references;
}
