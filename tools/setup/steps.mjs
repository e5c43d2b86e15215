import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join, relative } from 'node:path';
import { explainMissingGpu } from './device.mjs';
import { dropBinding, keepBinding, keptBinding } from './keptBinding.mjs';
import { requireCompiler } from './prerequisites.mjs';
import { runLogged, SetupError } from './process.mjs';

/**
 * One step of the set-up. It is done when the stamp of its last success equals `fingerprint()` and everything in
 * `produces` exists; otherwise it runs. A step that was interrupted has no stamp and runs again.
 *
 * @typedef {object} Step
 * @property {string} name key of its stamp
 * @property {string} title
 * @property {() => string} fingerprint hash of all that the result depends on
 * @property {string[]} produces paths that must exist
 * @property {() => boolean} [compiles] whether it needs a C++ compiler
 * @property {number} [disk] bytes that must be free below the checkout, at its peak
 * @property {(tools: Tools) => Promise<void>} run
 *
 * @typedef {object} Tools
 * @property {import('./prerequisites.mjs').Prerequisites} prerequisites
 * @property {(text: string) => void} note adds a remark to the step's line
 * @property {(step: string) => boolean} isDue whether another step is still to be run
 */

/** @param {(string | Buffer)[]} parts */
const hash = (...parts) => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex').slice(0, 16);
};

/** @param {string} folder @param {RegExp} pattern @returns {string[]} */
const filesBelow = (folder, pattern) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !/\/(dist|node_modules|__pycache__)\//.test(file))
    .sort();

/** @param {string} file @param {string} content */
function writeWhole(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, content);
  renameSync(`${file}.part`, file);
}

// Settings that would send packages elsewhere than into the environment.
const misleading = /^PIP_(USER|TARGET|PREFIX|ROOT)$/;
const pipEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !misleading.test(name)),
);

/**
 * The arguments before a script or `-m`: modules come from the environment alone, whatever PYTHONPATH or a home folder
 * offers, and text is UTF-8 in every locale.
 */
export const isolated = ['-E', '-s', '-X', 'utf8'];

/**
 * @param {string} root
 * @param {string} log
 * @param {import('./device.mjs').Device} device what TensorFlow is installed for
 * @returns {Step[]}
 */
