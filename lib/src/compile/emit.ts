/**
 * Turns a plan into a graph. The step becomes a function of inputs, fed values, held tensors and state; the graph around
 * it keeps the state in variables and calls the function once, or once per turn of a loop.
 */
import { dataType } from '../runtime/binding';
import {
  attribute,
  attributeOf,
  functionDefinition,
  GraphBuilder,
  savedModel,
  type Attributes,
  type Constant,
  type Parameter,
  type Reference,
} from './graph';
import type { FedLayout, Plan } from './plan';
import type { Source, TracedOperation } from './trace';

/** A graph and the names under which a session feeds and fetches. */
export interface EmittedGraph {
  readonly model: Buffer;
  readonly once: Entry;
  readonly loop: Entry;
  /** One entry per variable: feeds a value and stores it. */
  readonly store: readonly { readonly feed: string; readonly fetch: string }[];
  /** One entry per tensor that the session holds. */
  readonly hold: readonly { readonly feed: string; readonly fetch: string }[];
  /** One output per variable: its value. */
  readonly load: readonly string[];
}

/** One way to run the graph; names are separated by commas as the binding takes them. */
export interface Entry {
  readonly feeds: string;
  readonly fetches: string;
}

interface EmitOptions {
  readonly xla: boolean;
}

/** The values that the step's function takes, in groups; the same order everywhere. */
interface StepValues {
  readonly inputs: readonly Reference[];
  readonly fed: readonly Reference[];
  readonly held: readonly Reference[];
  readonly state: readonly Reference[];
}

const STEP = 'step';

export function emit(plan: Plan, { xla }: EmitOptions): EmittedGraph {
  const graph = new GraphBuilder('graph');
  const parameters = stepParameters(plan);
  const compiled: Attributes = xla ? { _XlaMustCompile: attribute.boolean(true) } : {};
  const functions = [stepFunction(plan, parameters, xla)];

  const state = plan.variables.map((_, k) =>
    storage(graph, `state_${k}`, parameters.state[k]!.dtype, shapeOf(plan, k)),
  );
  const held = [...plan.captured, ...plan.largeConstants].map(({ dtype, shape }, k) =>
    storage(graph, `held_${k}`, dtype, shape),
  );
  const stored = state.map(({ value }) => value);
  const heldValues = held.map(({ value }) => value);

  const call = (builder: GraphBuilder, values: StepValues): Reference[] =>
    builder.add('PartitionedCall', flat(values), {
      attributes: { f: attribute.function(STEP), Tout: attribute.types(resultTypes(plan)), ...compiled },
    });

  const once = ((): Entry => {
    const inputs = plan.inputs.map(({ dtype, shape }, i) => graph.placeholder(`input_${i}`, dtype, shape));
    const fed = fedTypes(plan.fed).map((dtype) =>
      graph.placeholder(`fed_${dtype}`, dataType[dtype], [plan.fed.sizes[dtype]]),
    );
    const results = call(graph, { inputs, fed, held: heldValues, state: stored });
    return {
      feeds: names([...inputs, ...fed]),
      fetches: names(commit(graph, plan, 'output', results, state)),
    };
  })();

  const loop = ((): Entry => {
    const steps = graph.placeholder('steps', dataType.int32, []);
    const inputs = plan.inputs.map(({ dtype, shape }, i) =>
      graph.placeholder(`inputs_${i}`, dtype, [-1, ...shape]),
    );
    const fed = fedTypes(plan.fed).map((dtype) =>
      graph.placeholder(`feds_${dtype}`, dataType[dtype], [-1, plan.fed.sizes[dtype]]),
    );
    functions.push(...loopFunctions(plan, parameters, call));
    const stacks = plan.trace.outputs.map(({ dtype, shape }) =>
      graph.one('TensorListReserve', [graph.integers(shape), steps], {
        attributes: { element_dtype: attribute.type(dtype), shape_type: attribute.type(dataType.int32) },
      }),
    );
    const looped = graph.add(
      'StatelessWhile',
      [graph.integers(0), steps, ...inputs, ...fed, ...heldValues, ...stacks, ...stored],
      {
        attributes: {
          cond: attribute.function('loop_condition'),
          body: attribute.function('loop_body'),
          parallel_iterations: attribute.integer(1),
          _lower_using_switch_merge: attribute.boolean(true),
        },
      },
    );
    const finalState = looped.slice(looped.length - stored.length);
    const finalStacks = looped.slice(
      looped.length - stored.length - stacks.length,
      looped.length - stored.length,
    );
    const outputs = plan.trace.outputs.map(({ dtype, shape }, o) =>
      graph.one('TensorListStack', [finalStacks[o]!, graph.integers(shape)], {
        attributes: { element_dtype: attribute.type(dtype) },
      }),
    );
    const updates = plan.trace.updates.map(({ variable }) => finalState[plan.variables.indexOf(variable)]!);
    return {
      feeds: names([steps, ...inputs, ...fed]),
      fetches: names(commit(graph, plan, 'outputs', [...outputs, ...updates], state)),
    };
  })();

  return {
    model: savedModel(graph, functions),
    once,
    loop,
    store: state.map(({ feed, stored: fetch }) => ({ feed: feed.name, fetch: fetch.name })),
    hold: held.map(({ feed, stored: fetch }) => ({ feed: feed.name, fetch: fetch.name })),
    load: stored.map(({ name }) => name),
  };
}

