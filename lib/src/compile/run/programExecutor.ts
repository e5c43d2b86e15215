/** A plan on XLA's own runtime: a call goes straight to the compiled code, which writes the new state over the old. */
import type { tf } from '../../runtime';
import {
  dataType,
  nativeBackend,
  type NativeMemory,
  type Platform,
  type Programs,
  type TensorMetadata,
  type TypedArray,
} from '../../runtime/binding';
import { CompileError } from '../ir/errors';
import { fedTypes, type Plan } from '../ir/plan';
import type { Executor } from './executor';
import { withHeld } from './held';
import type { FedValues } from './host';
import { loadProgram, type Program } from './program';
import { messageOf } from './session';
import { SharedState, type Holder } from './sharedState';

export class ProgramExecutor implements Executor, Holder {
  readonly runtime = 'program';
  graphBytes = 0;
  /** By the rows of their stacked inputs; undefined for a single step. */
  private readonly programs = new Map<number | undefined, Program>();
  private readonly memory: NativeMemory;
  private readonly state: SharedState;
  private readonly fedTypes: readonly ('float32' | 'int32')[];

  constructor(
    readonly plan: Plan,
    private readonly native: Programs,
    private readonly platform: Platform,
  ) {
    this.fedTypes = fedTypes(plan.fed);
    this.memory = native.createMemory(plan.variables.length + plan.held.length, platform);
    this.state = new SharedState(this, plan.variables, plan.updated);
    // Captured tensors stay where they are.
    withHeld(plan, (handles) => {
      handles.forEach((id, i) => native.writeMemory(this.memory, plan.variables.length + i, id, true));
    });
  }

  once(inputs: readonly tf.Tensor[], fed: FedValues): TensorMetadata[] {
    return this.run(this.program(), [], inputs, fed, []);
  }

  loop(inputs: readonly tf.Tensor[], fed: FedValues, steps: number, capacity: number): TensorMetadata[] {
    return this.run(this.program(capacity), [Int32Array.of(steps)], inputs, fed, [capacity]);
  }

  dispose(): void {
    this.state.release();
    this.native.clearMemory(this.memory);
  }

  fetch(positions: readonly number[]): number[] {
    return positions.map((position) => {
      const { dtype, shape } = this.plan.variables[position]!;
      return this.native.readMemory(this.memory, position, dataType[dtype as 'float32'], shape);
    });
  }

  store(positions: readonly number[], handles: number[]): void {
    positions.forEach((position, i) => {
      this.native.writeMemory(this.memory, position, handles[i]!, false);
    });
  }

  private program(capacity?: number): Program {
    const known = this.programs.get(capacity);
    if (known) return known;
    const program = loadProgram(this.native, this.platform, this.plan, capacity);
    this.programs.set(capacity, program);
    this.graphBytes = program.graphBytes;
    return program;
  }

  private run(
    program: Program,
    counts: readonly TypedArray[],
    inputs: readonly tf.Tensor[],
    fed: FedValues,
    leading: readonly number[],
  ): TensorMetadata[] {
    return this.state.during(() => {
      const tensors = nativeBackend().getInputTensorIds(inputs);
      const vectors = this.fedTypes.map((dtype) => fed[dtype]);
      let ids;
      try {
        ids = this.native.runProgram(program.native, this.memory, [...counts, ...tensors, ...vectors]);
      } catch (error) {
        throw new CompileError(`The compiled step failed: ${messageOf(error)}`, { cause: error });
      }
      return this.plan.trace.outputs.map(({ dtype, shape }, i) => ({
        id: ids[i]!,
        dtype,
        shape: [...leading, ...shape],
      }));
    });
  }
}