export function steps(root, log, device) {
  const at = (/** @type {string[]} */ ...parts) => join(root, ...parts);
  const read = (/** @type {string} */ file) => readFileSync(at(file));
  const python = at('.venv', 'bin', 'python');
  const libraries = at('.venv', 'tensorflow');
  const tensorflow = join(libraries, 'tensorflow');
  // Elsewhere one build has all that there is.
  const flavour =
    process.platform === 'linux' && process.arch === 'x64' ? `tensorflow-${device}` : 'tensorflow';
  const requirements = at('tools', 'setup', 'requirements', `${flavour}.txt`);
  const tfjs = at('node_modules', '@tensorflow', 'tfjs-node-gpu');
  const binding = join(tfjs, 'lib', 'napi-v8', 'tfjs_binding.node');
  const pip = [
    ...isolated,
    '-m',
    'pip',
    '--disable-pip-version-check',
    '--no-input',
    'install',
    '--require-hashes',
    '--only-binary=:all:',
  ];
  const inRoot = { cwd: root, env: pipEnvironment };
  const native = at('lib', 'native');
  const suffix = process.platform === 'darwin' ? '.2.dylib' : '.so.2';
  /** @type {Promise<string> | undefined} */
  let compiling;
  // What takes longest of the binding. It is kept, because npm throws the binding away with each change of a package.
  const startCompiling = (/** @type {string} */ compiler) => {
    const folder = at('.liandan', 'native');
    const sources = [...filesBelow(native, /\.h$/), ...filesBelow(join(native, 'xla'), /\.cc$/)];
    const key = hash(
      linked(),
      ...sources.map((file) => readFileSync(file)),
      compiler,
      read('tools/setup/steps.mjs'),
    );
    const object = join(folder, `xla-${key}.o`);
    const compile = async () => {
      if (existsSync(object)) return object;
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      await compileAgainstXla(log, compiler, native, join(tensorflow, 'include'), `${object}.part`);
      renameSync(`${object}.part`, object);
      return object;
    };
    compiling ??= compile();
    return compiling;
  };

  /** Of all that the binding depends on, in whichever checkout: known before anything is installed. */
  const bindingKey = () =>
    hash(
      `${process.platform} ${process.arch} ${flavour}`,
      process.version,
      read('package-lock.json'),
      readFileSync(requirements),
      read('tools/setup/steps.mjs'),
      ...filesBelow(native, /\.(cc|h)$/).map((file) => readFileSync(file)),
    );

  /** What an earlier set-up has built, if it fits. */
  const kept = () => keptBinding(bindingKey());

  const packages = () => hash(root, read('package-lock.json'), process.version);
  const environment = () => hash(root, read('requirements.txt'));
  const linked = () => hash(environment(), readFileSync(requirements), flavour);

  return [
    {
      name: 'packages',
      title: 'npm packages',
      disk: 0.7e9,
      fingerprint: packages,
      produces: [
        at('node_modules', '.package-lock.json'),
        at('node_modules', 'typescript', 'bin', 'tsc'),
        join(tfjs, 'binding'),
      ],
      run: async () => {
        // Whatever NODE_ENV or the user's npm configuration say, what compiles and tests belongs to it.
        const all = ['--include=prod', '--include=dev', '--include=optional', '--include=peer'];
        const quiet = ['--no-audit', '--no-fund', '--no-progress'];
        await runLogged(log, 'npm', ['ci', '--ignore-scripts', ...quiet, ...all], inRoot);
      },
    },
    {
      name: 'environment',
      title: 'JupyterLab and nbconvert (.venv)',
      disk: 0.6e9,
      fingerprint: environment,
      produces: [python, at('.venv', 'bin', 'jupyter-lab')],
      run: async ({ prerequisites }) => {
        const create = () =>
          runLogged(log, prerequisites.python, [...isolated, '-m', 'venv', '--clear', '.venv'], inRoot);
        const fill = () => runLogged(log, python, [...pip, '-r', 'requirements.txt'], inRoot);
        const works = (/** @type {string[]} */ ...args) =>
          spawnSync(python, [...isolated, ...args], { env: pipEnvironment }).status === 0;
        const whole = () =>
          works('-c', 'import jupyterlab, nbclient, nbconvert, nbformat, jsonschema, pytest');
        if (!works('-m', 'pip', '--version')) await create();
        await fill();
        if (whole()) return;
        // An installation that was cut can look complete to pip.
        await create();
        await fill();
        if (!whole())
          throw new SetupError(`The Python environment .venv does not work. Whole output: ${log}`);
      },
    },
    {
      name: 'tensorflow',
      title: device === 'gpu' ? 'TensorFlow 2.21 with CUDA (2.8 GB)' : 'TensorFlow 2.21 (270 MB)',
      disk: device === 'gpu' ? 9e9 : 2e9,
      fingerprint: linked,
      produces: [join(tensorflow, `libtensorflow_cc${suffix}`), join(tensorflow, 'include')],
      run: async () => {
        const part = `${libraries}.part`;
        rmSync(part, { recursive: true, force: true });
        // Where pip unpacks: three times what it downloads, which may be more than the system's temporary folder holds.
        const temporary = at('.liandan', 'tmp');
        rmSync(temporary, { recursive: true, force: true });
        mkdirSync(temporary, { recursive: true });
        // Only the C++ libraries are used: a wheel for an older Python serves where this Python has none yet.
        const newest = spawnSync(python, ['-c', 'import sys; print(min(sys.version_info[1], 13))'], {
          encoding: 'utf8',
        });
        const target = [
          '--no-deps',
          '--target',
          part,
          '--python-version',
          `3.${newest.stdout.trim()}`,
          '--implementation',
          'cp',
        ];
        await runLogged(log, python, [...pip, ...target, '-r', requirements], {
          cwd: root,
          env: { ...pipEnvironment, TMPDIR: temporary },
        });
        rmSync(temporary, { recursive: true, force: true });
        // TensorFlow's library search path covers cuSPARSE's folder but not cuSOLVER's.
        if (existsSync(join(part, 'nvidia', 'cusolver')))
          symlinkSync(
            '../../cusolver/lib/libcusolver.so.11',
            join(part, 'nvidia', 'cusparse', 'lib', 'libcusolver.so.11'),
          );
        rmSync(libraries, { recursive: true, force: true });
        renameSync(part, libraries);
      },
    },
    {
      name: 'build',
      title: 'lib, kernel and tools',
      fingerprint: () => {
        const sources = ['lib', 'kernel', 'tools'].flatMap((folder) =>
          filesBelow(at(folder), /\.ts$|^(tsconfig|package)\.json$/),
        );
        return hash(
          packages(),
          read('tsconfig.json'),
          ...sources.flatMap((file) => [relative(root, file), readFileSync(file)]),
        );
      },
      produces: ['lib', 'kernel', 'tools'].map((folder) => at(folder, 'dist')),
      run: async ({ prerequisites, isDue }) => {
        // It takes longer than the rest of both steps, and there is a second core; the next step says how it went.
        if (isDue('binding') && !kept())
          startCompiling(requireCompiler(prerequisites).compiler).catch(() => {});
        const compiler = at('node_modules', 'typescript', 'bin', 'tsc');
        for (const project of ['lib', 'kernel', 'tools'])
          await runLogged(log, process.execPath, [compiler, '-p', project], inRoot);
      },
    },
    {
      name: 'binding',
      title: 'native binding',
      fingerprint: () =>
        hash(
          packages(),
          linked(),
          process.version,
          ...filesBelow(native, /\.(cc|h)$/).map((file) => readFileSync(file)),
        ),
      produces: [binding],
      compiles: () => !kept(),
      run: async ({ prerequisites, note }) => {
        mkdirSync(dirname(binding), { recursive: true });
        const earlier = kept();
        if (earlier) {
          try {
            copyFileSync(earlier, `${binding}.part`);
            renameSync(`${binding}.part`, binding);
            const runtime = await verifyBinding(root, log, device);
            await verifyProgram(root, log, device);
            return note(`${runtime}, as an earlier set-up built it`);
          } catch {
            // Another system may share the user's folder.
            dropBinding(bindingKey());
          }
        }
        const { compiler, nodeHeaders } = requireCompiler(prerequisites);
        const include = join(tensorflow, 'include');
        const libs = ['cc', 'framework'].map((name) => join(tensorflow, `libtensorflow_${name}${suffix}`));
        const flags = [
          '-O2',
          '-std=c++17',
          '-fPIC',
          '-shared',
          '-DNAPI_VERSION=8',
          `-I${nodeHeaders}`,
          `-I${include}`,
        ];
        if (process.platform === 'darwin') flags.push('-undefined', 'dynamic_lookup');
        /** @param {string[]} sources what is linked with TensorFlow.js's backend */
        const link = async (...sources) => {
          const backend = join(tfjs, 'binding', 'tfjs_backend.cc');
          // Found from where the binding lies: it works in other checkouts too.
          const here = process.platform === 'darwin' ? '@loader_path' : '$ORIGIN';
          const libraryPath = `${here}/${relative(dirname(binding), tensorflow)}`;
          const output = ['-o', `${binding}.part`, `-Wl,-rpath,${libraryPath}`];
          await runLogged(log, compiler, [...flags, ...sources, backend, ...libs, ...output]);
          renameSync(`${binding}.part`, binding);
          return verifyBinding(root, log, device);
        };
        const plain = () => link(join(tfjs, 'binding', 'tfjs_binding.cc'));
        try {
          const object = await startCompiling(compiler);
          const ours = [
            `-I${join(tfjs, 'binding')}`,
            `-I${native}`,
            '-w',
            // Multiply and add in one instruction, loops unrolled.
            '-O3',
            '-ffp-contract=fast',
            ...['binding.cc', 'memory.cc', 'product.cc'].map((name) => join(native, name)),
            object,
          ];
          const runtime = await link(...ours);
          await verifyProgram(root, log, device);
          keepBinding(bindingKey(), binding);
          note(runtime);
        } catch {
          // It is written against XLA's inner parts, which another version of TensorFlow may have changed.
          note(`${await plain()}; compiled steps run in its sessions`);
        }
      },
    },
    {
      name: 'jupyter',
      title: 'Jupyter kernel',
      fingerprint: () => hash(environment(), process.execPath, read('tools/setup/steps.mjs')),
      produces: [at('.venv', 'share', 'jupyter', 'kernels', 'liandan', 'kernel.json')],
      run: async () => {
        const share = at('.venv', 'share', 'jupyter');
        writeWhole(
          join(share, 'kernels', 'liandan', 'kernel.json'),
          `${JSON.stringify(kernelSpec(root), null, 2)}\n`,
        );
        const quiet = {
          '@jupyterlab/apputils-extension:notification': { fetchNews: 'false', checkForUpdates: false },
          // By default completions that take longer than a second are dropped, as they do while a model trains.
          '@jupyterlab/completer-extension:manager': { providerTimeout: 5000 },
        };
        writeWhole(join(share, 'lab', 'settings', 'overrides.json'), `${JSON.stringify(quiet, null, 2)}\n`);
      },
    },
  ];
}