function names(references: readonly Reference[]): string {
  return references.map(({ name }) => name).join();
}

function flat({ inputs, fed, held, state }: StepValues): Reference[] {
  return [...inputs, ...fed, ...held, ...state];
}

function fedTypes({ sizes }: FedLayout): ('float32' | 'int32')[] {
  return (['float32', 'int32'] as const).filter((dtype) => sizes[dtype] > 0);
}

function shapeOf(plan: Plan, k: number): readonly number[] {
  return plan.variables[k]!.shape;
}

function stepParameters(plan: Plan): Record<'inputs' | 'fed' | 'held' | 'state', Parameter[]> {
  return {
    inputs: plan.inputs.map(({ dtype }, i) => ({ name: `input_${i}`, dtype })),
    fed: fedTypes(plan.fed).map((dtype) => ({ name: `fed_${dtype}`, dtype: dataType[dtype] })),
    held: [...plan.captured, ...plan.largeConstants].map(({ dtype }, k) => ({ name: `held_${k}`, dtype })),
    state: plan.variables.map(({ dtype }, k) => ({
      name: `state_${k}`,
      dtype: dataType[dtype as 'float32'],
    })),
  };
}

function resultTypes(plan: Plan): number[] {
  return [
    ...plan.trace.outputs.map(({ dtype }) => dtype),
    ...plan.trace.updates.map(({ variable }) => dataType[variable.dtype as 'float32']),
  ];
}

/** A variable of the session, with a way to set it. */
function storage(
  graph: GraphBuilder,
  name: string,
  dtype: number,
  shape: readonly number[],
): { handle: Reference; value: Reference; feed: Reference; stored: Reference } {
  const type = { dtype: attribute.type(dtype) };
  const handle = graph.one('VarHandleOp', [], {
    name,
    attributes: { ...type, shape: attribute.shape(shape), shared_name: attribute.string(name) },
  });
  const feed = graph.placeholder(`${name}_feed`, dtype, shape);
  const assignment = graph.one('AssignVariableOp', [handle, feed], {
    name: `${name}_assign`,
    attributes: type,
  });
  const stored = graph.one('Identity', [graph.integers(1)], { name: `${name}_stored`, after: [assignment] });
  const value = graph.one('ReadVariableOp', [handle], { name: `${name}_value`, attributes: type });
  return { handle, value, feed, stored };
}

/** Stores the new state once all of it is computed, so that a failure changes nothing, and gives the outputs. */
function commit(
  graph: GraphBuilder,
  plan: Plan,
  name: string,
  results: readonly Reference[],
  state: readonly { handle: Reference }[],
): Reference[] {
  const outputs = results.slice(0, plan.trace.outputs.length);
  const updates = results.slice(plan.trace.outputs.length);
  const computed =
    updates.length > 1 ? [graph.one('NoOp', [], { name: `${name}_computed`, after: results })] : [];
  const assignments = plan.trace.updates.map(({ variable }, u) =>
    graph.one('AssignVariableOp', [state[plan.variables.indexOf(variable)]!.handle, updates[u]!], {
      after: computed,
      attributes: { dtype: attribute.type(updates[u]!.dtype) },
    }),
  );
  if (outputs.length === 0) {
    return [graph.one('Identity', [graph.integers(1)], { name: `${name}_done`, after: assignments })];
  }
  return outputs.map((output, o) =>
    graph.one('Identity', [output], { name: `${name}_${o}`, after: assignments }),
  );
}

function stepFunction(plan: Plan, parameters: ReturnType<typeof stepParameters>, xla: boolean): Buffer {
  const body = new GraphBuilder('function');
  const values = new StepBody(plan, body, parameters);
  const outputs = plan.trace.outputs.map(({ source, dtype }, o) => ({
    name: `output_${o}`,
    dtype,
    from: values.reference(source),
  }));
  const updates = plan.trace.updates.map(({ source }, u) => {
    const from = values.reference(source);
    return { name: `update_${u}`, dtype: from.dtype, from };
  });
  return functionDefinition({
    name: STEP,
    inputs: [...parameters.inputs, ...parameters.fed, ...parameters.held, ...parameters.state],
    outputs: [...outputs, ...updates],
    body,
    attributes: xla ? { _XlaMustCompile: attribute.boolean(true), _noinline: attribute.boolean(true) } : {},
  });
}

