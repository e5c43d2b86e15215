/** A process that runs programs made of cells, one after the other, and reports the checks that they make. */
import { readFileSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import type { Replacement } from './program';

export interface Job {
  /** Folder of the repository. */
  readonly root: string;
  /** JavaScript; see `programOf`. */
  readonly program: string;
  readonly replacement?: Replacement | undefined;
}

export interface CheckMade {
  readonly id: string;
  readonly value: number | string;
  readonly interval: readonly [low: number | null, high: number | null];
  readonly passed: boolean;
}

export interface Outcome {
  readonly checks: readonly CheckMade[];
  /** What the program threw, and in which cell. */
  readonly error?: { readonly name: string; readonly message: string; readonly cell: number };
  /** Seconds of processor time. */
  readonly seconds: number;
}

interface LoadedModule {
  exports: unknown;
  _compile(code: string, file: string): void;
}
type Loader = (module: LoadedModule, file: string) => void;

const CHECK = 'application/vnd.liandan.check+json';
const never = new AbortController().signal;
let executionCount = 0;

function replaceFile({ file, code }: Replacement): void {
  const { _extensions: loaders } = Module as unknown as { _extensions: Record<string, Loader> };
  const load = loaders['.js']!;
  loaders['.js'] = (module, name) => (name === file ? module._compile(code, name) : load(module, name));
}

async function run({ root, program, replacement }: Job): Promise<Outcome> {
  const start = process.cpuUsage();
  const checks: CheckMade[] = [];
  let cell = 0;
  Object.assign(globalThis, {
    [Symbol.for('liandan.kernel')]: {
      root,
      notebookDir: join(root, 'notebooks'),
      signal: never,
      get executionCount() {
        return executionCount;
      },
      display: (data: Record<string, unknown>) => {
        if (data[CHECK]) checks.push(data[CHECK] as CheckMade);
      },
    },
  });
  let error: Outcome['error'];
  try {
    if (replacement) replaceFile(replacement);
    const begin = (number: number) => {
      cell = number;
      executionCount += 1;
    };
    await load(root, program)(begin);
  } catch (thrown) {
    const { name, message } = thrown instanceof Error ? thrown : { name: 'thrown', message: String(thrown) };
    error = { name, message, cell };
  }
  const { user, system } = process.cpuUsage(start);
  return { checks, ...(error && { error }), seconds: (user + system) / 1e6 };
}

/** Compiles the program as a module of the notebooks' folder, so that it finds the packages that cells find. */
function load(root: string, program: string): (cell: (number: number) => void) => Promise<void> {
  const file = join(root, 'notebooks', `cells-${++executionCount}.js`);
  const module = new (
    Module as unknown as new (id: string) => LoadedModule & { filename: string; paths: string[] }
  )(file);
  module.filename = file;
  const { _nodeModulePaths: pathsFrom } = Module as unknown as {
    _nodeModulePaths: (folder: string) => string[];
  };
  module.paths = pathsFrom(join(root, 'notebooks'));
  module._compile(`module.exports = async (cell) => {\n${program}\n};`, file);
  return module.exports as ReturnType<typeof load>;
}

if (require.main === module) {
  // What nobody awaits fails where it surfaces, as in the kernel.
  let failed: (error: unknown) => void = () => undefined;
  process.on('unhandledRejection', (error) => failed(error));
  process.on('message', (job: Job) => {
    const rejected = new Promise<Outcome>((resolve) => {
      failed = (error) =>
        resolve({ checks: [], error: { name: 'unhandled', message: String(error), cell: 0 }, seconds: 0 });
    });
    void Promise.race([run(job), rejected]).then((outcome) => process.send!(outcome));
  });
  process.on('disconnect', () => process.exit());
}

/** The environment that the kernel's specification gives to it. */
export function kernelEnvironment(root: string): Record<string, string> {
  const file = join(root, '.venv', 'share', 'jupyter', 'kernels', 'liandan', 'kernel.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { env: Record<string, string> }).env;
}
