/** What must be in place before the native binding is loaded. */
import util from 'node:util';

const legacyUtil = util as unknown as Record<string, unknown>;
// tfjs-node 4.22 calls two functions that Node 23 removed.
legacyUtil.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
legacyUtil.isArray ??= Array.isArray;

// TensorFlow logs to file descriptor 2, past process.stderr: warnings and errors only.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
// oneDNN makes the small matrix products of lessons 4 to 8 times slower, and results depend on the thread count.
process.env.TF_ENABLE_ONEDNN_OPTS ??= '0';
process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
// XLA's fast minimum and maximum on a CPU lose NaN.
const xlaFlags = process.env.XLA_FLAGS ?? '';
if (!xlaFlags.includes('xla_cpu_enable_fast_min_max')) {
  process.env.XLA_FLAGS = `--xla_cpu_enable_fast_min_max=false ${xlaFlags}`.trim();
}
