/** How TensorFlow is to use NVIDIA's GPUs; without one, nothing of this has an effect. */

/** Environment variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables to set.
 *
 * @param given The environment; what the user has set in it stays.
 */
export function gpuSettings(given: Environment): Record<string, string> {
  // '0' wins over what TensorFlow asks of cuBLAS and cuDNN, which would round the factors of products to 10 bits.
  const tf32 = given.NVIDIA_TF32_OVERRIDE ?? '0';
  return {
    // By default TensorFlow takes nearly all memory of a GPU, and a second notebook finds none.
    TF_FORCE_GPU_ALLOW_GROWTH: given.TF_FORCE_GPU_ALLOW_GROWTH ?? 'true',
    // With several GPUs the binding keeps tensors on the last, and graphs run on the first.
    CUDA_VISIBLE_DEVICES: (given.CUDA_VISIBLE_DEVICES ?? '0').split(',')[0]!,
    NVIDIA_TF32_OVERRIDE: tf32,
    // XLA's own products do not listen to NVIDIA's variable.
    ...(tf32 === '0' && { XLA_FLAGS: withFlag(given.XLA_FLAGS, 'xla_gpu_enable_triton_gemm', false) }),
  };
}

/** XLA's flags with one more, unless the user has set it. */
export function withFlag(flags = '', name: string, value: boolean): string {
  return flags.includes(name) ? flags : `--${name}=${value} ${flags}`.trim();
}
