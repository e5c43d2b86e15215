/** The ways in which a compiled step may run; on each of them it must do what the step does in eager code. */
import { expect, it, vi } from 'vitest';
import { compile, CompileError, type CompileOptions } from '../../src/compile';
import { tf } from '../../src/runtime';

export type Result = tf.Tensor | readonly tf.Tensor[] | void;
export type Step = (...inputs: tf.Tensor[]) => Result;

/** Whose kernels compute; `default` leaves the choice to the operations of the step. */
export type Path = 'TensorFlow' | 'oneDNN' | 'XLA' | 'XLA in a session' | 'XLA on a device' | 'default';
export const paths = ['TensorFlow', 'oneDNN', 'XLA', 'XLA in a session', 'XLA on a device'] as const;

const XLA_OPTION = {
  TensorFlow: false,
  oneDNN: false,
  XLA: true,
  'XLA in a session': true,
  'XLA on a device': true,
  default: undefined,
};

/** A compiled step with the list of its results. */
export interface Compiled {
  call(...inputs: readonly tf.Tensor[]): tf.Tensor[];
  /** On inputs that are stacked; on a number of steps for a step without inputs. */
  loop(inputs: readonly tf.Tensor[] | number): tf.Tensor[];
  readonly kernels: string | undefined;
  dispose(): void;
}

export function compileOn(path: Path, step: Step, options: CompileOptions = {}): Compiled {
  const compiled = compile(
    (...inputs: tf.Tensor[]) => {
      const results = list(step(...inputs));
      // Without a convolution oneDNN is not used.
      return path === 'oneDNN' ? [...results, convolution()] : results;
    },
    { xla: XLA_OPTION[path], ...options },
  );
  const withoutConvolution = (results: tf.Tensor[]): tf.Tensor[] => {
    if (path === 'oneDNN') results.pop()!.dispose();
    return results;
  };
  const choosing = <T>(call: () => T): T => {
    if (path === 'XLA in a session') vi.stubEnv('LIANDAN_XLA', 'session');
    if (path === 'XLA on a device') vi.stubEnv('LIANDAN_XLA', 'device');
    try {
      return call();
    } finally {
      vi.unstubAllEnvs();
    }
  };
  type Loop = (...inputs: readonly (tf.Tensor | number)[]) => tf.Tensor[];
  return {
    call: (...inputs) => withoutConvolution(choosing(() => compiled(...inputs))),
    loop: (inputs) =>
      withoutConvolution(
        choosing(() => (compiled.loop as Loop)(...(typeof inputs === 'number' ? [inputs] : inputs))),
      ),
    get kernels() {
      return compiled.info.kernels;
    },
    dispose: () => compiled.dispose(),
  };
}

function list(result: Result): tf.Tensor[] {
  if (!result) return [];
  return result instanceof tf.Tensor ? [result] : [...result];
}

const convolved = [tf.ones<tf.Rank.R4>([1, 2, 2, 1]), tf.ones<tf.Rank.R4>([1, 1, 1, 1])] as const;

function convolution(): tf.Tensor {
  return tf.conv2d(...convolved, 1, 'valid');
}

/** A step together with the variables whose values matter. */
export interface Scene {
  readonly step: Step;
  readonly variables?: readonly tf.Variable[];
  /** What is done outside of the step before the call of that number, counted from 0. */
  readonly before?: Readonly<Record<number, () => void>>;
}

export interface Expectation {
  readonly tolerance?: number;
  readonly paths?: readonly Path[];
  /** Whether `xla: true` may be refused: where XLA would hide what eager code shows. */
  readonly xlaMayRefuse?: boolean;
}

/** A tensor as it is compared: type, shape and values. */
type Seen = readonly [type: string, values: readonly number[]];
/** What a call gave, or why it failed. */
type Given = readonly Seen[] | Error;

/**
 * Tests on each path that single calls and loops give what eager code gives, fail where it fails, and leave variables as
 * it leaves them, whether they are read in between or not.
 *
 * @param build Makes the step and its variables anew.
 * @param rows Makes the inputs of each call.
 */
export function itDoesAsEagerCode(
  name: string,
  build: () => Scene,
  rows: () => readonly (readonly tf.Tensor[])[],
  { tolerance = 1e-6, paths: on = paths, xlaMayRefuse = false }: Expectation = {},
): void {
  it.each(on)(`${name} (%s)`, (path) => {
    const inputs = rows();
    const bound = path === 'TensorFlow' ? tolerance : Math.max(tolerance, 1e-5);
    const [eager, eagerState] = inEagerCode(build(), inputs);
    // Without variables there is nothing to read.
    for (const reads of eagerState.flat().length > 0 ? [true, false] : [true]) {
      const what = `single calls, ${reads ? 'read after each' : 'read at the end'}`;
      const outcome = inSingleCalls(build(), path, inputs, reads);
      if (XLA_OPTION[path] && xlaMayRefuse && isRefused(outcome[0][0])) return;
      outcome[0].forEach((given, i) => expectSame(given, eager[i]!, bound, `call ${i} of ${what}`));
      const states = reads ? eagerState : eagerState.slice(-1);
      states.forEach((seen, i) => expectSame(outcome[1][i]!, seen, bound, `variables ${i} of ${what}`));
    }
    const [looped, state] = inLoops(build(), path, inputs, eager);
    looped.forEach((given, i) => expectSame(given, eager[i]!, bound, `row ${i} of loops`));
    expectSame(state, eagerState.at(-1)!, bound, 'variables after loops');
  });
}