/** The operations of the step as nodes of a function. */
class StepBody {
  private readonly results = new Map<TracedOperation, Reference[]>();
  private readonly fed: Reference[];

  constructor(
    private readonly plan: Plan,
    private readonly body: GraphBuilder,
    private readonly parameters: ReturnType<typeof stepParameters>,
  ) {
    this.fed = unpackFed(plan.fed, body, parameters.fed);
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
    const { plan, parameters } = this;
    switch (source.kind) {
      case 'operation':
        return this.results.get(source.operation)![source.output]!;
      case 'input':
        return parameters.inputs[source.index]!;
      case 'fed':
        return this.fed[source.index]!;
      case 'variable':
        return parameters.state[plan.variables.indexOf(source.variable)]!;
      case 'captured':
        return parameters.held[plan.captured.indexOf(source.captured)]!;
      case 'constant':
        return this.constant(source.constant);
    }
  }

  private constant(constant: Constant): Reference {
    const large = this.plan.largeConstants.indexOf(constant);
    if (large < 0) return this.body.constant(constant);
    return this.parameters.held[this.plan.captured.length + large]!;
  }
}

/** The values of `fed` out of the vectors that they are packed into. */
function unpackFed(layout: FedLayout, body: GraphBuilder, packed: readonly Reference[]): Reference[] {
  const references: Reference[] = [];
  fedTypes(layout).forEach((dtype, k) => {
    const indices = layout.places.flatMap((place, index) => (place.dtype === dtype ? [index] : []));
    const scalars = indices.filter((index) => layout.places[index]!.length === undefined);
    const vectors = indices.filter((index) => layout.places[index]!.length !== undefined);
    vectors.sort((a, b) => layout.places[a]!.offset - layout.places[b]!.offset);
    const lengths = vectors.map((index) => layout.places[index]!.length!);
    const pieces =
      vectors.length === 0
        ? [packed[k]!]
        : body.add('SplitV', [packed[k]!, body.integers([scalars.length, ...lengths]), body.integers(0)], {
            attributes: { num_split: attribute.integer(vectors.length + 1) },
          });
    if (scalars.length > 0) {
      const unpacked = body.add('Unpack', [pieces[0]!], {
        attributes: { num: attribute.integer(scalars.length) },
      });
      scalars.sort((a, b) => layout.places[a]!.offset - layout.places[b]!.offset);
      scalars.forEach((index, i) => (references[index] = unpacked[i]!));
    }
    vectors.forEach((index, i) => (references[index] = pieces[i + 1]!));
  });
  return references;
}

function loopFunctions(
  plan: Plan,
  parameters: ReturnType<typeof stepParameters>,
  call: (builder: GraphBuilder, values: StepValues) => Reference[],
): Buffer[] {
  const { inputs, fed, held, state } = parameters;
  const index = { name: 'index', dtype: dataType.int32 };
  const steps = { name: 'steps', dtype: dataType.int32 };
  const stacks = plan.trace.outputs.map((_, o) => ({ name: `stack_${o}`, dtype: dataType.variant }));
  const carried = [index, steps, ...inputs, ...fed, ...held, ...stacks, ...state];

  const condition = new GraphBuilder('function');
  const goesOn = condition.one('Less', [index, steps]);

  const body = new GraphBuilder('function');
  const row = (stacked: Reference): Reference =>
    body.one('GatherV2', [stacked, index, body.integers(0)], {
      attributes: { batch_dims: attribute.integer(0) },
    });
  const results = call(body, { inputs: inputs.map(row), fed: fed.map(row), held, state });
  const outputs = results.slice(0, stacks.length);
  const updates = results.slice(stacks.length);
  const next = body.one('AddV2', [index, body.integers(1)]);
  const pushed = stacks.map((stack, o) =>
    body.one('TensorListSetItem', [stack, index, outputs[o]!], { outputTypes: [dataType.variant] }),
  );
  const newState = plan.variables.map((variable, k) => {
    const position = plan.trace.updates.findIndex((update) => update.variable === variable);
    return position < 0 ? state[k]! : updates[position]!;
  });
  const carriedOn = [next, steps, ...inputs, ...fed, ...held, ...pushed, ...newState];
  return [
    functionDefinition({
      name: 'loop_condition',
      inputs: carried,
      outputs: [{ name: 'goes_on', dtype: dataType.bool, from: goesOn }],
      body: condition,
    }),
    functionDefinition({
      name: 'loop_body',
      inputs: carried,
      outputs: carried.map(({ name, dtype }, i) => ({ name: `${name}_next`, dtype, from: carriedOn[i]! })),
      body,
    }),
  ];
}
