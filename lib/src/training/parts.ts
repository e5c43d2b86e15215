/** What a training run changes, as named arrays: models, optimizers, random streams. */
import { Random, StepCounter, tf } from '../runtime';
import { streamsDrawnFrom } from '../runtime/random';
import type { StoredTensor } from './safetensors';

/** State that knows its tensors by name; a `tf.Optimizer` does. */
export interface WithWeights {
  /** The state of now. Variables among the tensors are the state itself; others are the caller's. */
  getWeights(): Promise<{ name: string; tensor: tf.Tensor }[]>;
  /** Takes over copies of the values; throws, changing nothing, if they do not fit. */
  setWeights(weights: { name: string; tensor: tf.Tensor }[]): Promise<void>;
}

/** A model, or anything else with parameters. */
export interface WithParameters {
  readonly parameters: readonly tf.Variable[];
  /** Where its noise comes from, if it has any. */
  readonly noise?: Random;
}

/**
 * One thing that a training run changes: a model, an optimizer (or whatever has `getWeights` and `setWeights`), one or more
 * variables, a random stream, a counter.
 */
export type Part = WithParameters | WithWeights | tf.Variable | readonly tf.Variable[] | Random | StepCounter;

/** Everything that a training run changes, under names of its own. */
export type Parts = Readonly<Record<string, Part>>;

/** How a part is described in a file, beside its tensors. */
export type PartDescription =
  | { readonly kind: 'variables'; readonly names: readonly string[]; readonly noise?: number }
  | { readonly kind: 'weights'; readonly className: string; readonly names: readonly string[] }
  | { readonly kind: 'counter'; readonly value: number; readonly seed?: number };

