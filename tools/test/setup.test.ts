import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'liandan-setup-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tools = resolve(__dirname, '..');
const urlOf = (...path: string[]) => JSON.stringify(pathToFileURL(join(tools, ...path)).href);

/** What an expression gives that uses a module of tools/, as JSON; the message if it throws. */
function evaluate(
  module: string[],
  name: string,
  expression: string,
  env: Record<string, string> = {},
): unknown {
  const program =
    `import { ${name} } from ${urlOf(...module)};\n` +
    `try { console.log(JSON.stringify(${expression})); } catch (error) { console.log(JSON.stringify(error.message)); }`;
  const environment = { ...process.env, LIANDAN_DEVICE: undefined, npm_lifecycle_event: undefined, ...env };
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: environment,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('the device of a checkout', () => {
  /** A folder for PATH in which nvidia-smi does this. */
  const withDriver = (script: string): string => {
    const path = mkdtempSync(join(folder, 'path-'));
    writeFileSync(join(path, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, 'nvidia-smi'), 0o755);
    return path;
  };
  const drivers = {
    none: mkdtempSync(join(folder, 'path-')),
    good: withDriver('echo "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)"'),
    failing: withDriver(
      'echo "Failed to initialize NVML: Driver/library version mismatch"; echo "NVML library version: 575.1"; exit 18',
    ),
    empty: withDriver('echo "No devices were found"'),
  };
  type Driver = keyof typeof drivers;
  const choose = (driver: Driver, remembered?: string, device?: string, platform = 'linux-x64') =>
    evaluate(
      ['setup', 'device.mjs'],
      'chooseDevice',
      `chooseDevice(${JSON.stringify(remembered)}, ${JSON.stringify(platform)})`,
      { PATH: drivers[driver], ...(device !== undefined && { LIANDAN_DEVICE: device }) },
    );

  it('is a GPU where the driver lists one, the first time', () => {
    expect(choose('good')).toEqual({ device: 'gpu' });
    expect(choose('none')).toEqual({ device: 'cpu' });
    expect(choose('good', undefined, undefined, 'darwin-arm64')).toEqual({ device: 'cpu' });
  });

  it.each<[Driver, RegExp]>([
    ['failing', /lists no GPU \(Failed to initialize NVML: Driver\/library version mismatch\)/],
    ['empty', /lists no GPU \(No devices were found\)/],
  ])('is the CPU where the driver is %s the first time, and says how to change that', (driver, words) => {
    expect(choose(driver)).toEqual({ device: 'cpu', notice: expect.stringMatching(words) as string });
    expect(choose(driver)).toHaveProperty('notice', expect.stringContaining('LIANDAN_DEVICE=gpu npm start'));
  });

  it('stays what it was, whatever the driver says later', () => {
    for (const driver of ['none', 'failing', 'empty'] as const) {
      expect(choose(driver, 'gpu')).toEqual({
        device: 'gpu',
        notice: expect.stringMatching(/the CPU computes\.\n.*LIANDAN_DEVICE=cpu npm start/) as string,
      });
    }
    expect(choose('good', 'gpu')).toEqual({ device: 'gpu' });
    for (const driver of ['good', 'failing'] as const)
      expect(choose(driver, 'cpu')).toEqual({ device: 'cpu' });
  });

  it('is what the user says', () => {
    expect(choose('good', 'gpu', 'cpu')).toEqual({ device: 'cpu' });
    expect(choose('none', 'cpu', 'gpu')).toEqual({ device: 'gpu' });
    expect(choose('good', 'gpu', 'tpu')).toBe('LIANDAN_DEVICE is "tpu"; it must be cpu or gpu.');
    expect(choose('good', undefined, 'gpu', 'darwin-arm64')).toMatch(/needs Linux on x64/);
  });
});

describe('a GPU that TensorFlow did not register', () => {
  // As TensorFlow 2.21 says it.
  it.each([
    [
      'E0000 00:00:1795702480.473642   27616 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)',
      /libcuda\.so\.1, which belongs to the driver/,
      /install NVIDIA's driver/,
    ],
    [
      'E0000 00:00:1 1 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected',
      /the driver shows it no GPU/,
      /CUDA_VISIBLE_DEVICES/,
    ],
    [
      'W0000 00:00:1795703018.616468    2961 gpu_device.cc:2365] Cannot dlopen some GPU libraries. Please make sure the missing libraries mentioned above are installed properly if you would like to use GPU.\nSkipping registering GPU devices...',
      /library of CUDA that set-up has installed/,
      /rm -rf \.venv\/tensorflow/,
    ],
    [
      "W0000 00:00:1 1 dso_loader.cc:60] Could not load dynamic library 'libcudnn.so.9'; dlerror: cannot open shared object file",
      /library libcudnn\.so\.9/,
      /rm -rf \.venv\/tensorflow/,
    ],
    [
      'E0000 00:00:1 1 cuda_diagnostics.cc:1] kernel version 570.1.0 does not match DSO version 575.1.0 -- cannot find working devices in this configuration',
      /driver was updated/,
      /restart the machine/,
    ],
    [
      'I0000 00:00:1 1 gpu_device.cc:1] Ignoring visible gpu device (device: 0, name: GTX 980, compute capability: 5.2) with compute capability 5.2. The minimum required Cuda capability is 6.0.',
      /compute capability 5\.2/,
      /LIANDAN_DEVICE=cpu npm start/,
    ],
    ['nothing of note', /it does not say why/, /look into the\.log/],
  ])('is explained: %s', (words, cause, remedy) => {
    const explained = evaluate(
      ['setup', 'device.mjs'],
      'explainMissingGpu',
      `explainMissingGpu(${JSON.stringify(`I0000 1 cpu_feature_guard.cc:227] optimized\n${words}\n{}`)}, 'the.log')`,
    ) as string;
    expect(explained).toMatch(cause);
    expect(explained).toMatch(remedy);
    expect(explained).toContain('LIANDAN_DEVICE=cpu npm start');
    expect(explained).not.toContain('cpu_feature_guard');
  });
});

