import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { gpuSettings } from '../../src/runtime/gpu';
import { isKernelCache, openKernelCache } from '../../src/runtime/kernelCache';

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
  it('is one of several, so that no step is spread over two', () => {
    const visible = (CUDA_VISIBLE_DEVICES?: string) =>
      gpuSettings({ CUDA_VISIBLE_DEVICES }).CUDA_VISIBLE_DEVICES;
    const given = [undefined, '2', '2,3', 'GPU-1,GPU-2', '-1', ''];
    expect(given.map(visible)).toEqual(['0', '2', '2', 'GPU-1', '-1', '']);
  });

  it('computes products in full precision, unless the user wants TF32 everywhere', () => {
    expect(gpuSettings({})).toMatchObject({
      NVIDIA_TF32_OVERRIDE: '0',
      XLA_FLAGS: '--xla_gpu_enable_triton_gemm=false',
    });
    const fast = gpuSettings({ NVIDIA_TF32_OVERRIDE: '1' });
    expect(fast.NVIDIA_TF32_OVERRIDE).toBe('1');
    expect(fast).not.toHaveProperty('XLA_FLAGS');
  });
});

describe('compiled kernels', () => {
  const folder = mkdtempSync(join(tmpdir(), 'liandan-kernels-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const tensorflow = join(folder, 'tensorflow');
  mkdirSync(tensorflow);
  let count = 0;

  /** What the driver says under /proc of GPUs of these models. */
  const driver = (...models: string[]): string => {
    const path = join(folder, `driver-${count++}`);
    models.forEach((model, i) => {
      const gpu = join(path, 'gpus', `0000:0${i}:00.0`);
      mkdirSync(gpu, { recursive: true });
      writeFileSync(
        join(gpu, 'information'),
        `Model: \t\t ${model}\nIRQ:   \t\t 98\nGPU UUID: \t GPU-${i}\n`,
      );
    });
    return path;
  };
  const T4 = driver('Tesla T4');

  /** Runs a process that opens the cache and then does this with `own`, its folder; gives what it prints. */
  const inProcess = (program: string) => {
    const module = JSON.stringify(join(__dirname, '../../dist/runtime/kernelCache.js'));
    const opening = `const own = require(${module}).openKernelCache(${JSON.stringify(tensorflow)}, ${JSON.stringify(T4)});`;
    const source = `const fs = require('node:fs');\n${opening}\n${program}`;
    return spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' }).stdout.trim();
  };

  it('belong to a TensorFlow and to a model of GPU', () => {
    const own = (...models: string[]) => openKernelCache(tensorflow, driver(...models));
    const below = (model: string) => join(tensorflow, 'kernels', model, `process-${process.pid}`);
    expect(own('NVIDIA H100 80GB HBM3', 'NVIDIA H100 80GB HBM3')).toBe(below('NVIDIA-H100-80GB-HBM3'));
    expect(own('Tesla V100', 'NVIDIA A100')).toBe(below('NVIDIA-A100-Tesla-V100'));
    expect(own()).toBeUndefined();
    expect([below('Tesla-T4'), 'kernels-of-mine'].map(isKernelCache)).toEqual([true, false]);
    expect(openKernelCache(join(folder, 'nowhere'), T4)).toBeUndefined();
  });

  it('are shared when the process that made them is done, and never while it writes', () => {
    const shared = join(tensorflow, 'kernels', 'Tesla-T4');
    expect(
      inProcess(`fs.writeFileSync(own + '/a', 'whole'); console.log(fs.readdirSync(own + '/..').length)`),
    ).toBe('1');
    expect(readdirSync(shared)).toEqual(['a']);
    // The second finds the first's, and is killed while it writes its own.
    expect(
      inProcess(
        `console.log(fs.readFileSync(own + '/a', 'utf8')); fs.writeFileSync(own + '/b', 'ha'); process.kill(process.pid, 'SIGKILL')`,
      ),
    ).toBe('whole');
    expect(readdirSync(shared).filter((name) => !name.startsWith('process-'))).toEqual(['a']);
    expect(inProcess('console.log(fs.readdirSync(own).join())')).toBe('a');
    expect(readdirSync(shared)).toEqual(['a']);
  });
});
