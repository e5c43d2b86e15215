/**
 * `npm run test:setup`: set-up where it is hard, in a copy of this checkout. It takes about half an hour and is not part of
 * `npm test`. `npm run test:setup -- kill disk` runs the cases whose names begin so. What cannot be tried on this machine
 * (another Python, another Node, a file system of its own, another user) is listed as skipped.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { main, root } from '../setup/setup.mjs';

const base = mkdtempSync(join(tmpdir(), 'liandan-setup-'));
chmodSync(base, 0o755);
// Long, with letters that are not ASCII, a space and characters that a shell treats specially.
const checkout = join(base, `my päth (1) & ${'long-'.repeat(24)}`, 'liandan');

/** @typedef {{ code: number | null, output: string, seconds: number }} Outcome */

/** Copies the files of this checkout that git knows or would know. @param {string} target */
function copyCheckout(target) {
  const listed = execFileSync('git', ['ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const file of listed.split('\0').filter((name) => name && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    copyFileSync(join(root, file), join(target, file));
  }
}

/**
 * Runs set-up in the copy.
 *
 * @param {object} [options]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {string} [options.node]
 * @param {{ step: string, after: number }} [options.kill] `kill -9` so many milliseconds after the step has begun
 * @param {number} [options.uid] another user
 * @returns {Promise<Outcome>}
 */
function setup({ env = process.env, node = process.execPath, kill, uid } = {}) {
  const start = Date.now();
  const program = "import('./tools/setup/setup.mjs').then(({ main, setup }) => main(setup))";
  const child = spawn(node, ['-e', program], {
    cwd: checkout,
    // What an earlier set-up has built is taken only where that is the case.
    env: { LIANDAN_CACHE: 'off', ...env, npm_lifecycle_event: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let output = '';
  let due = kill;
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
      if (due && output.includes(due.step)) {
        void setTimeout(due.after).then(() => child.kill('SIGKILL'));
        due = undefined;
      }
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output, seconds: (Date.now() - start) / 1000 }));
  });
}

const at = (/** @type {string[]} */ ...parts) => join(checkout, ...parts);
const stampFile = () => at('.liandan', 'setup.json');

/** Makes a step due again. @param {string} step */
function forget(step) {
  const stamps = JSON.parse(readFileSync(stampFile(), 'utf8'));
  delete stamps[step];
  writeFileSync(stampFile(), JSON.stringify(stamps));
}

/** @param {boolean} condition @param {string} what @param {Outcome} [outcome] */
function demand(condition, what, outcome) {
  if (!condition) throw new Error(outcome ? `${what}\n${outcome.output.slice(-1500)}` : what);
}

/** What must hold after any set-up. @param {Outcome} outcome @param {string} [node] */
function demandWhole(outcome, node = process.execPath) {
  demand(outcome.code === 0, `exit code ${outcome.code}`, outcome);
  const product = "require('liandan').tf.matMul([[2]], [[3]]).dataSync()[0]";
  const computed = spawnSync(node, ['-p', product], { cwd: checkout, encoding: 'utf8' });
  demand(computed.stdout.trim() === '6', `TensorFlow does not compute: ${computed.stderr.slice(-500)}`);
  const imports = ['-E', '-s', '-c', 'import jupyterlab, nbclient, nbconvert, nh3'];
  const python = spawnSync(at('.venv', 'bin', 'python'), imports, { encoding: 'utf8' });
  demand(python.status === 0, `the Python environment does not work: ${python.stderr}`);
  demand(existsSync(at('node_modules', 'typescript', 'bin', 'tsc')), 'TypeScript is missing');
  demand(
    existsSync(at('.venv', 'share', 'jupyter', 'kernels', 'liandan', 'kernel.json')),
    'the kernel is missing',
  );
}

