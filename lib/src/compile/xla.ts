/** Decides whether XLA compiles a step. */
import { nativeBackend } from '../runtime/binding';
import type { Indexing } from './indices';
import type { Trace } from './trace';

/** Why a step should not be compiled by XLA. */
export interface Objection {
  readonly reason: string;
  /** Whether XLA would give wrong results silently, and not only late ones. */
  readonly isSafety: boolean;
}

/** Operations whose kernels in XLA for CPUs are several times slower than TensorFlow's own. */
const SLOW = /^(Conv2D|Conv3D|Depthwise|MaxPool|AvgPool|Dilation2D)/;

/** XLA compiles for longer than all but the longest runs take, beyond this number of operations. */
const MOST_OPERATIONS = 3000;

/** The first objection to compiling the step with XLA, or undefined. */
export function objectionToXla({ operations }: Trace, { unknown }: Indexing): Objection | undefined {
  const used = new Set(operations.map(({ name }) => name));
  if (unknown.length > 0) {
    return { isSafety: true, reason: `${unknown.join()} uses computed indices, which XLA does not check` };
  }
  if (used.has('CheckNumerics')) {
    return { isSafety: true, reason: 'CheckNumerics checks nothing under XLA' };
  }
  if (nativeBackend().isUsingGpuDevice) {
    return { isSafety: false, reason: 'XLA for GPUs needs more of the CUDA toolkit than TensorFlow does' };
  }
  const slow = [...used].find((name) => SLOW.test(name));
  if (slow) return { isSafety: false, reason: `${slow} is slower under XLA` };
  if (operations.length > MOST_OPERATIONS) {
    return { isSafety: false, reason: `${operations.length} operations take XLA long to compile` };
  }
  return undefined;
}