/** @param {string} root */
function kernelSpec(root) {
  return {
    argv: [process.execPath, join(root, 'kernel', 'dist', 'main.js'), '--config-path', '{connection_file}'],
    display_name: 'TypeScript (liandan)',
    language: 'typescript',
    // A signal does not reach a cell that keeps the main thread busy; a message does.
    interrupt_mode: 'message',
    metadata: { debugger: false },
    // What TensorFlow needs, the kernel sets itself: Jupyter would put this over what the user has set.
    env: { LIANDAN_ROOT: root },
  };
}

/**
 * Compiles what is written against XLA, as TensorFlow itself is compiled: with Eigen's alignment, without assertions.
 *
 * @param {string} log @param {string} compiler @param {string} native @param {string} include @param {string} object
 */
async function compileAgainstXla(log, compiler, native, include, object) {
  const flags = ['-O1', '-std=c++17', '-fPIC', '-w'];
  const settings = ['-DNDEBUG', '-DEIGEN_USE_THREADS', '-DEIGEN_MAX_ALIGN_BYTES=64'];
  const external = ['highwayhash', join('farmhash_archive', 'src')].map((name) =>
    join(include, 'external', name),
  );
  const includes = [native, join(native, 'stubs'), include, ...external].map((folder) => `-I${folder}`);
  const source = join(native, 'xla', 'all.cc');
  await runLogged(log, compiler, [...flags, ...settings, ...includes, '-c', source, '-o', object]);
}