/** Processes whose command line names the copy. */
const left = () => {
  const { stdout } = spawnSync('ps', ['-eo', 'stat=,pid=,args='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => line.includes(base) && !/^Z|setup-matrix|\bps -eo/.test(line.trim()));
};

/** @param {string} command @param {string[]} args */
const works = (command, args) => spawnSync(command, args, { encoding: 'utf8' }).status === 0;

class Skipped extends Error {}

const titles = {
  packages: 'npm packages',
  environment: 'JupyterLab and nbconvert',
  tensorflow: 'TensorFlow 2.21',
  build: 'lib, kernel and tools',
  binding: 'native binding',
  jupyter: 'Jupyter kernel',
};
const products = {
  packages: ['node_modules'],
  environment: ['.venv/bin', '.venv/lib'],
  tensorflow: ['.venv/tensorflow'],
  build: ['lib/dist', 'kernel/dist', 'tools/dist'],
  binding: ['node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8'],
  jupyter: ['.venv/share/jupyter/kernels/liandan'],
};
// When each is in the middle of its work.
const moments = {
  packages: 4000,
  environment: 15_000,
  tensorflow: 8000,
  build: 6000,
  binding: 4000,
  jupyter: 1,
};

/** @typedef {keyof typeof titles} StepName */
const names = /** @type {StepName[]} */ (Object.keys(titles));

/** @param {StepName} step */
function undo(step) {
  forget(step);
  for (const product of products[step]) rmSync(at(product), { recursive: true, force: true });
}

/** @param {string} version */
function otherPython(version) {
  const candidates = [`python${version}`, ...(process.env.PYTHONS ?? '').split(':').filter(Boolean)];
  const found = candidates.find((name) => {
    const { stdout } = spawnSync(
      name,
      ['-c', 'import sys, venv, ensurepip; print(*sys.version_info[:2], sep=".")'],
      {
        encoding: 'utf8',
      },
    );
    return stdout?.trim() === version;
  });
  if (!found) throw new Skipped(`no Python ${version} (name it in PYTHONS=/path/to/python:…)`);
  return found;
}

/** Node from npm, with the headers that set-up needs. @param {string} major */
function otherNode(major) {
  const prefix = join(base, `node-${major}`);
  const packages = [`node@${major}`, 'node-api-headers'];
  const made = spawnSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', ...packages], {
    cwd: base,
    encoding: 'utf8',
  });
  const node = join(prefix, 'node_modules', 'node', 'bin', 'node');
  if (made.status !== 0 || !works(node, ['--version']))
    throw new Skipped(`npm has no Node ${major} for this machine`);
  const headers = join(prefix, 'node_modules', 'node', 'include');
  mkdirSync(headers, { recursive: true });
  execFileSync('cp', [
    '-r',
    join(prefix, 'node_modules', 'node-api-headers', 'include'),
    join(headers, 'node'),
  ]);
  return node;
}