function inEagerCode(scene: Scene, inputs: readonly (readonly tf.Tensor[])[]): [Given[], Seen[][]] {
  const states: Seen[][] = [];
  const given = inputs.map((row, i) => {
    scene.before?.[i]?.();
    const kept = (scene.variables ?? []).map((variable) => variable.clone());
    const result = attempt(() => list(scene.step(...row)).map(see));
    // A failed compiled step leaves variables as they were; eager code stops half-way.
    if (result instanceof Error) scene.variables?.forEach((variable, k) => variable.assign(kept[k]!));
    states.push((scene.variables ?? []).map(see));
    return result;
  });
  return [given, states];
}

function inSingleCalls(
  scene: Scene,
  path: Path,
  inputs: readonly (readonly tf.Tensor[])[],
  reads: boolean,
): [Given[], Seen[][]] {
  const step = compileOn(path, scene.step);
  const states: Seen[][] = [];
  const look = () => states.push((scene.variables ?? []).map(see));
  const given = inputs.map((row, i) => {
    scene.before?.[i]?.();
    const result = attempt(() => step.call(...row));
    if (reads) look();
    return result;
  });
  if (!reads) look();
  const seen = given.map((results) => (results instanceof Error ? results : results.map(see)));
  step.dispose();
  return [seen, states];
}

/**
 * One loop over all calls up to the next that has to fail, or before which something is done outside. That one is made in
 * a loop beside a good one.
 */
function inLoops(
  scene: Scene,
  path: Path,
  inputs: readonly (readonly tf.Tensor[])[],
  eager: readonly Given[],
): [Given[], Seen[]] {
  const step = compileOn(path, scene.step);
  const loop = (rows: typeof inputs): Given[] => {
    const stacked = rows[0]!.map((_, k) => tf.stack(rows.map((row) => row[k]!)));
    const results = attempt(() => step.loop(stacked.length > 0 ? stacked : rows.length));
    return rows.map((_, i) =>
      results instanceof Error ? results : results.map((result) => see(tf.unstack(result)[i]!)),
    );
  };
  const fails = (i: number) => eager[i] instanceof Error;
  const given: Given[] = [];
  for (let first = 0; first < inputs.length; first = given.length) {
    scene.before?.[first]?.();
    let last = first + 1;
    while (last < inputs.length && !fails(first) && !fails(last) && !scene.before?.[last]) last++;
    if (fails(first)) given.push(loop(inputs.slice(Math.max(0, first - 1), last)).at(-1)!);
    else given.push(...loop(inputs.slice(first, last)));
  }
  const state = (scene.variables ?? []).map(see);
  step.dispose();
  return [given, state];
}

function see(tensor: tf.Tensor): Seen {
  const parts = tensor.dtype === 'complex64' ? [tf.real(tensor), tf.imag(tensor)] : [tensor];
  return [`${tensor.dtype}[${tensor.shape.join()}]`, parts.flatMap((part) => Array.from(part.dataSync()))];
}

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}

/** Whether XLA would do something wrong, or cannot do it at all, and says so. */
function isRefused(given: Given | undefined): boolean {
  return given instanceof CompileError && /^XLA cannot compile|XLA has no kernel for/.test(given.message);
}

function expectSame(given: Given, wanted: Given, tolerance: number, what: string): void {
  if (given instanceof Error && wanted instanceof Error) return;
  if (given instanceof Error) throw new Error(`${what}: ${given.message}`, { cause: given });
  if (wanted instanceof Error) {
    return expect(given, `${what}, which fails in eager code`).toBeInstanceOf(Error);
  }
  expect(
    given.map(([type]) => type),
    what,
  ).toEqual(wanted.map(([type]) => type));
  given.forEach(([, values], k) => {
    const expected = wanted[k]![1];
    const isWrong = values.some((value, i) => !isClose(value, expected[i]!, tolerance));
    // The whole lists, which say more than one number.
    if (isWrong) expect(values, `${what}, tensor ${k}`).toEqual(expected);
  });
}

export function isClose(value: number, expected: number, tolerance: number): boolean {
  if (Object.is(value, expected) || value === expected) return true;
  if (!Number.isFinite(value) || !Number.isFinite(expected)) return false;
  return Math.abs(value - expected) <= tolerance * Math.max(1, Math.abs(expected));
}

/** A variable of that name or a new one. */
export function variable(values: tf.TensorLike, dtype?: tf.DataType): tf.Variable {
  const initial = tf.tensor(values, undefined, dtype);
  const made = tf.variable(initial, true, undefined, dtype);
  initial.dispose();
  return made;
}

export const values = (tensor: tf.Tensor): number[] => Array.from(tensor.dataSync());
