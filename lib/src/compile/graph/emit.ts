/**
 * Turns a plan into a graph that a session can load. State and held tensors live in variables of the session; the graph
 * can be run in several ways: once, in a loop, and to set or get its variables.
 */
import { dataType } from '../../runtime/binding';
import {
  attribute,
  functionDefinition,
  GraphBuilder,
  savedModel,
  type Parameter,
  type Reference,
} from './builder';
import { Carriage } from './carriage';
import { addLoop, loopFunctions } from './loopFunction';
import { fedTypes, type Plan } from '../ir/plan';
import { callStep, stepFunction, type StepArguments, type StepResults } from './stepFunction';

/** One way to run the graph: what it is fed and what it gives, names separated by commas as the binding takes them. */
export interface Entry {
  readonly feeds: string;
  readonly fetches: string;
}

export interface EmittedGraph {
  readonly model: Buffer;
  /** Runs one step. Fed: inputs, fed values. */
  readonly once: Entry;
  /** Runs many steps. Fed: number of steps, rows of the stacks, stacked inputs, stacked fed values. */
  readonly loop: Entry;
  /** Sets a variable, for each of them. */
  readonly store: readonly Entry[];
  /** Hands over a tensor that the session holds, for each of them. */
  readonly hold: readonly Entry[];
  /** Gets a variable, for each of them. */
  readonly load: readonly string[];
  /** Frees the memory of all variables and held tensors; they can be set again. Empty if there are none. */
  readonly clear: string;
}

/** A variable of the session. */
interface Storage {
  readonly handle: Reference;
  readonly value: Reference;
  readonly store: Entry;
}

/** Values that a run is fed. */
interface Feeds {
  readonly inputs: readonly Reference[];
  readonly fed: readonly Reference[];
}

interface LoopFeeds extends Feeds {
  readonly steps: Reference;
  readonly capacity: Reference;
}

/** What a run computes: the outputs to fetch, and operations that must have run. */
interface Run {
  readonly outputs: readonly Reference[];
  readonly after: readonly Reference[];
}

/** Who computes: functions for the graph's library, and what runs of them compute. */
interface Computation {
  readonly functions: readonly Buffer[];
  once(feeds: Feeds): Run;
  loop(feeds: LoopFeeds): Run;
}

/**
 * @param options.xla Whether XLA compiles it.
 * @param options.gpu Whether it runs on a GPU.
 */
export function emit(
  plan: Plan,
  { xla, gpu }: { readonly xla: boolean; readonly gpu: boolean },
): EmittedGraph {
  const graph = new GraphBuilder('graph');
  const carriage = new Carriage(gpu);
  const state = plan.variables.map(({ dtype, shape }, i) =>
    storage(graph, carriage, `state_${i}`, dataType[dtype as 'float32'], shape),
  );
  const held = plan.held.map(({ dtype, shape }, i) => storage(graph, carriage, `held_${i}`, dtype, shape));
  const computation = (xla ? byXla : byTensorFlow)(plan, carriage, graph, { state, held });

  const carried = ({ inputs, fed }: Feeds): Feeds => ({
    inputs: inputs.map((input) => carriage.carry(graph, input)),
    fed: fed.map((vector) => carriage.carry(graph, vector)),
  });
  const restored = ({ outputs, after }: Run): Run => ({
    outputs: outputs.map((output, i) => carriage.restore(graph, output, plan.trace.outputs[i]!.dtype)),
    after,
  });

  const feeds = placeholders(plan, carriage, graph, '', []);
  const once: Entry = {
    feeds: names([...feeds.inputs, ...feeds.fed]),
    fetches: names(fetches(graph, 'once', restored(computation.once(carried(feeds))))),
  };

  const steps = graph.placeholder('steps', dataType.int32, []);
  const capacity = graph.placeholder('capacity', dataType.int32, []);
  const stacked = placeholders(plan, carriage, graph, 'stacked_', [-1]);
  const loop: Entry = {
    feeds: names([steps, capacity, ...stacked.inputs, ...stacked.fed]),
    fetches: names(
      fetches(graph, 'loop', restored(computation.loop({ ...carried(stacked), steps, capacity }))),
    ),
  };

  const clear = names(clearing(graph, [...state, ...held]));
  return {
    model: savedModel(graph, computation.functions),
    once,
    loop,
    store: state.map(({ store }) => store),
    hold: held.map(({ store }) => store),
    load: state.map(({ value }) => value.name),
    clear,
  };
}

