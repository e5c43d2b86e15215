/** How TensorFlow is to use NVIDIA's GPUs; without one, nothing of this has an effect. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Environment variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables to set.
 *
 * @param given The environment; what the user has set in it stays.
 * @param checkout The folder that may hold a set-up checkout.
 * @param driver Where the driver describes its GPUs.
 */
export function gpuSettings(
  given: Environment,
  checkout: string,
  driver = '/proc/driver/nvidia',
): Record<string, string> {
  // '0' wins over what TensorFlow asks of cuBLAS and cuDNN, which would round the factors of products to 10 bits.
  const tf32 = given.NVIDIA_TF32_OVERRIDE ?? '0';
  const kernels = given.TF_JIT_CACHE_DIR ?? kernelFolder(checkout, driver);
  return {
    // By default TensorFlow takes nearly all memory of a GPU, and a second notebook finds none.
    TF_FORCE_GPU_ALLOW_GROWTH: given.TF_FORCE_GPU_ALLOW_GROWTH ?? 'true',
    // With several GPUs the binding keeps tensors on the last, and graphs run on the first.
    CUDA_VISIBLE_DEVICES: (given.CUDA_VISIBLE_DEVICES ?? '0').split(',')[0]!,
    NVIDIA_TF32_OVERRIDE: tf32,
    ...(kernels !== undefined && { TF_JIT_CACHE_DIR: kernels }),
    // XLA's own products do not listen to NVIDIA's variable.
    ...(tf32 === '0' && { XLA_FLAGS: withFlag(given.XLA_FLAGS, 'xla_gpu_enable_triton_gemm', false) }),
  };
}

/** XLA's flags with one more, unless the user has set it. */
export function withFlag(flags = '', name: string, value: boolean): string {
  return flags.includes(name) ? flags : `--${name}=${value} ${flags}`.trim();
}

/**
 * Where TensorFlow keeps the elementwise kernels that it compiles at their first use, for later processes. They belong to a
 * version of TensorFlow and to a model of GPU, and TensorFlow does not tell them apart by these: so they go when it is
 * installed anew, and each model has a folder. Undefined where there is no checkout, or no driver that names the model.
 */
function kernelFolder(checkout: string, driver: string): string | undefined {
  const tensorflow = join(checkout, '.venv', 'tensorflow');
  const models = existsSync(tensorflow) ? gpuModels(join(driver, 'gpus')) : [];
  return models.length > 0 ? join(tensorflow, 'kernels', models.join('+').replace(/\W+/g, '-')) : undefined;
}

function gpuModels(folder: string): string[] {
  try {
    const texts = readdirSync(folder).map((gpu) => readFileSync(join(folder, gpu, 'information'), 'utf8'));
    return [...new Set(texts.flatMap((text) => /^Model:\s*(.+?)\s*$/m.exec(text)?.[1] ?? []))].sort();
  } catch {
    return [];
  }
}
