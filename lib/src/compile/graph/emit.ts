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
  readonly dtype: number;
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

/** How the graph computes, given what it is fed and where it keeps what. */
interface Strategy {
  readonly functions: readonly Buffer[];
  once(feeds: Feeds): Run;
  loop(feeds: LoopFeeds): Run;
}

export function emit(plan: Plan, { xla }: { xla: boolean }): EmittedGraph {
  const graph = new GraphBuilder('graph');
  const state = plan.variables.map(({ dtype, shape }, i) =>
    storage(graph, `state_${i}`, dataType[dtype as 'float32'], shape),
  );
  const held = plan.held.map(({ dtype, shape }, i) => storage(graph, `held_${i}`, dtype, shape));
  const strategy = (xla ? kernels : operations)(plan, graph, state, held);

  const feeds = placeholders(plan, graph, '', []);
  const once: Entry = {
    feeds: names([...feeds.inputs, ...feeds.fed]),
    fetches: names(fetches(graph, 'once', strategy.once(feeds))),
  };

  const steps = graph.placeholder('steps', dataType.int32, []);
  const capacity = graph.placeholder('capacity', dataType.int32, []);
  const stacked = placeholders(plan, graph, 'stacked_', [-1]);
  const loop: Entry = {
    feeds: names([steps, capacity, ...stacked.inputs, ...stacked.fed]),
    fetches: names(fetches(graph, 'loop', strategy.loop({ ...stacked, steps, capacity }))),
  };

  const clear = names(clearing(graph, [...state, ...held]));
  return {
    model: savedModel(graph, strategy.functions),
    once,
    loop,
    store: state.map(({ store }) => store),
    hold: held.map(({ store }) => store),
    load: state.map(({ value }) => value.name),
    clear,
  };
}

/** TensorFlow's executor runs operation after operation. */
function operations(
  plan: Plan,
  graph: GraphBuilder,
  state: readonly Storage[],
  held: readonly Storage[],
): Strategy {
  const stored = { held: held.map(({ value }) => value), state: state.map(({ value }) => value) };
  // The new state is stored once all of it is computed, so that a failure changes nothing.
  const commit = ({ outputs, updates }: StepResults): Run => {
    const computed = updates.length > 0 ? [graph.one('NoOp', [], { after: [...outputs, ...updates] })] : [];
    return {
      outputs,
      after: assign(
        plan,
        graph,
        state.map(({ handle }) => handle),
        updates,
        () => computed,
      ),
    };
  };
  return {
    functions: [stepFunction(plan), ...loopFunctions(plan)],
    once: (feeds) => commit(callStep(plan, graph, { ...feeds, ...stored })),
    loop: ({ steps, capacity, ...feeds }) =>
      commit(
        addLoop(
          plan,
          graph,
          { steps, capacity, values: { ...feeds, ...stored } },
          {
            _lower_using_switch_merge: attribute.boolean(true),
          },
        ),
      ),
  };
}

/** XLA compiles the whole step, or the whole loop, into one kernel, which stores the new state when it is done. */
function kernels(
  plan: Plan,
  graph: GraphBuilder,
  state: readonly Storage[],
  held: readonly Storage[],
): Strategy {
  const functions = [stepFunction(plan), ...loopFunctions(plan)];
  const kernel = (
    name: string,
    feeds: readonly Reference[],
    compute: (
      body: GraphBuilder,
      feeds: readonly Reference[],
      stored: Pick<StepArguments, 'held' | 'state'>,
    ) => StepResults,
  ): Run => {
    const body = new GraphBuilder('function');
    const parameter =
      (prefix: string) =>
      ({ dtype }: Reference, i: number) => ({ name: `${prefix}_${i}`, dtype });
    const fed = feeds.map(parameter('feed'));
    const heldHandles = held.map(({ handle }) => handle).map(parameter('held'));
    const stateHandles = state.map(({ handle }) => handle).map(parameter('state'));
    const read = (storages: readonly Storage[], handles: readonly Parameter[]): Reference[] =>
      storages.map(({ dtype }, i) =>
        body.one('ReadVariableOp', [handles[i]!], { attributes: { dtype: attribute.type(dtype) } }),
      );
    const stored = { held: read(held, heldHandles), state: read(state, stateHandles) };
    const { outputs, updates } = compute(body, fed, stored);
    const effects = assign(plan, body, stateHandles, updates, (position) => [stored.state[position]!]);
    const results = outputs.map((from, i) => ({ name: `output_${i}`, dtype: from.dtype, from }));
    const inputs = [...fed, ...heldHandles, ...stateHandles];
    functions.push(
      functionDefinition({ name, inputs, outputs: results, effects, body, attributes: MUST_COMPILE }),
    );
    const handles = [...held, ...state].map(({ handle }) => handle);
    const call = graph.add('StatefulPartitionedCall', [...feeds, ...handles], {
      attributes: {
        f: attribute.function(name),
        Tout: attribute.types(results.map(({ dtype }) => dtype)),
        ...MUST_COMPILE,
      },
    });
    return { outputs: results.length > 0 ? call : [], after: call.slice(0, 1) };
  };
  return {
    functions,
    once: ({ inputs, fed }) =>
      kernel('once', [...inputs, ...fed], (body, values, stored) =>
        callStep(plan, body, {
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
          addLoop(plan, body, {
            steps: innerSteps!,
            capacity: innerCapacity!,
            values: { inputs: values.slice(0, inputs.length), fed: values.slice(inputs.length), ...stored },
          }),
      ),
  };
}

const MUST_COMPILE = { _XlaMustCompile: attribute.boolean(true), _noinline: attribute.boolean(true) };

/** Stores the new values of the variables that the step updates. */
function assign(
  plan: Plan,
  builder: GraphBuilder,
  handles: readonly Reference[],
  updates: readonly Reference[],
  after: (position: number) => Reference[],
): Reference[] {
  return plan.trace.updates.map(({ variable }, i) => {
    const position = plan.variables.indexOf(variable);
    return builder.one('AssignVariableOp', [handles[position]!, updates[i]!], {
      after: after(position),
      attributes: { dtype: attribute.type(updates[i]!.dtype) },
    });
  });
}

function placeholders(plan: Plan, graph: GraphBuilder, prefix: string, leading: readonly number[]): Feeds {
  return {
    inputs: plan.inputs.map(({ dtype, shape }, i) =>
      graph.placeholder(`${prefix}input_${i}`, dtype, [...leading, ...shape]),
    ),
    fed: fedTypes(plan.fed).map((dtype) =>
      graph.placeholder(`${prefix}fed_${dtype}`, dataType[dtype], [...leading, plan.fed.sizes[dtype]]),
    ),
  };
}

/** Outputs that are there only after everything else was done; at least one, because a run needs something to fetch. */
function fetches(graph: GraphBuilder, name: string, { outputs, after }: Run): Reference[] {
  const fetched = outputs.length > 0 ? outputs : [graph.integers(0)];
  return fetched.map((output, i) => graph.one('Identity', [output], { name: `${name}_output_${i}`, after }));
}

function storage(graph: GraphBuilder, name: string, dtype: number, shape: readonly number[]): Storage {
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
  const done = graph.one('Identity', [graph.integers(0)], { name: `${name}_stored`, after: [assignment] });
  const value = graph.one('ReadVariableOp', [handle], { name: `${name}_value`, attributes: type });
  return { handle, dtype, value, store: { feeds: feed.name, fetches: done.name } };
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