/**
 * What a run does with the session's variables: reads all of them, then stores the new values of those that the step
 * updates. Reading and storing are one thing here, so that no value can be stored before all old ones were read, even those
 * that the step only hands on, and none before all new ones are computed: a run sees one state, and a failure changes nothing.
 */
class Transaction {
  /** The values of the variables as the run finds them. */
  readonly stored: Pick<StepArguments, 'held' | 'state'>;

  /** @param handles Resource handles of the variables, within `builder`. */
  constructor(
    private readonly plan: Plan,
    carriage: Carriage,
    private readonly builder: GraphBuilder,
    private readonly handles: { readonly held: readonly Reference[]; readonly state: readonly Reference[] },
  ) {
    const read = (handle: Reference, dtype: number): Reference =>
      builder.one('ReadVariableOp', [handle], {
        attributes: { dtype: attribute.type(carriage.type(dtype)) },
      });
    this.stored = {
      held: plan.held.map(({ dtype }, i) => read(handles.held[i]!, dtype)),
      state: plan.variables.map(({ dtype }, i) => read(handles.state[i]!, dataType[dtype as 'float32'])),
    };
  }

  /** Stores the new values; what it returns has run when they are stored. */
  commit({ updates, computed }: StepResults): Reference[] {
    if (updates.length === 0) return [];
    const { plan, builder } = this;
    const ready = builder.one('NoOp', [], { after: [...this.stored.state, ...computed] });
    return plan.trace.updates.map(({ variable }, i) =>
      builder.one('AssignVariableOp', [this.handles.state[plan.variables.indexOf(variable)]!, updates[i]!], {
        after: [ready],
        attributes: { dtype: attribute.type(updates[i]!.dtype) },
      }),
    );
  }
}

/** The session's variables: of the step, and those that keep the tensors which it captured. */
interface Storages {
  readonly state: readonly Storage[];
  readonly held: readonly Storage[];
}

function handlesOf({ state, held }: Storages): { state: Reference[]; held: Reference[] } {
  return { state: state.map(({ handle }) => handle), held: held.map(({ handle }) => handle) };
}

/** TensorFlow's executor runs operation after operation. */
function byTensorFlow(plan: Plan, carriage: Carriage, graph: GraphBuilder, storages: Storages): Computation {
  const run = (compute: (stored: Transaction['stored']) => StepResults): Run => {
    const transaction = new Transaction(plan, carriage, graph, handlesOf(storages));
    const results = compute(transaction.stored);
    return { outputs: results.outputs, after: transaction.commit(results) };
  };
  const lowered = { _lower_using_switch_merge: attribute.boolean(true) };
  return {
    functions: [stepFunction(plan, carriage), ...loopFunctions(plan, carriage)],
    once: (feeds) => run((stored) => callStep(plan, carriage, graph, { ...feeds, ...stored })),
    loop: ({ steps, capacity, ...feeds }) =>
      run((stored) =>
        addLoop(plan, carriage, graph, { steps, capacity, values: { ...feeds, ...stored } }, lowered),
      ),
  };
}

