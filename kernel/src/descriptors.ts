/**
 * What is written to the process's descriptors instead of its streams: by `fs.writeSync(1, …)`, and by children that
 * inherit them. Jupyter shows neither, so both are led to the streams, and thus below the cell.
 */
import child_process, { type ChildProcess, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Stdio = string | (string | number | object | null | undefined)[] | undefined;
type Options = { stdio?: Stdio; shell?: unknown; silent?: boolean; encoding?: string } & Record<
  string,
  unknown
>;
type Call = (...args: unknown[]) => unknown;

const stream = (descriptor: number) => (descriptor === 1 ? process.stdout : process.stderr);

/** The same for each descriptor that a child would inherit, with pipes in their place. */
function piped(stdio: Stdio): { stdio: unknown[]; inherited: (1 | 2)[] } {
  const list = Array.isArray(stdio) ? [...stdio] : [stdio, stdio, stdio];
  const inherited = ([1, 2] as const).filter((descriptor) => {
    const target = list[descriptor];
    return target === 'inherit' || target === 1 || target === 2 || target === stream(descriptor);
  });
  for (const descriptor of inherited) list[descriptor] = 'pipe';
  return { stdio: list, inherited };
}

/** Where the options stand among the arguments; behind them when there are none. */
function optionsAt(args: unknown[]): number {
  const found = args.findIndex((each, index) => index > 0 && isObject(each) && !Array.isArray(each));
  return found < 0 ? args.length : found;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function replaceMethods(target: object, methods: Record<string, (original: Call) => Call>): void {
  const functions = target as Record<string, Call>;
  for (const [name, make] of Object.entries(methods)) functions[name] = make(functions[name]!.bind(target));
}

export function redirectDescriptors(): void {
  replaceMethods(fs, {
    writeSync:
      (original) =>
      (descriptor, data, ...rest) => {
        if (descriptor !== 1 && descriptor !== 2) return original(descriptor, data, ...rest);
        const [offset, length] = rest as (number | undefined)[];
        const bytes = ArrayBuffer.isView(data)
          ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).subarray(
              offset ?? 0,
              length === undefined ? undefined : (offset ?? 0) + length,
            )
          : Buffer.from(String(data));
        stream(descriptor).write(bytes);
        return bytes.length;
      },
  });

  replaceMethods(child_process, {
    spawn:
      (original) =>
      (...args) => {
        const at = optionsAt(args);
        const options = (args[at] ?? {}) as Options;
        const { stdio, inherited } = piped(options.stdio);
        if (inherited.length === 0) return original(...args);
        args[at] = { ...options, stdio };
        return forward(original(...args) as ChildProcess, inherited);
      },
    fork:
      (original) =>
      (...args) => {
        const at = optionsAt(args);
        const options = (args[at] ?? {}) as Options;
        if (options.silent === true || options.stdio !== undefined) return original(...args);
        args[at] = { ...options, silent: true };
        return forward(original(...args) as ChildProcess, [1, 2]);
      },
  });

  const spawnSync = child_process.spawnSync.bind(child_process) as unknown as (
    ...args: unknown[]
  ) => SpawnSyncReturns<Buffer>;
  const run = (args: unknown[]): SpawnSyncReturns<Buffer> => {
    const at = optionsAt(args);
    const options = (args[at] ?? {}) as Options;
    const { stdio, inherited } = piped(options.stdio);
    if (inherited.length === 0) return spawnSync(...args);
    args[at] = { maxBuffer: Infinity, ...options, stdio };
    const result = spawnSync(...args) as SpawnSyncReturns<Buffer | null>;
    for (const descriptor of inherited) {
      const text = result.output?.[descriptor];
      if (text) stream(descriptor).write(text);
      if (result.output) result.output[descriptor] = null;
      result[descriptor === 1 ? 'stdout' : 'stderr'] = null;
    }
    return result as SpawnSyncReturns<Buffer>;
  };
  const throwing = (original: Call, viaShell: boolean) =>
    function (...args: unknown[]): unknown {
      const at = optionsAt(args);
      const options = (args[at] ?? {}) as Options;
      if (piped(options.stdio).inherited.length === 0) return original(...args);
      args[at] = viaShell ? { shell: true, ...options } : options;
      const result = run(args);
      if (result.error) throw result.error;
      if (result.status !== 0) throw Object.assign(new Error(`Command failed: ${String(args[0])}`), result);
      return result.stdout;
    };
  replaceMethods(child_process, {
    spawnSync:
      () =>
      (...args) =>
        run(args),
    execSync: (original) => throwing(original, true),
    execFileSync: (original) => throwing(original, false),
  });
  syncBuiltinESMExports();
}

/** Passes output of a child on; the child looks as if it had inherited the descriptors. */
function forward(child: ChildProcess, descriptors: (1 | 2)[]): ChildProcess {
  for (const descriptor of descriptors) {
    const name = descriptor === 1 ? 'stdout' : 'stderr';
    child[name]?.on('data', (bytes: Buffer) => stream(descriptor).write(bytes));
    child[name] = null;
    (child.stdio as unknown[])[descriptor] = null;
  }
  return child;
}
