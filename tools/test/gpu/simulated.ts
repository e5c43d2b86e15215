/**
 * `npm run test:gpu-simulated`: training steps on a simulated GPU. Each must find a place for all of its operations, leave the
 * memory of the device alone, and launch and copy no more than `counts.json` says. See simulated.c for what is simulated.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Counts } from './count';
import { subjects } from './subjects';

const root = join(__dirname, '..', '..', '..', '..');
const sources = join(root, 'tools', 'test', 'gpu');
const committed = join(sources, 'counts.json');

const usage = `npm run test:gpu-simulated -- [--write] [SUBJECT …]
  --write    renew tools/test/gpu/counts.json
subjects (or how their names begin): ${Object.keys(subjects).join('; ')}`;

/** By subject and mode. */
type Table = Record<string, Record<string, Counts>>;

/** The folder with TensorFlow's build for GPUs and NVIDIA's headers. */
function gpuBuild(): string {
  const folder = process.env.LIANDAN_GPU_TENSORFLOW ?? join(root, '.venv', 'tensorflow');
  if (existsSync(join(folder, 'nvidia')) && existsSync(join(folder, 'tensorflow'))) return folder;
  throw new Error(
    `${folder} holds no TensorFlow for GPUs. A checkout that is set up for a GPU has it; another one needs 5.7 GB, and 8.3 GB ` +
      'in the temporary folder, to get it:\n' +
      '  .venv/bin/python -m pip install --no-deps --require-hashes --target FOLDER -r tools/setup/requirements/tensorflow-gpu.txt\n' +
      '  LIANDAN_GPU_TENSORFLOW=FOLDER npm run test:gpu-simulated',
  );
}

function main(): number {
  const { values, positionals } = parseArgs({
    options: { write: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const wanted = Object.keys(subjects).filter(
    (name) => positionals.length === 0 || positionals.some((beginning) => name.startsWith(beginning)),
  );
  if (wanted.length === 0) throw new Error(`There is no such subject.\n${usage}`);
  const tensorflow = gpuBuild();
  const temporary = mkdtempSync(join(tmpdir(), 'liandan-gpu-'));
  const known = JSON.parse(readFileSync(committed, 'utf8')) as Table;
  const found: Table = {};
  const problems: string[] = [];
  try {
    const library = compileSimulation(tensorflow, temporary);
    for (const name of wanted) {
      const start = Date.now();
      const { counts, problem } = countInProcess(name, { tensorflow, library, temporary });
      const wrong = [...(problem ? [problem] : []), ...(values.write ? [] : excesses(counts, known[name]))];
      problems.push(...wrong.map((text) => `${name}: ${text}`));
      found[name] = counts;
      const seconds = ((Date.now() - start) / 1000).toFixed(0);
      console.log(`${wrong.length > 0 ? '✗' : '✓'} ${name} (${seconds} s)`);
      for (const [mode, { launches, graphs, nodes, bytesToDevice, bytesToHost }] of Object.entries(counts)) {
        const kernels =
          graphs > 0 ? `${launches} launches, ${graphs} graphs (${nodes} nodes)` : `${launches} launches`;
        console.log(
          `    ${mode.padEnd(13)} ${kernels}, ${bytesToDevice} bytes to the GPU, ${bytesToHost} back`,
        );
      }
      for (const text of wrong) console.log(`    ${text}`);
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  if (values.write) {
    const table = { ...known, ...found };
    const ordered = Object.keys(subjects).flatMap((name) => (table[name] ? [[name, table[name]]] : []));
    writeFileSync(committed, `${JSON.stringify(Object.fromEntries(ordered), null, 2)}\n`);
  }
  console.log(`${wanted.length} steps, ${problems.length} problems`);
  return problems.length > 0 ? 1 : 0;
}

function compileSimulation(tensorflow: string, folder: string): string {
  const library = join(folder, 'simulated.so');
  const headers = ['cuda_runtime', 'cuda_nvcc'].map(
    (part) => `-I${join(tensorflow, 'nvidia', part, 'include')}`,
  );
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'];
  const flags = ['-O2', '-shared', '-fPIC', '-fvisibility=hidden', ...warnings, ...headers];
  execFileSync(process.env.CC ?? 'cc', [...flags, '-o', library, join(sources, 'simulated.c')], {
    stdio: 'inherit',
  });
  return library;
}

interface Place {
  readonly tensorflow: string;
  readonly library: string;
  readonly temporary: string;
}

function countInProcess(name: string, { tensorflow, library, temporary }: Place) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [join(__dirname, 'count.js'), name],
    {
      encoding: 'utf8',
      timeout: 1_800_000,
      maxBuffer: 1e9,
      env: {
        ...process.env,
        LD_PRELOAD: library,
        LD_LIBRARY_PATH: join(tensorflow, 'tensorflow'),
        SIMULATED_GPU: join(temporary, 'counters'),
        // Kernels that TensorFlow compiles at their first use, for all of the processes.
        TF_JIT_CACHE_DIR: join(temporary, 'kernels'),
      },
    },
  );
  const counts: Record<string, Counts> = {};
  let mode = 'before the first mode';
  for (const line of stdout.split('\n')) {
    if (line.startsWith('mode ')) mode = line.slice(5);
    if (line.startsWith('counts ')) counts[mode] = JSON.parse(line.slice(7)) as Counts;
  }
  if (status === 0) return { counts };
  const words = stderr
    .split('\n')
    .filter((line) => line.trim() && !/^\s+at /.test(line))
    .slice(-12)
    .join('\n    ');
  return { counts, problem: `${mode}: ended with ${signal ?? status}\n    ${words}` };
}

/** Where more happens than is committed. */
function excesses(found: Record<string, Counts>, known: Record<string, Counts> = {}): string[] {
  return Object.entries(found).flatMap(([mode, counts]) => {
    const allowed = known[mode];
    if (!allowed) return [`${mode}: counts.json says nothing of it; --write renews it`];
    return (Object.keys(counts) as (keyof Counts)[])
      .filter((field) => counts[field] > allowed[field])
      .map((field) => `${mode}: ${field} ${counts[field]} per step, at most ${allowed[field]} are expected`);
  });
}

try {
  process.exitCode = main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
