/**
 * What must be in place before the native binding is loaded. This is the one place that says it: the library, the kernel
 * (cells may load TensorFlow.js before the library) and the tests load it first. What the user has set in the environment
 * stays.
 */
import { join } from 'node:path';
import util from 'node:util';
import { gpuSettings, withFlag } from './gpu';
import { isKernelCache, openKernelCache } from './kernelCache';

const legacyUtil = util as unknown as Record<string, unknown>;
// tfjs-node 4.22 calls two functions that Node 23 removed.
legacyUtil.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
legacyUtil.isArray ??= Array.isArray;

// TensorFlow logs to file descriptor 2, past process.stderr: warnings and errors only.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
// oneDNN makes the small matrix products of lessons 4 to 8 times slower, and results depend on the thread count.
process.env.TF_ENABLE_ONEDNN_OPTS ??= '0';
// XLA's fast minimum and maximum on a CPU lose NaN.
process.env.XLA_FLAGS = withFlag(process.env.XLA_FLAGS, 'xla_cpu_enable_fast_min_max', false);
Object.assign(process.env, gpuSettings(process.env));
const { TF_JIT_CACHE_DIR: given } = process.env;
if (given === undefined || isKernelCache(given)) {
  const own = openKernelCache(join(__dirname, '..', '..', '..', '.venv', 'tensorflow'));
  if (own !== undefined) process.env.TF_JIT_CACHE_DIR = own;
}
