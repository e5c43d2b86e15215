/** Graphs that XLA has compiled. They hold no state, so that steps with the same graph share them. */
import { createHash } from 'node:crypto';
import type { NativeProgram, Programs } from '../../runtime/binding';
import { emitProgram } from '../graph/program';
import { CompileError } from '../ir/errors';
import type { Plan } from '../ir/plan';
import { messageOf } from './session';

export interface Program {
  readonly native: NativeProgram;
  readonly graphBytes: number;
}

/**
 * Programs by what they were made of, the latest last: a training run after another, with other seeds or learning rates,
 * has the same graph, and XLA takes seconds to compile it.
 */
const programs = new Map<string, Program>();
const MOST_PROGRAMS = 32;

/**
 * The compiled step, or a loop of it. State has the first slots of its memory, by position, held tensors those after it.
 *
 * @param capacity Rows of the stacked inputs of a loop; undefined for a single step.
 * @throws CompileError if XLA does not accept the graph.
 */
export function loadProgram(native: Programs, plan: Plan, capacity?: number): Program {
  const { graph, config, inputs } = emitProgram(plan, capacity);
  const { variables, held, trace } = plan;
  const slots = [...held.map((_, i) => variables.length + i), ...variables.keys()];
  const updates = trace.updates.map(({ variable }) => variables.indexOf(variable));
  const outputs = trace.outputs.length;
  const links = JSON.stringify([inputs, slots, outputs, updates]);
  const key = createHash('sha256').update(graph).update(config).update(links).digest('base64');
  let program = programs.get(key);
  programs.delete(key);
  program ??= { native: compile(), graphBytes: graph.length };
  programs.set(key, program);
  if (programs.size > MOST_PROGRAMS) programs.delete([...programs.keys()][0]!);
  return program;

  function compile(): NativeProgram {
    const threads = Number(process.env.TF_NUM_INTRAOP_THREADS ?? 0) || 0;
    try {
      return native.compileProgram(
        graph,
        config,
        inputs,
        Int32Array.from(slots),
        outputs,
        Int32Array.from(updates),
        threads,
      );
    } catch (error) {
      throw new CompileError(`XLA does not accept the compiled graph: ${messageOf(error)}`, { cause: error });
    }
  }
}
