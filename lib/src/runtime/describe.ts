import os from 'node:os';
import { nativeBackend } from './binding';
import { tf } from './tensorflow';

/** What computes: versions, device, machine. */
export interface RuntimeDescription {
  /** Version of TensorFlow's C++ libraries. */
  readonly tensorflow: string;
  /** Version of TensorFlow.js. */
  readonly tensorflowJs: string;
  /** `'GPU'` only if TensorFlow registered one: the libraries fall back to the CPU silently. */
  readonly device: 'CPU' | 'GPU';
  readonly node: string;
  /** For example `linux-x64`. */
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  /** Main memory of the machine in bytes. */
  readonly memoryBytes: number;
}

/**
 * Says which versions compute and on which device.
 *
 * @example
 * describeRuntime().device; // 'CPU'
 */
export function describeRuntime(): RuntimeDescription {
  const backend = nativeBackend();
  const processors = os.cpus();
  return {
    tensorflow: backend.binding.TF_Version,
    tensorflowJs: tf.version['tfjs-core'],
    device: backend.isUsingGpuDevice ? 'GPU' : 'CPU',
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: os.totalmem(),
  };
}