/**
 * Takes a compiled step, and a loop of two, beside the same in plain numbers.
 *
 * @param {string} root @param {string} log @param {import('./device.mjs').Device} device
 */
async function verifyProgram(root, log, device) {
  const script = `
    const { tf, compile } = require('liandan');
    const total = tf.variable(tf.tensor1d([1, 2, 3]));
    const step = compile((x) => { total.assign(tf.add(tf.mul(total, 2), x)); return tf.sum(total); }, { xla: true });
    const x = tf.tensor1d([1, 0, -1]);
    const sums = [step(x).dataSync()[0], ...step.loop(tf.stack([x, x])).dataSync()];
    const found = JSON.stringify([step.info.runtime, sums, [...total.dataSync()]]);
    if (found !== '["program",[12,24,48],[15,16,17]]') throw new Error('a compiled step gave ' + found);`;
  const env = { ...process.env, LIANDAN_XLA: device === 'gpu' ? 'device' : '' };
  await runLogged(log, process.execPath, ['-e', script], { cwd: root, env });
}

/**
 * Loads the binding in a process of its own and multiplies two matrices with it.
 *
 * @param {string} root @param {string} log @param {import('./device.mjs').Device} wanted
 * @returns {Promise<string>} version and device
 */
async function verifyBinding(root, log, wanted) {
  const script = `
    const { tf, describeRuntime } = require('liandan');
    const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).dataSync();
    if (String(product) !== '19,22,43,50') throw new Error('wrong product: ' + product);
    console.log('\\n' + JSON.stringify(describeRuntime()));`;
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0' };
  const output = await runLogged(log, process.execPath, ['-e', script], { cwd: root, env });
  const { tensorflow, device } = JSON.parse(/** @type {string} */ (/^\{.*\}$/m.exec(output)?.[0]));
  if (wanted === 'gpu' && device === 'CPU') throw new SetupError(explainMissingGpu(output, log));
  return `TensorFlow ${tensorflow} on ${device}`;
}
