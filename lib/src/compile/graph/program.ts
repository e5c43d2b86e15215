/**
 * Turns a plan into a graph without variables, which XLA compiles as a whole: state and held tensors go in beside the
 * inputs, new state comes out beside the outputs.
 */
import { dataType } from '../../runtime/binding';
import { encodeShape, graphDefinition, GraphBuilder, type Reference } from './builder';
import { Carriage } from './carriage';
import { addLoop, loopFunctions } from './loopFunction';
import { tensorId, tf2xlaConfig, tf2xlaFeed, tf2xlaFetch } from './messages';
import { fedTypes, type Plan } from '../ir/plan';
import { bytesField, integerField, messageField } from './protobuf';
import { callStep, stepFunction } from './stepFunction';

export interface EmittedProgram {
  /** A GraphDef. */
  readonly graph: Buffer;
  /** A tf2xla.Config: which nodes are parameters and results. */
  readonly config: Buffer;
  /**
   * How many of the parameters a run is given: of a loop the number of steps, then inputs and fed values. The others are
   * held tensors and state.
   */
  readonly inputs: number;
}

/** @param capacity Rows of the stacked inputs of a loop; undefined for a single step. */
export function emitProgram(plan: Plan, capacity?: number): EmittedProgram {
  const graph = new GraphBuilder('graph');
  const carriage = new Carriage(false);
  const feeds: Buffer[] = [];
  const parameter = (name: string, dtype: number, shape: readonly number[]): Reference => {
    feeds.push(
      messageField(
        tf2xlaConfig.feed,
        identifier(tf2xlaFeed.id, name),
        bytesField(tf2xlaFeed.shape, encodeShape(shape)),
        integerField(tf2xlaFeed.type, dtype),
      ),
    );
    return graph.placeholder(name, dtype, shape);
  };
  const rows = capacity === undefined ? [] : [capacity];
  const steps = capacity === undefined ? undefined : parameter('steps', dataType.int32, []);
  const inputs = plan.inputs.map(({ dtype, shape }, i) =>
    parameter(`input_${i}`, dtype, [...rows, ...shape]),
  );
  const fed = fedTypes(plan.fed).map((dtype) =>
    parameter(`fed_${dtype}`, dataType[dtype], [...rows, plan.fed.sizes[dtype]]),
  );
  const given = feeds.length;
  const held = plan.held.map(({ dtype, shape }, i) => parameter(`held_${i}`, dtype, shape));
  const state = plan.variables.map(({ dtype, shape }, i) =>
    parameter(`state_${i}`, dataType[dtype as 'float32'], shape),
  );
  const values = { inputs, fed, held, state };
  const { outputs, updates } =
    steps === undefined || capacity === undefined
      ? callStep(plan, carriage, graph, values)
      : addLoop(plan, carriage, graph, { steps, capacity: graph.integers(capacity), values });
  const fetches = [...outputs, ...updates].map((result, i) => {
    const name = `result_${i}`;
    graph.one('Identity', [result], { name });
    return messageField(tf2xlaConfig.fetch, identifier(tf2xlaFetch.id, name));
  });
  const functions = [
    stepFunction(plan, carriage),
    ...(steps === undefined ? [] : loopFunctions(plan, carriage)),
  ];
  return {
    graph: graphDefinition(graph, functions),
    config: Buffer.concat([...feeds, ...fetches]),
    inputs: given,
  };
}

function identifier(field: number, node: string): Buffer {
  return messageField(field, bytesField(tensorId.nodeName, node));
}