export interface StoredParts {
  readonly descriptions: Readonly<Record<string, PartDescription>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The parts as they are now; a copy. */
export async function readParts(parts: Parts): Promise<StoredParts> {
  const tensors = new Map<string, StoredTensor>();
  const descriptions: Record<string, PartDescription> = {};
  for (const [label, part] of Object.entries(parts)) {
    if (isCounter(part)) {
      descriptions[label] = { kind: 'counter', value: counterOf(part).value, ...seedOf(part) };
    } else if (isWithWeights(part)) {
      const weights = await part.getWeights();
      for (const { name, tensor } of weights) tensors.set(keyOf(label, name), stored(tensor));
      disposeCopies(weights);
      const names = weights.map(({ name }) => name);
      descriptions[label] = { kind: 'weights', className: classNameOf(part), names };
    } else {
      const variables = variablesOf(part);
      for (const variable of variables) tensors.set(keyOf(label, variable.name), stored(variable));
      const noise = noiseOf(part)?.counter.value;
      const names = variables.map(({ name }) => name);
      descriptions[label] = { kind: 'variables', names, ...(noise !== undefined && { noise }) };
    }
  }
  return { descriptions, tensors };
}

/**
 * Puts stored values back into the parts. A model that was made again may have another name (`mlp_2` for `mlp`): the rest of
 * the names, the order and the shapes must be the same.
 *
 * @throws Error that says what does not fit; then nothing was changed.
 */
export async function restoreParts(parts: Parts, saved: StoredParts, path: string): Promise<void> {
  const { descriptions, tensors } = saved;
  requireSame(`${path} holds the parts`, Object.keys(descriptions), Object.keys(parts));
  const renamed = new Map<string, string>();
  const assignments: (readonly [tf.Variable, StoredTensor])[] = [];
  for (const [label, part] of Object.entries(parts)) {
    const description = descriptions[label]!;
    const kind = isCounter(part) ? 'counter' : isWithWeights(part) ? 'weights' : 'variables';
    if (description.kind !== kind) {
      throw new Error(
        `${path}: the part ${label} is of the kind ${description.kind}, but this run's is ${kind}.`,
      );
    }
    if (isCounter(part)) {
      const { seed } = seedOf(part);
      const { seed: savedSeed } = description as { seed?: number };
      if (seed !== savedSeed) {
        throw new Error(
          `${path}: the random stream ${label} has the seed ${savedSeed}, but this run's has ${seed}.`,
        );
      }
    } else if (isWithWeights(part)) {
      const { className } = description as { className: string };
      if (className !== classNameOf(part)) {
        throw new Error(
          `${path}: the part ${label} is a ${className}, but this run's is a ${classNameOf(part)}.`,
        );
      }
    } else {
      const { names } = description as { names: readonly string[] };
      for (const [name, variable] of pair(names, variablesOf(part), `${path}: the part ${label}`)) {
        const tensor = tensors.get(keyOf(label, name));
        if (!tensor) throw new Error(`${path} lacks ${keyOf(label, name)}.`);
        requireShape(tensor, variable, `${path}: ${name}`);
        assignments.push([variable, tensor]);
        renamed.set(name, variable.name);
      }
    }
  }
  for (const [label, part] of Object.entries(parts)) {
    if (!isWithWeights(part) || isCounter(part)) continue;
    const { names } = descriptions[label] as { names: readonly string[] };
    const weights = names.map((name) => ({
      name: rename(name, renamed),
      tensor: toTensor(tensors.get(keyOf(label, name))!),
    }));
    try {
      await part.setWeights(weights);
    } catch (error) {
      throw new Error(`${path}: the state of ${label} does not fit. ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      tf.dispose(weights.map(({ tensor }) => tensor));
    }
  }
  for (const [variable, tensor] of assignments) assign(variable, tensor);
  for (const [label, part] of Object.entries(parts)) {
    const description = descriptions[label]!;
    if (isCounter(part)) counterOf(part).value = (description as { value: number }).value;
    const noise = noiseOf(part);
    const { noise: position } = description as { noise?: number };
    if (noise && position !== undefined) noise.counter.value = position;
  }
}

/**
 * Finds state that a step changes and that is not among the parts: forgotten, it would make a resumed run another one.
 */
export class ForgottenState {
  private changed: readonly tf.Variable[] = [];
  private streams: ReadonlySet<Random> = new Set();
  private isWatched = false;

  constructor(private readonly parts: Parts) {}

  /** The step; its first call is looked at. */
  watch<Args extends unknown[], Result>(step: (...args: Args) => Result): (...args: Args) => Result {
    return (...args) => {
      if (this.isWatched) return step(...args);
      this.isWatched = true;
      const before = new Map(registered().map((variable) => [variable, variable.dataId]));
      const { result, streams } = streamsDrawnFrom(() => step(...args));
      this.changed = registered().filter((variable) => before.get(variable) !== variable.dataId);
      this.streams = streams;
      return result;
    };
  }

  /** @throws Error that names what was forgotten. */
  async refuse(): Promise<void> {
    const known = new Set<tf.Variable>();
    const endings: string[] = [];
    const streams = new Set<Random | undefined>();
    for (const part of Object.values(this.parts)) {
      if (isCounter(part)) {
        if (part instanceof Random) streams.add(part);
      } else if (isWithWeights(part)) {
        const weights = await part.getWeights();
        endings.push(...weights.map(({ name }) => `/${name}`));
        disposeCopies(weights);
        const own: unknown[] = [
          ...weights.map(({ tensor }) => tensor),
          ...(Object.values(part) as unknown[]),
        ];
        for (const held of own) if (held instanceof tf.Variable) known.add(held as tf.Variable);
      } else {
        for (const variable of variablesOf(part)) known.add(variable);
        streams.add(noiseOf(part));
      }
    }
    const forgotten = [
      ...this.changed
        .filter(
          (variable) =>
            !known.has(variable) &&
            !variable.isDisposed &&
            !endings.some((ending) => `/${variable.name}`.endsWith(ending)),
        )
        .map(({ name }) => `the variable ${name}`),
      ...[...this.streams]
        .filter((stream) => !streams.has(stream))
        .map(({ seed }) => `the random stream with the seed ${seed}`),
    ];
    if (forgotten.length === 0) return;
    throw new Error(
      `A step changes ${forgotten.join(', ')}, which the checkpoint would not contain: a resumed run would be another one. ` +
        `Name what holds it in checkpoint.state, beside ${Object.keys(this.parts).join(', ')}.`,
    );
  }
}

/**
 * Each saved name with the variable of now that it belongs to: the same place in the order and the same name, the model's own
 * name apart.
 */
export function pair(
  names: readonly string[],
  variables: readonly tf.Variable[],
  what: string,
): (readonly [string, tf.Variable])[] {
  const saved = names.map(withoutModel);
  const own = variables.map(({ name }) => withoutModel(name));
  requireSame(`${what} has the parameters`, saved, own);
  return names.map((name, i) => [name, variables[i]!]);
}

export function requireShape(
  { shape }: { shape: readonly number[] },
  variable: tf.Variable,
  what: string,
): void {
  if (shape.join() !== variable.shape.join()) {
    throw new Error(
      `${what} has the shape [${shape.join(', ')}], but [${variable.shape.join(', ')}] is expected.`,
    );
  }
}

/** The values of a tensor as a file holds them. */
export function stored(tensor: tf.Tensor): StoredTensor {
  const dtype = ({ float32: 'F32', int32: 'I32', bool: 'BOOL' } as const)[tensor.dtype as 'float32'];
  if (dtype === undefined) throw new TypeError(`Tensors of the type ${tensor.dtype} cannot be saved.`);
  // A copy: the next step may write where these values lie.
  return { dtype, shape: tensor.shape, values: tensor.dataSync().slice() };
}

export function toTensor({ dtype, shape, values }: StoredTensor): tf.Tensor {
  const type = ({ F32: 'float32', F64: 'float32', I32: 'int32', U8: 'int32', BOOL: 'bool' } as const)[dtype];
  const numbers =
    dtype === 'F64' ? Float32Array.from(values) : dtype === 'U8' ? Int32Array.from(values) : values;
  return tf.tensor(numbers, [...shape], type);
}

export function assign(variable: tf.Variable, value: StoredTensor): void {
  tf.tidy(() => variable.assign(tf.cast(toTensor(value), variable.dtype)));
}

export function variablesOf(
  part: WithParameters | tf.Variable | readonly tf.Variable[],
): readonly tf.Variable[] {
  if (part instanceof tf.Variable) return [part];
  return 'parameters' in part ? part.parameters : part;
}

/** @throws TypeError for a part of another kind, or a label that cannot be part of a name. */
export function requireParts(parts: Parts): void {
  for (const [label, part] of Object.entries(parts) as [string, unknown][]) {
    if (label === '' || label.includes('/')) {
      throw new TypeError(`checkpoint.state: '${label}' is no label; use a word without a slash.`);
    }
    const isKnown =
      part instanceof tf.Variable ||
      isCounter(part as Part) ||
      (typeof part === 'object' && part !== null && isWithWeights(part as Part)) ||
      areVariables(part) ||
      areVariables((part as Partial<WithParameters> | undefined)?.parameters);
    if (!isKnown) {
      throw new TypeError(
        `checkpoint.state.${label} must be a model, an optimizer, variables, a random stream or a counter.`,
      );
    }
  }
}

function requireSame(what: string, found: readonly string[], expected: readonly string[]): void {
  const at = Array.from({ length: Math.max(found.length, expected.length) }, (_, i) => i).find(
    (i) => found[i] !== expected[i],
  );
  if (at === undefined) return;
  throw new Error(
    `${what} ${list(found)}, but this run has ${list(expected)}: number ${at + 1} is ${found[at] ?? 'missing'} there and ` +
      `${expected[at] ?? 'missing'} here. Build the model as it was when the file was written.`,
  );
}

const SHOWN = 6;
const list = (names: readonly string[]): string =>
  names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? `, … (${names.length})` : '') || 'nothing';

/** A variable that was given no name has a number, which differs from process to process. */
const withoutModel = (name: string): string =>
  /^\d+$/.test(name) ? '(unnamed)' : name.replace(/^[^/]+\//, '');

/** A slot's name with the name that its parameter has now. */
function rename(slot: string, renamed: ReadonlyMap<string, string>): string {
  const owners = [...renamed.keys()].filter((name) => slot.startsWith(`${name}/`));
  const owner = owners.reduce((longest, name) => (name.length > longest.length ? name : longest), '');
  return owner ? renamed.get(owner)! + slot.slice(owner.length) : slot;
}

const keyOf = (label: string, name: string): string => `${label}/${name}`;
const registered = (): tf.Variable[] => Object.values(tf.engine().registeredVariables);
const areVariables = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => each instanceof tf.Variable);

function isCounter(part: Part): part is Random | StepCounter {
  return part instanceof Random || part instanceof StepCounter;
}

const counterOf = (part: Random | StepCounter): StepCounter => (part instanceof Random ? part.counter : part);
const seedOf = (part: Random | StepCounter): { seed?: number } =>
  part instanceof Random ? { seed: part.seed } : {};

function isWithWeights(part: Part): part is WithWeights {
  return 'getWeights' in part && 'setWeights' in part;
}

function noiseOf(part: Part): Random | undefined {
  return 'noise' in part && part.noise instanceof Random ? part.noise : undefined;
}

function classNameOf(part: WithWeights): string {
  return part instanceof tf.Optimizer ? part.getClassName() : part.constructor.name;
}

/** What getWeights made for this call; the others are the state itself. */
function disposeCopies(weights: readonly { tensor: tf.Tensor }[]): void {
  for (const { tensor } of weights) if (!(tensor instanceof tf.Variable)) tensor.dispose();
}
