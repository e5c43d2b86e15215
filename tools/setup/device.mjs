/** Which device TensorFlow is installed for, and why it does not use it. */
import { spawnSync } from 'node:child_process';
import { SetupError } from './process.mjs';

/** @typedef {'cpu' | 'gpu'} Device */

/** What nvidia-smi says: undefined where it lists a GPU, otherwise why not; `isThere` tells whether it is installed. */
function askDriver() {
  const { error, status, stdout, stderr } = spawnSync('nvidia-smi', ['-L'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  const isThere = /** @type {NodeJS.ErrnoException | undefined} */ (error)?.code !== 'ENOENT';
  if (!isThere) return { isThere, problem: 'nvidia-smi is not installed' };
  if (status === 0 && /^GPU \d/m.test(stdout)) return { isThere, problem: undefined };
  const words = `${stdout}\n${stderr}`.trim().split('\n')[0];
  return {
    isThere,
    problem: `nvidia-smi lists no GPU (${words || error?.message || `exit code ${status}`})`,
  };
}

/**
 * The device: what `LIANDAN_DEVICE` says, or else what this checkout was set up for, or else a GPU if the driver lists one.
 * A driver that fails later changes nothing that is installed.
 *
 * @param {string | undefined} remembered what this checkout was set up for
 * @param {string} [platform]
 * @returns {{ device: Device, notice?: string }} `notice` is what the user should know
 * @throws {SetupError}
 */
export function chooseDevice(remembered, platform = `${process.platform}-${process.arch}`) {
  const wanted = process.env.LIANDAN_DEVICE;
  if (wanted !== undefined && wanted !== 'cpu' && wanted !== 'gpu')
    throw new SetupError(`LIANDAN_DEVICE is "${wanted}"; it must be cpu or gpu.`);
  if (platform !== 'linux-x64') {
    if (wanted === 'gpu') throw new SetupError('LIANDAN_DEVICE is gpu, for which set-up needs Linux on x64.');
    return { device: 'cpu' };
  }
  if (wanted) return { device: wanted };
  if (remembered === 'cpu') return { device: 'cpu' };
  const { isThere, problem } = askDriver();
  if (!problem) return { device: 'gpu' };
  if (remembered === 'gpu')
    return {
      device: 'gpu',
      notice:
        `This checkout is set up for a GPU, but ${problem}: if TensorFlow does not find one either, the CPU computes.\n` +
        'Either repair the driver, or change the set-up: LIANDAN_DEVICE=cpu npm start',
    };
  if (!isThere) return { device: 'cpu' };
  return {
    device: 'cpu',
    notice: `Set up for the CPU, as ${problem}. To change that once it does: LIANDAN_DEVICE=gpu npm start`,
  };
}

const driver =
  "install NVIDIA's driver, or update it (in a container: --gpus all; in WSL: the driver of Windows)";

/** What TensorFlow says where it finds no GPU, what that means, and what helps. @type {[RegExp, (match: string) => [cause: string, remedy: string]][]} */
const causes = [
  [
    /Could not load dynamic library '(?!libcuda\.so)([^']+)'|Cannot dlopen some GPU libraries/,
    (library) => [
      `the library ${library || 'of CUDA'} that set-up has installed is missing or damaged`,
      'install TensorFlow anew: rm -rf .venv/tensorflow && npm start',
    ],
  ],
  [
    /does not match DSO version|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH/,
    () => ['the driver was updated, and its old version still runs', 'restart the machine'],
  ],
  [
    /compute capability ([\d.]+)\. The minimum required/,
    (capability) => [`the GPU is too old for TensorFlow (compute capability ${capability})`, 'use the CPU'],
  ],
  [
    /CUDA_ERROR_NO_DEVICE/,
    () => ['the driver shows it no GPU', 'unset CUDA_VISIBLE_DEVICES, or give it the number of a GPU'],
  ],
  [
    /UNKNOWN ERROR \(303\)|libcuda\.so|kernel driver does not appear to be running/,
    () => ["libcuda.so.1, which belongs to the driver, was not found or is not the driver's", driver],
  ],
  [/driver version is insufficient/, () => ['the driver is too old for CUDA 12', driver]],
];

/**
 * Why TensorFlow uses no GPU, from what it printed with TF_CPP_MIN_LOG_LEVEL=0.
 *
 * @param {string} output
 * @param {string} log where the whole output is
 */
export function explainMissingGpu(output, log) {
  const [cause, remedy] = causes
    .map(([pattern, explain]) => ({ match: pattern.exec(output), explain }))
    .flatMap(({ match, explain }) => (match ? [explain(match[1] ?? '')] : []))[0] ?? [
    'it does not say why',
    `look into ${log}`,
  ];
  const words = output
    .split('\n')
    .filter((line) => /cuInit|dlopen|dynamic library|DSO|Ignoring visible gpu|registering GPU/.test(line))
    .map((line) => `    ${line.replace(/^.*?\] /, '')}`);
  return [
    `TensorFlow did not register the GPU: ${cause}.`,
    ...words,
    `  What helps: ${remedy}; then npm start.`,
    '  To go on without the GPU: LIANDAN_DEVICE=cpu npm start',
    `  Whole output: ${log}`,
  ].join('\n');
}
