/** Graphs that XLA has compiled, in this process or in an earlier one. They hold no state, so that steps with the same graph share them. */
import { nativeBackend, type NativeProgram, type Platform, type Programs } from '../../runtime/binding';
import { emitProgram } from '../graph/program';
import { CompileError } from '../ir/errors';
import type { Plan } from '../ir/plan';
import { programName, readProgram, rejectProgram, writeProgram } from './programFiles';
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
export function loadProgram(native: Programs, platform: Platform, plan: Plan, capacity?: number): Program {
  const { graph, config, inputs } = emitProgram(plan, capacity);
  const { variables, held, trace } = plan;
  const slots = [...held.map((_, i) => variables.length + i), ...variables.keys()];
  const updates = trace.updates.map(({ variable }) => variables.indexOf(variable));
  const outputs = trace.outputs.length;
  const threads = Number(process.env.TF_NUM_INTRAOP_THREADS ?? 0) || 0;
  const roles = JSON.stringify([inputs, slots, outputs, updates, threads, platform]);
  const name = programName(nativeBackend().binding.TF_Version, [graph, config, roles]);
  let program = programs.get(name);
  programs.delete(name);
  program ??= { native: read() ?? compile(), graphBytes: graph.length };
  programs.set(name, program);
  if (programs.size > MOST_PROGRAMS) programs.delete([...programs.keys()][0]!);
  return program;

  function read(): NativeProgram | undefined {
    const serialized = readProgram(name);
    try {
      return serialized && load(serialized);
    } catch (error) {
      rejectProgram(name, messageOf(error));
      return undefined;
    }
  }

  function compile(): NativeProgram {
    let compiled;
    try {
      compiled = load(new Uint8Array());
    } catch (error) {
      throw new CompileError(`XLA does not accept the compiled graph: ${messageOf(error)}`, { cause: error });
    }
    // Those of a device cannot be serialized, and are not kept.
    writeProgram(name, () => native.serializeProgram(compiled));
    return compiled;
  }

  function load(serialized: Uint8Array): NativeProgram {
    return native.loadProgram(
      graph,
      config,
      serialized,
      inputs,
      Int32Array.from(slots),
      outputs,
      Int32Array.from(updates),
      threads,
      platform,
    );
  }
}
