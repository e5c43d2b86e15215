import { engine, variable, zeros, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { NamedTensor } from './gradients';
import type { ParameterSpec, SlotSpec } from './rules';

type Slots = Record<string, Variable>;
/** The slots that an algorithm wants for a parameter. */
export type SlotRule = (parameter: ParameterSpec) => Record<string, SlotSpec>;

let stores = 0;

/** The state tensors of one optimizer, keyed by the parameter's name and the slot's name. */
export class SlotStore {
  private readonly slots = new Map<string, Slots>();
  /** The variable that was last stepped under a name; one that is made again under it is another parameter. */
  private readonly owners = new Map<string, Variable>();
  /** Names of loaded state that no variable has taken yet. */
  private readonly unclaimed = new Set<string>();
  /** Whether the next step is the first after loading. */
  private wasLoaded = false;
  /** TensorFlow.js wants names that are unique in the process, also when two optimizers train one model. */
  private readonly prefix = `optimizer${++stores}`;

  constructor(private readonly ownName: string) {}

  /** The slots of a parameter that was {@link prepare}d. */
  of(parameter: string): Slots {
    return this.slots.get(parameter) ?? {};
  }

  /** State of the optimizer itself, under the name that is no parameter's. */
  own(specs: Record<string, SlotSpec>): Slots {
    if (!this.slots.has(this.ownName)) this.create(this.ownName, specs);
    return this.of(this.ownName);
  }

  /** The variables that were stepped and are still there. */
  parameters(): Variable[] {
    return [...this.owners.values()].filter(({ isDisposed }) => !isDisposed);
  }

  /** The variables for which state was loaded that they have not taken yet. */
  expected(): Variable[] {
    const { registeredVariables } = engine();
    return [...this.unclaimed].flatMap((name) => registeredVariables[name] ?? []);
  }

  /**
   * Gives the parameters of a step the state that was loaded for them, or state of zeros. A variable that was made
   * again under a name starts from zero: it is another parameter.
   *
   * @returns The names of those that start from zero now.
   * @throws Error, changing nothing, if loaded state does not fit, or if some of it is of parameters that do not exist.
   */
  prepare(parameters: readonly Variable[], rule: SlotRule): string[] {
    const strangers = parameters.filter((parameter) => this.owners.get(parameter.name) !== parameter);
    if (strangers.length === 0) return [];
    const renamed = this.wasLoaded ? this.renamed(strangers, parameters) : new Map<string, string>();
    const claims = strangers.map((parameter) => {
      const { name } = parameter;
      const saved = this.unclaimed.has(name) ? name : renamed.get(name);
      const specs = rule(parameter);
      if (saved !== undefined) checkFit(name, specs, this.of(saved));
      return { parameter, specs, saved };
    });
    for (const { parameter, specs, saved } of claims) {
      const { name } = parameter;
      if (saved === undefined) {
        this.free(name);
        this.create(name, specs);
      } else if (saved !== name) this.rename(saved, name);
      this.unclaimed.delete(name);
      this.owners.set(name, parameter);
    }
    this.wasLoaded = false;
    return claims.flatMap(({ parameter, saved }) => (saved === undefined ? parameter.name : []));
  }

  /** All state as named tensors, in order of creation. They are the slots themselves: not to be disposed. */
  save(): NamedTensor[] {
    return [...this.slots]
      .filter(([parameter]) => !this.owners.get(parameter)?.isDisposed)
      .flatMap(([parameter, slots]) =>
        Object.entries(slots).map(([slot, tensor]) => ({ name: `${parameter}/${slot}`, tensor })),
      );
  }

  /**
   * Replaces all state. Slots that exist and are not among `saved` go back to zero. Throws, changing nothing, where a
   * registered variable of that name would want other slots.
   */
  load(saved: readonly NamedTensor[], rule: SlotRule): void {
    const loaded = new Map<string, Record<string, Tensor>>();
    for (const { name, tensor } of saved) {
      const [, parameter, slot] = /^(.+)\/([^/]+)$/.exec(name) ?? [];
      if (parameter === undefined || slot === undefined) {
        throw new Error(`State "${name}" is not named <parameter>/<slot>.`);
      }
      const slots = loaded.get(parameter) ?? {};
      if (slot in slots) throw new Error(`State "${name}" is given twice.`);
      loaded.set(parameter, { ...slots, [slot]: tensor });
    }
    for (const [parameter, slots] of loaded) {
      const registered = engine().registeredVariables[parameter];
      if (registered) checkFit(parameter, rule(registered), slots);
      const existing = this.slots.get(parameter);
      if (existing && !this.isOrphan(parameter)) checkFit(parameter, existing, slots);
    }
    for (const [parameter, slots] of this.slots) {
      if (!loaded.has(parameter)) for (const slot of Object.values(slots)) assignZero(slot);
    }
    for (const [parameter, slots] of loaded) {
      if (this.isOrphan(parameter)) this.free(parameter);
      const existing = this.slots.get(parameter);
      if (existing) for (const [slot, tensor] of Object.entries(slots)) existing[slot]?.assign(tensor);
      else {
        this.slots.set(
          parameter,
          mapValues(slots, (tensor, slot) => this.variable(parameter, slot, tensor)),
        );
        if (parameter !== this.ownName) this.unclaimed.add(parameter);
      }
    }
    this.wasLoaded = true;
  }

  dispose(): void {
    for (const parameter of [...this.slots.keys()]) this.free(parameter);
    this.wasLoaded = false;
  }

  private create(parameter: string, specs: Record<string, SlotSpec>): void {
    const slots = mapValues(specs, ({ shape, dtype }, slot) => {
      const initial = zeros([...shape], dtype);
      const created = this.variable(parameter, slot, initial);
      initial.dispose();
      return created;
    });
    this.slots.set(parameter, slots);
  }

  private variable(parameter: string, slot: string, initial: Tensor): Variable {
    return variable(initial, false, `${this.prefix}/${parameter}/${slot}`);
  }

  /** Whether the variable that the state was of is gone. */
  private isOrphan(parameter: string): boolean {
    return this.owners.get(parameter)?.isDisposed ?? false;
  }

  private free(parameter: string): void {
    for (const slot of Object.values(this.of(parameter))) slot.dispose();
    this.slots.delete(parameter);
    this.owners.delete(parameter);
    this.unclaimed.delete(parameter);
  }

  /** Made anew, so that the old name is free for a parameter that bears it. */
  private rename(saved: string, parameter: string): void {
    const slots = mapValues(this.of(saved), (tensor, slot) => this.variable(parameter, slot, tensor));
    this.free(saved);
    this.slots.set(parameter, slots);
  }

  /**
   * Which loaded state is of which parameter under another name. tf.layers appends _1, _2 … to the names of weights
   * (`dense/kernel_1`) where a model of the same names was made before in the process. Only what is certain counts: all
   * loaded state without a bearer in the step goes to one parameter each, by a suffix that only one of both names has.
   *
   * @throws Error if there is loaded state of parameters that do not exist, or of which nobody can tell.
   */
  private renamed(strangers: readonly Variable[], parameters: readonly Variable[]): Map<string, string> {
    const stepped = new Set(parameters.map(({ name }) => name));
    const open = [...this.unclaimed].filter((name) => !stepped.has(name));
    const wanting = strangers.map(({ name }) => name).filter((name) => !this.unclaimed.has(name));
    const byNumber = pairUp(open, wanting, isNumbered);
    if (byNumber) return byNumber;
    const lost = open.filter((name) => !engine().registeredVariables[name]);
    if (lost.length > 0 || pairUp(open, wanting, isNumberedTwice)) {
      throw new Error(
        `The loaded state is of ${list(lost.length > 0 ? lost : open)}, but this step is of ${list([...stepped])}. ` +
          'State belongs to parameters by name: give the parameters the names they had when the state was saved.',
      );
    }
    return new Map();
  }
}

/** Each of `saved` with the only one of `names` that it is alike, and none twice; undefined if that cannot be. */
function pairUp(
  saved: readonly string[],
  names: readonly string[],
  alike: (one: string, other: string) => boolean,
): Map<string, string> | undefined {
  const pairs = new Map<string, string>();
  for (const one of saved) {
    const [name, ...more] = names.filter((other) => alike(one, other));
    if (name === undefined || more.length > 0 || pairs.has(name)) return undefined;
    pairs.set(name, one);
  }
  return saved.length > 0 ? pairs : undefined;
}

const numbered = /^(.*\/.*)_\d+$/;
/** Whether one is the other with a number, as tf.layers gives it, and both are of a layer. */
const isNumbered = (one: string, other: string): boolean =>
  numbered.exec(one)?.[1] === other || numbered.exec(other)?.[1] === one;
const isNumberedTwice = (one: string, other: string): boolean => {
  const name = numbered.exec(one)?.[1];
  return name !== undefined && name === numbered.exec(other)?.[1];
};
const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

function mapValues<In, Out>(
  record: Record<string, In>,
  map: (value: In, key: string) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}

function assignZero(slot: Variable): void {
  const zero = zeros(slot.shape, slot.dtype);
  slot.assign(zero);
  zero.dispose();
}

type Shaped = Record<string, { readonly shape: readonly number[]; readonly dtype: string }>;

function checkFit(parameter: string, expected: Shaped, found: Shaped): void {
  const text = (slots: Shaped): string =>
    Object.keys(slots)
      .sort()
      .map((slot) => `${slot} ${slots[slot]?.dtype}[${slots[slot]?.shape.join(', ')}]`)
      .join(' and ') || 'none';
  if (text(expected) !== text(found)) {
    throw new Error(
      `The state of "${parameter}" does not fit: expected ${text(expected)}, found ${text(found)}. ` +
        'Load state that was saved by the same optimizer with the same options for the same model.',
    );
  }
}
