/** A loop over steps: takes row after row of the stacked inputs, carries the state, and stacks the outputs. */
import { dataType } from '../../runtime/binding';
import { attribute, functionDefinition, GraphBuilder, type Attributes, type Reference } from './builder';
import type { Carriage } from './carriage';
import type { Plan } from '../ir/plan';
import { callStep, inOrder, stepParameters, type StepArguments, type StepResults } from './stepFunction';

const BODY = 'loop_body';
const CONDITION = 'loop_condition';

/** The functions that {@link addLoop} refers to. */
export function loopFunctions(plan: Plan, carriage: Carriage): Buffer[] {
  const parameters = stepParameters(plan, carriage);
  const index = { name: 'index', dtype: dataType.int32 };
  const steps = { name: 'steps', dtype: dataType.int32 };
  const stacks = plan.trace.outputs.map((_, i) => ({ name: `stack_${i}`, dtype: dataType.variant }));
  const carried = [index, steps, ...stacks, ...inOrder(parameters)];

  const condition = new GraphBuilder('function');
  const goesOn = condition.one('Less', [index, steps]);

  const body = new GraphBuilder('function');
  const row = (stacked: Reference): Reference =>
    body.one('GatherV2', [stacked, index, body.integers(0)], {
      attributes: { batch_dims: attribute.integer(0) },
    });
  const { inputs, fed, held, state } = parameters;
  const { outputs, updates } = callStep(plan, carriage, body, {
    inputs: inputs.map(row),
    fed: fed.map(row),
    held,
    state,
  });
  const next = body.one('AddV2', [index, body.integers(1)]);
  const extended = stacks.map((stack, i) =>
    body.one('TensorListSetItem', [stack, index, outputs[i]!], { outputTypes: [dataType.variant] }),
  );
  const newState = plan.variables.map((variable, i) => {
    const update = plan.trace.updates.findIndex((candidate) => candidate.variable === variable);
    return update < 0 ? state[i]! : updates[update]!;
  });
  const carriedOn = [next, steps, ...extended, ...inputs, ...fed, ...held, ...newState];
  return [
    functionDefinition({
      name: CONDITION,
      inputs: carried,
      outputs: [{ name: 'goes_on', dtype: dataType.bool, from: goesOn }],
      body: condition,
    }),
    functionDefinition({
      name: BODY,
      inputs: carried,
      outputs: carried.map(({ name, dtype }, i) => ({ name: `${name}_next`, dtype, from: carriedOn[i]! })),
      body,
    }),
  ];
}

/**
 * Adds a loop of `steps` steps. `values.inputs` and `values.fed` are stacked; they and the stacks of outputs have
 * `capacity` rows, of which the loop uses the first `steps`.
 */
export function addLoop(
  plan: Plan,
  carriage: Carriage,
  builder: GraphBuilder,
  { steps, capacity, values }: { steps: Reference; capacity: Reference; values: StepArguments },
  attributes: Attributes = {},
): StepResults {
  const stacks = plan.trace.outputs.map(({ dtype, shape }) =>
    builder.one('TensorListReserve', [builder.integers(shape), capacity], {
      attributes: { element_dtype: attribute.type(carriage.type(dtype)) },
    }),
  );
  const carried = builder.add('StatelessWhile', [builder.integers(0), steps, ...stacks, ...inOrder(values)], {
    attributes: {
      cond: attribute.function(CONDITION),
      body: attribute.function(BODY),
      parallel_iterations: attribute.integer(1),
      ...attributes,
    },
  });
  const outputs = plan.trace.outputs.map(({ dtype, shape }, i) =>
    builder.one('TensorListStack', [carried[2 + i]!, builder.integers(shape)], {
      attributes: { element_dtype: attribute.type(carriage.type(dtype)) },
    }),
  );
  const state = carried.slice(carried.length - plan.variables.length);
  const updates = plan.trace.updates.map(({ variable }) => state[plan.variables.indexOf(variable)]!);
  return { outputs, updates, computed: [...outputs, ...updates] };
}
