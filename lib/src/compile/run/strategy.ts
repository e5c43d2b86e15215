/** Who computes the graph of a step: XLA, oneDNN or TensorFlow's own kernels. */
import { nativeBackend, nativePrograms } from '../../runtime/binding';
import { CompileError } from '../ir/errors';
import { rowOf } from '../ir/operations';
import type { Executor } from './executor';
import { ProgramExecutor } from './programExecutor';
import { SessionExecutor } from './sessionExecutor';
import { withBarriers } from '../passes/exactness';
import { recomputation } from '../passes/fusion';
import type { Indexing } from '../passes/indices';
import { suitsOneDnn, withOneDnn } from '../passes/onednn';
import type { Plan } from '../ir/plan';
import { withStagedReductions } from '../passes/reductions';
import { withTensorFlowValues } from '../passes/xlaValues';
import type { Trace } from '../ir/trace';

export interface Strategy {
  readonly name: 'XLA' | 'oneDNN' | 'TensorFlow';
  /** @throws CompileError if this machine or these operations do not permit it. */
  load(plan: Plan): Executor;
}

/** The strategies to try, best first, and why XLA is not among them. */
export interface Choice {
  readonly strategies: readonly Strategy[];
  readonly withoutXla?: string;
}

/** Why a step should not be compiled by XLA. */
interface Objection {
  readonly reason: string;
  /** Whether XLA would give wrong results silently, and not only late ones. */
  readonly isSafety: boolean;
}

const XLA: Strategy = {
  name: 'XLA',
  load: (plan) => new SessionExecutor(forXla(plan), { xla: true }),
};
/** The same kernels without a session around them. */
function xlaProgram({ native, platform }: NonNullable<ReturnType<typeof nativePrograms>>): Strategy {
  return { name: 'XLA', load: (plan) => new ProgramExecutor(forXla(plan), native, platform) };
}

function forXla(plan: Plan): Plan {
  return { ...plan, trace: withBarriers(withTensorFlowValues(withStagedReductions(plan.trace)), 'XLA') };
}

const TENSORFLOW: Strategy = {
  name: 'TensorFlow',
  load: (plan) =>
    new SessionExecutor({ ...plan, trace: withBarriers(plan.trace, 'Grappler') }, { xla: false }),
};
const ONEDNN: Strategy = {
  name: 'oneDNN',
  load: (plan) =>
    new SessionExecutor({ ...plan, trace: withBarriers(withOneDnn(plan.trace), 'Grappler') }, { xla: false }),
};

/** Beyond this number of operations XLA compiles for more than ten seconds, longer than many runs take. */
const MOST_OPERATIONS_FOR_XLA = 5000;

/**
 * Beyond this recomputation XLA compiles for long, and what it makes is slower than TensorFlow's kernels: LSTMs of 10 and
 * 20 steps have 73 and 146, Transformers of 12 and 24 layers 12 and 36.
 */
const MOST_RECOMPUTATION = 100;

/**
 * Chooses by the operations of the step.
 *
 * @param xla What the user wants; undefined for no opinion.
 * @throws CompileError if the user wants XLA and it would give wrong results silently.
 */
export function chooseStrategies({ trace }: Plan, indexing: Indexing, xla: boolean | undefined): Choice {
  const objection = objectionToXla(trace, indexing);
  const programs = nativePrograms();
  const byXla = programs ? [xlaProgram(programs), XLA] : [XLA];
  if (xla) {
    if (!objection?.isSafety) return { strategies: byXla };
    throw new CompileError(`XLA cannot compile the step: ${objection.reason}. Leave out the option xla.`);
  }
  const hasOneDnn = suitsOneDnn(trace) && !nativeBackend().isUsingGpuDevice;
  const others = hasOneDnn ? [ONEDNN, TENSORFLOW] : [TENSORFLOW];
  if (xla === false) return { strategies: others, withoutXla: 'the option xla is false' };
  if (objection) return { strategies: others, withoutXla: objection.reason };
  return { strategies: [...byXla, ...others] };
}

function objectionToXla(trace: Trace, { objections }: Indexing): Objection | undefined {
  const { operations } = trace;
  const wrong = operations.flatMap((operation) => rowOf(operation.name)?.wrongUnderXla?.(operation) ?? []);
  const [reason] = [...objections, ...wrong];
  if (reason) return { isSafety: true, reason };
  // XLA fuses what lies between matrix products; its convolutions on a CPU are several times slower than oneDNN's. On a GPU it
  // leaves them to cuDNN, as TensorFlow does.
  const slow = nativeBackend().isUsingGpuDevice
    ? undefined
    : operations.find(({ name }) => rowOf(name)?.isSlowUnderXla);
  if (slow) return { isSafety: false, reason: `${slow.name} is slower under XLA` };
  if (recomputation(trace) > MOST_RECOMPUTATION) {
    return {
      isSafety: false,
      reason: 'XLA would compute its long chains of operations on elements again and again',
    };
  }
  if (operations.length > MOST_OPERATIONS_FOR_XLA) {
    return { isSafety: false, reason: `${operations.length} operations take XLA long to compile` };
  }
  return undefined;
}