/** Runs in a file system of few megabytes that is mounted over a folder. @param {string} folder @param {string} size @param {() => Promise<void>} action */
async function onFullDisk(folder, size, action) {
  mkdirSync(folder, { recursive: true });
  if (!works('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]))
    throw new Skipped('only root can mount a small file system');
  try {
    await action();
  } finally {
    execFileSync('umount', ['-l', folder]);
  }
}

/** @type {Record<string, () => Promise<void>>} */
const cases = {
  'first: two at once, long path with odd characters, no HOME, umask 077': async () => {
    const env = { ...process.env, HOME: undefined };
    const umask = process.umask(0o077);
    const outcomes = await Promise.all([setup({ env }), setup({ env })]);
    process.umask(umask);
    for (const outcome of outcomes) demandWhole(outcome);
    demand(
      outcomes.some(({ output }) => output.includes('waiting for it')),
      'neither waited for the other',
      outcomes[1],
    );
  },
  'second: nothing to do': async () => {
    const outcome = await setup();
    demandWhole(outcome);
    demand(outcome.seconds < 2, `took ${outcome.seconds} s`);
    demand(
      (statSync(at('.liandan', 'logs', 'setup.log')).mode & 0o077) === 0,
      'the log can be read by others',
    );
  },
  'foreign modules on PYTHONPATH': async () => {
    const foreign = join(base, 'foreign');
    mkdirSync(foreign, { recursive: true });
    for (const name of ['nbformat', 'jinja2', 'notebooks', 'pip', 'venv'])
      writeFileSync(join(foreign, `${name}.py`), 'raise ImportError("foreign module")\n');
    undo('environment');
    const env = { ...process.env, PYTHONPATH: foreign, PIP_USER: '1' };
    demandWhole(await setup({ env }));
    const run = spawnSync(process.execPath, ['tools/commands/start.mjs', '05', '--jobs', '0'], {
      cwd: checkout,
      env,
      encoding: 'utf8',
    });
    demand(!run.stderr.includes('foreign'), run.stderr);
  },
  'NODE_ENV=production': async () => {
    undo('packages');
    demandWhole(await setup({ env: { ...process.env, NODE_ENV: 'production', npm_config_omit: 'dev' } }));
  },
  'only the packages are gone: what they take along is made again': async () => {
    undo('packages');
    demandWhole(await setup());
  },
  'a TensorFlow whose inner parts are others: its sessions run compiled steps': async () => {
    const source = at('lib', 'native', 'xla', 'program.cc');
    const content = readFileSync(source);
    writeFileSync(source, `#error another version\n${content}`);
    try {
      const outcome = await setup();
      demandWhole(outcome);
      demand(
        outcome.output.includes('compiled steps run in its sessions'),
        'set-up does not say so',
        outcome,
      );
    } finally {
      writeFileSync(source, content);
    }
    demandWhole(await setup());
  },
  'no compiler: what an earlier set-up has built serves': async () => {
    const cache = { ...process.env, LIANDAN_CACHE: join(base, 'cache') };
    const bare = { CXX: '/bin/false' };
    undo('binding');
    const refused = await setup({ env: { ...process.env, ...bare } });
    demand(refused.code === 1, `exit code ${refused.code}`, refused);
    demand(refused.output.includes('A C++17 compiler was not found'), 'it is not named', refused);
    demandWhole(await setup({ env: cache }));
    undo('binding');
    const outcome = await setup({ env: { ...cache, ...bare } });
    demandWhole(outcome);
    demand(outcome.output.includes('as an earlier set-up built it'), 'it was built', outcome);
    for (const name of readdirSync(join(base, 'cache', 'bindings')))
      writeFileSync(join(base, 'cache', 'bindings', name), 'truncated');
    undo('binding');
    const broken = await setup({ env: cache });
    demandWhole(broken);
    demand(!broken.output.includes('as an earlier set-up built it'), 'a broken one served', broken);
  },
  ...Object.fromEntries(
    names.map((step) => [
      `kill -9 in the step ${step}`,
      async () => {
        undo(step);
        const killed = await setup({ kill: { step: titles[step], after: moments[step] } });
        // It may have been quicker than we were.
        demandWhole(await setup());
        demand(left().length === 0, `left behind: ${left().join('\n')}`);
        if (killed.code === 0) throw new Skipped('the step had ended before it could be killed');
      },
    ]),
  ),
  ...Object.fromEntries(
    /** @type {[StepName, string, string][]} */ ([
      ['packages', 'node_modules', '60m'],
      ['environment', '.venv', '40m'],
      ['tensorflow', '.venv', '600m'],
      ['build', 'lib/dist', '200k'],
      ['binding', 'node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8', '8k'],
      ['jupyter', '.venv/share/jupyter/kernels/liandan', '0'],
    ]).map(([step, folder, size]) => [
      `disk full in the step ${step}`,
      async () => {
        if (step === 'jupyter') throw new Skipped('its two files are smaller than any file system');
        undo(step);
        await onFullDisk(at(folder), size, async () => {
          const outcome = await setup();
          demand(outcome.code === 1, `exit code ${outcome.code}`, outcome);
          demand(
            /disk is full|No space left|ENOSPC|Free some space/.test(outcome.output),
            'the cause is not named',
            outcome,
          );
          demand(!/\n\s+at .*\.mjs/.test(outcome.output), 'a stack trace', outcome);
        });
        demandWhole(await setup());
      },
    ]),
  ),
  'GPU that comes or goes: what is installed stays': async () => {
    const { device } = JSON.parse(readFileSync(stampFile(), 'utf8'));
    const folder = join(base, 'driver');
    mkdirSync(folder, { recursive: true });
    const words =
      device === 'gpu' ? 'echo "Failed to initialize NVML" >&2; exit 18' : 'echo "GPU 0: NVIDIA H100"';
    writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${words}\n`, { mode: 0o755 });
    const outcome = await setup({ env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
    demandWhole(outcome);
    demand(outcome.output.includes('set-up complete'), 'something was installed', outcome);
  },
  'small temporary folder in the step tensorflow': async () => {
    undo('tensorflow');
    const temporary = join(base, 'small');
    await onFullDisk(temporary, '20m', async () => {
      demandWhole(await setup({ env: { ...process.env, TMPDIR: temporary } }));
    });
  },
  'a checkout of somebody else, not finished': async () => {
    if (process.getuid?.() !== 0) throw new Skipped('only root can become another user');
    execFileSync('chmod', ['-R', 'go+rX', checkout]);
    forget('jupyter');
    const outcome = await setup({ uid: 65534, env: { PATH: process.env.PATH } });
    demand(
      outcome.code === 1 && outcome.seconds < 10,
      `exit code ${outcome.code}, ${outcome.seconds} s`,
      outcome,
    );
    demand(
      outcome.output.includes('which belongs to root (you are nobody)'),
      'the owner is not named',
      outcome,
    );
    demandWhole(await setup());
  },
  'a checkout of somebody else, finished: a class server': async () => {
    if (process.getuid?.() !== 0) throw new Skipped('only root can become another user');
    const nobody = { uid: 65534, gid: 65534 };
    const reaches = (/** @type {string} */ python) =>
      spawnSync(python, ['-c', 'import venv, ensurepip'], nobody).status === 0;
    if (!reaches(at('.venv', 'bin', 'python'))) {
      // Root's own Python; a class server has the system's.
      const system = '/usr/bin/python3';
      if (!reaches(system))
        throw new Skipped(`nobody can run neither .venv/bin/python nor a whole ${system}`);
      rmSync(at('.venv'), { recursive: true, force: true });
      demandWhole(await setup({ env: { ...process.env, PYTHON: system } }));
    }
    execFileSync('chmod', ['-R', 'go+rX', checkout]);
    const temporary = join(base, 'tmp-of-nobody');
    mkdirSync(temporary);
    chmodSync(temporary, 0o777);
    const args = [
      '-E',
      '-s',
      'tools/reports/run_notebooks.py',
      '01',
      '--notebooks',
      'tools/test/fixtures',
      '--build',
    ];
    const run = spawnSync(at('.venv', 'bin', 'python'), args, {
      cwd: checkout,
      ...nobody,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, TMPDIR: temporary },
    });
    demand(run.status === 0, `${run.stdout}${run.stderr}`);
    const reports = join(temporary, 'liandan-65534', 'reports');
    demand(existsSync(join(reports, '01-sample.html')), run.stdout);
    demand((statSync(dirname(reports)).mode & 0o077) === 0, 'others can read the reports');
  },
  'a read-only file system, not finished': async () => {
    if (!works('mount', ['--bind', checkout, checkout])) throw new Skipped('only root can mount');
    try {
      forget('jupyter');
      execFileSync('mount', ['-o', 'remount,ro,bind', checkout]);
      const outcome = await setup();
      demand(
        outcome.code === 1 && outcome.seconds < 10,
        `exit code ${outcome.code}, ${outcome.seconds} s`,
        outcome,
      );
      demand(outcome.output.includes('read-only file system'), 'the cause is not named', outcome);
    } finally {
      execFileSync('umount', ['-l', checkout]);
    }
    demandWhole(await setup());
  },
  ...Object.fromEntries(
    ['3.10', '3.12', '3.13'].map((version) => [
      `Python ${version}`,
      async () => {
        const python = otherPython(version);
        rmSync(at('.venv'), { recursive: true, force: true });
        demandWhole(await setup({ env: { ...process.env, PYTHON: python } }));
        const { stdout } = spawnSync(at('.venv', 'bin', 'python'), ['--version'], { encoding: 'utf8' });
        demand(stdout.includes(version), `the environment has ${stdout}`);
      },
    ]),
  ),
  ...Object.fromEntries(
    ['22', '24'].map((major) => [
      `Node ${major}`,
      async () => {
        const node = otherNode(major);
        const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
        demandWhole(await setup({ node, env }), node);
      },
    ]),
  ),
};

await main(async () => {
  const wanted = process.argv.slice(2);
  copyCheckout(checkout);
  let failed = 0;
  const lines = [];
  for (const [name, run] of Object.entries(cases)) {
    const first = name.startsWith('first');
    if (wanted.length > 0 && !first && !wanted.some((prefix) => name.startsWith(prefix))) continue;
    const start = Date.now();
    let verdict = '✓';
    let remark = '';
    try {
      await run();
    } catch (error) {
      verdict = error instanceof Skipped ? '–' : '✗';
      remark = /** @type {Error} */ (error).message;
      failed += verdict === '✗' ? 1 : 0;
    }
    const line = `${verdict} ${name.padEnd(72)} ${((Date.now() - start) / 1000).toFixed(1).padStart(7)} s  ${remark}`;
    lines.push(line.split('\n')[0]);
    console.log(line);
    if (first && verdict === '✗') break;
  }
  rmSync(base, { recursive: true, force: true });
  console.log(`\n${lines.join('\n')}\n${failed} failed`);
  return failed > 0 ? 1 : 0;
});
