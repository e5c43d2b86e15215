/** What runs a plan, with its variables and held tensors in place. */
import type { tf } from '../../runtime';
import type { TensorMetadata } from '../../runtime/binding';
import type { Plan } from '../ir/plan';
import type { FedValues } from './host';

export interface Executor {
  /** What is run, after the passes for these kernels. */
  readonly plan: Plan;
  /** Who runs it: a session of TensorFlow, or XLA's own runtime. */
  readonly runtime: 'session' | 'program';
  readonly graphBytes: number;
  /** Runs one step. */
  once(inputs: readonly tf.Tensor[], fed: FedValues): TensorMetadata[];
  /** Runs `steps` steps on inputs and fed values of `capacity` rows each. */
  loop(inputs: readonly tf.Tensor[], fed: FedValues, steps: number, capacity: number): TensorMetadata[];
  /** Hands the state back to the variables and frees what is held. */
  dispose(): void;
}
