import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { gpuSettings } from '../../src/runtime/gpu';

const SET = [
  'TF_CPP_MIN_LOG_LEVEL',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_FORCE_GPU_ALLOW_GROWTH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_TF32_OVERRIDE',
  'XLA_FLAGS',
] as const;

/** The environment that the library makes of this one. */
async function environmentFrom(given: Partial<Record<(typeof SET)[number], string>>) {
  vi.resetModules();
  for (const name of SET) vi.stubEnv(name, given[name]);
  await import('../../src/runtime/environment.js');
  return Object.fromEntries(SET.map((name) => [name, process.env[name]]));
}

afterEach(() => void vi.unstubAllEnvs());

describe('the environment of TensorFlow', () => {
  it('has the defaults of the library', async () => {
    expect(await environmentFrom({})).toEqual({
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_ENABLE_ONEDNN_OPTS: '0',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      CUDA_VISIBLE_DEVICES: '0',
      NVIDIA_TF32_OVERRIDE: '0',
      XLA_FLAGS: '--xla_gpu_enable_triton_gemm=false --xla_cpu_enable_fast_min_max=false',
    });
  });

  it('keeps what the user has set', async () => {
    const given = {
      TF_CPP_MIN_LOG_LEVEL: '0',
      TF_ENABLE_ONEDNN_OPTS: '1',
      TF_FORCE_GPU_ALLOW_GROWTH: 'false',
      CUDA_VISIBLE_DEVICES: '3',
      NVIDIA_TF32_OVERRIDE: '1',
      XLA_FLAGS: '--xla_cpu_enable_fast_min_max=true --xla_dump_to=here',
    };
    expect(await environmentFrom(given)).toEqual(given);
  });

  it.each([
    ['--xla_dump_to=here', /^--xla_gpu_enable_triton_gemm=false .*fast_min_max=false --xla_dump_to=here$/],
    ['--xla_gpu_enable_triton_gemm=true', /^--xla_cpu_enable_fast_min_max=false \S+triton_gemm=true$/],
  ])("adds to XLA's flags what they do not say: %s", async (given, expected) => {
    expect((await environmentFrom({ XLA_FLAGS: given })).XLA_FLAGS).toMatch(expected);
  });
});

describe('a GPU', () => {
  const folder = mkdtempSync(join(tmpdir(), 'liandan-gpu-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;

  /** What the driver says under /proc of GPUs of these models. */
  const driver = (...models: string[]): string => {
    const path = join(folder, `driver-${count++}`);
    models.forEach((model, i) => {
      mkdirSync(join(path, 'gpus', `0000:0${i}:00.0`), { recursive: true });
      const text = `Model: \t\t ${model}\nIRQ:   \t\t 98\nGPU UUID: \t GPU-${i}\n`;
      writeFileSync(join(path, 'gpus', `0000:0${i}:00.0`, 'information'), text);
    });
    return path;
  };
  const checkout = join(folder, 'checkout');
  mkdirSync(join(checkout, '.venv', 'tensorflow'), { recursive: true });
  const kernels = (models: string[], place = checkout, given = {}) =>
    gpuSettings(given, place, driver(...models)).TF_JIT_CACHE_DIR;

  it('is one of several, so that no step is spread over two', () => {
    const visible = (CUDA_VISIBLE_DEVICES?: string) =>
      gpuSettings({ CUDA_VISIBLE_DEVICES }, checkout).CUDA_VISIBLE_DEVICES;
    expect([undefined, '2', '2,3', 'GPU-1,GPU-2', '-1', ''].map(visible)).toEqual([
      '0',
      '2',
      '2',
      'GPU-1',
      '-1',
      '',
    ]);
  });

  it('computes products in full precision, unless the user wants TF32 everywhere', () => {
    expect(gpuSettings({}, checkout)).toMatchObject({
      NVIDIA_TF32_OVERRIDE: '0',
      XLA_FLAGS: '--xla_gpu_enable_triton_gemm=false',
    });
    const fast = gpuSettings({ NVIDIA_TF32_OVERRIDE: '1' }, checkout);
    expect(fast.NVIDIA_TF32_OVERRIDE).toBe('1');
    expect(fast).not.toHaveProperty('XLA_FLAGS');
  });

  it('keeps its kernels with the TensorFlow that they belong to, each model its own', () => {
    const below = (...path: string[]) => join(checkout, '.venv', 'tensorflow', 'kernels', ...path);
    expect(kernels(['NVIDIA H100 80GB HBM3', 'NVIDIA H100 80GB HBM3'])).toBe(below('NVIDIA-H100-80GB-HBM3'));
    expect(kernels(['Tesla T4', 'NVIDIA A100'])).toBe(below('NVIDIA-A100-Tesla-T4'));
    expect(kernels(['Tesla T4'], checkout, { TF_JIT_CACHE_DIR: 'elsewhere' })).toBe('elsewhere');
  });

  it('keeps none where there is no checkout, or no driver that names the model', () => {
    expect(kernels(['Tesla T4'], folder)).toBeUndefined();
    expect(kernels([])).toBeUndefined();
  });
});
