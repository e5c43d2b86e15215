import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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

describe('set-up for a GPU', () => {
  /** A checkout in which these programs stand for Python with pip, the compiler and the library. */
  const checkout = ({ pip = '', library = '' }) => {
    const root = mkdtempSync(join(folder, 'checkout-'));
    const program = (path: string[], script: string) => {
      mkdirSync(join(root, ...path.slice(0, -1)), { recursive: true });
      writeFileSync(join(root, ...path), script, { mode: 0o755 });
    };
    program(['.venv', 'bin', 'python'], `#!/bin/sh\n[ "$1" = -c ] && echo 13 && exit\n${pip}\n`);
    program(['compiler'], '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2"; shift; done\n');
    program(['node_modules', 'liandan', 'index.js'], library);
    program(['.venv', 'tensorflow', 'old'], '');
    for (const part of [
      'package-lock.json',
      'requirements.txt',
      join('tools', 'setup'),
      join('lib', 'native'),
    ])
      cpSync(join(tools, '..', part), join(root, part), { recursive: true });
    return root;
  };
  /** What a step says that fails; null where it succeeds. */
  const step = (root: string, name: string) => {
    const prerequisites = `{ prerequisites: { compiler: ${JSON.stringify(join(root, 'compiler'))}, nodeHeaders: '' }, note: () => {} }`;
    const find = `steps(${JSON.stringify(root)}, ${JSON.stringify(join(root, 'log'))}, 'gpu').find(({ name }) => name === '${name}')`;
    const expression = `(await ${find}.run(${prerequisites})) ?? null`;
    return evaluate(['setup', 'steps.mjs'], 'steps', expression, {
      TMPDIR: join(root, 'small'),
      LIANDAN_CACHE: join(root, 'cache'),
    });
  };
  const target = 'while [ "$1" != --target ]; do shift; done';

  it('unpacks in the checkout, however small the temporary folder is', () => {
    const libraries = ['cusolver', 'cusparse'].map((name) => `"$2/nvidia/${name}/lib"`).join(' ');
    const root = checkout({ pip: `${target}\nmkdir -p ${libraries}\nls -d "$TMPDIR" > "$2/temporary"` });
    expect(step(root, 'tensorflow')).toBeNull();
    const installed = join(root, '.venv', 'tensorflow');
    const temporary = join(root, '.liandan', 'tmp');
    expect(readFileSync(join(installed, 'temporary'), 'utf8').trim()).toBe(temporary);
    expect([existsSync(temporary), existsSync(join(installed, 'old'))]).toEqual([false, false]);
    const link = join(installed, 'nvidia', 'cusparse', 'lib', 'libcusolver.so.11');
    expect(readlinkSync(link)).toBe('../../cusolver/lib/libcusolver.so.11');
  });

  it('that finds the disk full keeps what is installed, and says so', () => {
    const full = 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device';
    const root = checkout({ pip: `echo "${full}" >&2; exit 1` });
    expect(step(root, 'tensorflow')).toMatch(/The disk is full\. Free some space and run the same command/);
    expect(existsSync(join(root, '.venv', 'tensorflow', 'old'))).toBe(true);
  });

  it('ends with the cause and the remedy where the driver is missing', () => {
    const words = 'failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)';
    const library = (device: string) => `
      console.error('E0000 00:00:1 1 cuda_platform.cc:52] ${words}');
      exports.tf = { matMul: () => ({ dataSync: () => [19, 22, 43, 50] }) };
      exports.describeRuntime = () => ({ tensorflow: '2.21.0', device: '${device}' });`;
    const said = step(checkout({ library: library('CPU') }), 'binding') as string;
    expect(said).toMatch(/^TensorFlow did not register the GPU: libcuda\.so\.1, which belongs to the driver/);
    expect(said).toContain(words);
    expect(said).toMatch(/What helps: install NVIDIA's driver.*; then npm start\./);
    expect(said).toContain('LIANDAN_DEVICE=cpu npm start');
    expect(step(checkout({ library: library('GPU') }), 'binding')).toBeNull();
  });
});

describe('free disk', () => {
  const find = (bytes: number) =>
    evaluate(
      ['setup', 'prerequisites.mjs'],
      'findPrerequisites',
      `findPrerequisites('.', { disk: ${bytes}, compiler: false }) && 'enough'`,
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

describe('a compiler', () => {
  const find = (compiler: boolean) =>
    evaluate(
      ['setup', 'prerequisites.mjs'],
      'findPrerequisites',
      `findPrerequisites('.', { disk: 1, compiler: ${compiler} }).compiler ?? 'none'`,
      { CXX: join(folder, 'missing') },
    );

  it('is demanded only where something has to be compiled', () => {
    expect(find(true)).toMatch(
      /^Something is missing:\n {2}- A C\+\+17 compiler was not found\. Install it with/,
    );
    expect(find(false)).toBe('none');
  });
});

describe('a binding that an earlier set-up has built', () => {
  const binding = join(folder, 'binding.node');
  writeFileSync(binding, 'machine code');
  const ask = (cache: string, expression: string) =>
    evaluate(['setup', 'keptBinding.mjs'], 'keepBinding, keptBinding, dropBinding', expression, {
      LIANDAN_CACHE: cache,
    });
  const keep = (key: string) => `keepBinding('${key}', ${JSON.stringify(binding)})`;
  const kept = (key: string) => `keptBinding('${key}') ?? 'none'`;

  it('is found by its key, until it is dropped', () => {
    const cache = mkdtempSync(join(folder, 'cache-'));
    expect(ask(cache, `(${keep('a')}, ${kept('a')})`)).toBe(join(cache, 'bindings', 'a.node'));
    expect(readFileSync(join(cache, 'bindings', 'a.node'), 'utf8')).toBe('machine code');
    expect(ask(cache, kept('b'))).toBe('none');
    expect(ask(cache, `(dropBinding('a'), ${kept('a')})`)).toBe('none');
  });

  it('is not taken from where others can write, nor where none shall be kept', () => {
    const cache = mkdtempSync(join(folder, 'cache-'));
    ask(cache, `${keep('a')} ?? 0`);
    chmodSync(join(cache, 'bindings'), 0o777);
    expect(ask(cache, kept('a'))).toBe('none');
    chmodSync(join(cache, 'bindings'), 0o700);
    expect(ask(cache, kept('a'))).not.toBe('none');
    expect(ask('off', `(${keep('a')}, ${kept('a')})`)).toBe('none');
  });

  it('is one of four: those that were not used for longest go', () => {
    const cache = mkdtempSync(join(folder, 'cache-'));
    for (const key of ['a', 'b', 'c', 'd']) ask(cache, `${keep(key)} ?? 0`);
    ask(cache, kept('a'));
    ask(cache, `${keep('e')} ?? 0`);
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => ask(cache, kept(key)) === 'none')).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
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