/** XLA compiles the whole step, or the whole loop, into one kernel, which stores the new state when it is done. */
function byXla(plan: Plan, carriage: Carriage, graph: GraphBuilder, storages: Storages): Computation {
  const functions = [stepFunction(plan, carriage), ...loopFunctions(plan, carriage)];
  const { state, held } = handlesOf(storages);
  const kernel = (
    name: string,
    feeds: readonly Reference[],
    compute: (body: GraphBuilder, feeds: readonly Reference[], stored: Transaction['stored']) => StepResults,
  ): Run => {
    const body = new GraphBuilder('function');
    const parameters = (prefix: string, references: readonly Reference[]): Parameter[] =>
      references.map(({ dtype }, i) => ({ name: `${prefix}_${i}`, dtype }));
    const fed = parameters('feed', feeds);
    const handles = { held: parameters('held', held), state: parameters('state', state) };
    const transaction = new Transaction(plan, carriage, body, handles);
    const computed = compute(body, fed, transaction.stored);
    const effects = transaction.commit(computed);
    const outputs = computed.outputs.map((from, i) => ({ name: `output_${i}`, dtype: from.dtype, from }));
    const inputs = [...fed, ...handles.held, ...handles.state];
    functions.push(functionDefinition({ name, inputs, outputs, effects, body, attributes: MUST_COMPILE }));
    const call = graph.add('StatefulPartitionedCall', [...feeds, ...held, ...state], {
      attributes: {
        f: attribute.function(name),
        Tout: attribute.types(outputs.map(({ dtype }) => dtype)),
        ...MUST_COMPILE,
      },
    });
    return { outputs: outputs.length > 0 ? call : [], after: call.slice(0, 1) };
  };
  return {
    functions,
    once: ({ inputs, fed }) =>
      kernel('once', [...inputs, ...fed], (body, values, stored) =>
        callStep(plan, carriage, body, {
          inputs: values.slice(0, inputs.length),
          fed: values.slice(inputs.length),
          ...stored,
        }),
      ),
    loop: ({ steps, capacity, inputs, fed }) =>
      kernel(
        'loop',
        [steps, capacity, ...inputs, ...fed],
        (body, [innerSteps, innerCapacity, ...values], stored) =>
          addLoop(plan, carriage, body, {
            steps: innerSteps!,
            capacity: innerCapacity!,
            values: { inputs: values.slice(0, inputs.length), fed: values.slice(inputs.length), ...stored },
          }),
      ),
  };
}

const MUST_COMPILE = { _XlaMustCompile: attribute.boolean(true), _noinline: attribute.boolean(true) };

function placeholders(
  plan: Plan,
  carriage: Carriage,
  graph: GraphBuilder,
  prefix: string,
  leading: readonly number[],
): Feeds {
  return {
    inputs: plan.inputs.map(({ dtype, shape }, i) =>
      graph.placeholder(`${prefix}input_${i}`, dtype, [...leading, ...shape]),
    ),
    fed: fedTypes(plan.fed).map((dtype) =>
      graph.placeholder(`${prefix}fed_${dtype}`, carriage.handedType(dataType[dtype]), [
        ...leading,
        plan.fed.sizes[dtype],
      ]),
    ),
  };
}

/** Outputs that are there only after everything else was done; at least one, because a run needs something to fetch. */
function fetches(graph: GraphBuilder, name: string, { outputs, after }: Run): Reference[] {
  const fetched = outputs.length > 0 ? outputs : [graph.integers(0)];
  return fetched.map((output, i) => graph.one('Identity', [output], { name: `${name}_output_${i}`, after }));
}

function storage(
  graph: GraphBuilder,
  carriage: Carriage,
  name: string,
  dtype: number,
  shape: readonly number[],
): Storage {
  const type = { dtype: attribute.type(carriage.type(dtype)) };
  const handle = graph.one('VarHandleOp', [], {
    name,
    attributes: { ...type, shape: attribute.shape(shape), shared_name: attribute.string(name) },
  });
  const feed = graph.placeholder(`${name}_feed`, dtype, shape);
  const assignment = graph.one('AssignVariableOp', [handle, carriage.carry(graph, feed)], {
    name: `${name}_assign`,
    attributes: type,
  });
  const done = graph.one('Identity', [graph.integers(0)], { name: `${name}_stored`, after: [assignment] });
  const stored = graph.one('ReadVariableOp', [handle], { attributes: type });
  const value = carriage.restore(graph, stored, dtype);
  return { handle, value, store: { feeds: feed.name, fetches: done.name } };
}

/** What has run once all storages are freed. */
function clearing(graph: GraphBuilder, storages: readonly Storage[]): Reference[] {
  if (storages.length === 0) return [];
  const after = storages.map(({ handle }, i) =>
    graph.one('DestroyResourceOp', [handle], {
      name: `clear_${i}`,
      attributes: { ignore_lookup_error: attribute.boolean(true) },
    }),
  );
  return [graph.one('Identity', [graph.integers(0)], { name: 'cleared', after })];
}

function names(references: readonly Reference[]): string {
  return references.map(({ name }) => name).join();
}