describe('free disk', () => {
  const find = (bytes: number) =>
    evaluate(
      ['setup', 'prerequisites.mjs'],
      'findPrerequisites',
      `findPrerequisites('.', ${bytes}) && 'enough'`,
    );
  const needed = (device: string, step: string) =>
    evaluate(
      ['setup', 'steps.mjs'],
      'steps',
      `steps('.', '', '${device}').find(({ name }) => name === '${step}').disk`,
    ) as number;

  it('is asked for by what lies ahead, and named', () => {
    expect(find(1)).toBe('enough');
    expect(find(1e18)).toMatch(/GB are free below \.; 1000000000\.0 GB are needed\. Free some space\./);
  });

  it('is several times as much for a GPU, where pip unpacks 8.3 GB', () => {
    expect(needed('gpu', 'tensorflow')).toBeGreaterThan(8.4e9);
    expect(needed('cpu', 'tensorflow')).toBeLessThan(3e9);
  });
});

describe('arguments of npm start', () => {
  const read = (...given: string[]) => {
    const program = `import { readArguments, running } from ${urlOf('commands', 'running.mjs')};
try { console.log(JSON.stringify(readArguments('usage', running))); } catch (error) { console.log(JSON.stringify(error.message)); }`;
    const file = join(folder, 'read.mjs');
    writeFileSync(file, program);
    const { stdout } = spawnSync(process.execPath, [file, ...given], { encoding: 'utf8' });
    return JSON.parse(stdout) as string | string[];
  };

  it('reach the program that runs notebooks, the limit of a cell too', () => {
    expect(read('05', '--cell-timeout', '7200', '--again')).toEqual([
      '--cell-timeout',
      '7200',
      '--again',
      '05',
    ]);
  });

  it('are refused where they mean nothing', () => {
    expect(read('--cell-timeout', '0')).toMatch(/--cell-timeout is "0"; it must be a positive number/);
    expect(read('--cell-time', '9')).toMatch(/Unknown option '--cell-time'/);
  });
});
