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
  /** The variable that was last stepped under a name; a model that is made again has others. */
  private readonly owners = new Map<string, ParameterSpec>();
  /** Loaded for a parameter that no step has touched yet. */
  private readonly unclaimed = new Set<string>();
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

  /** Creates what the parameters of a step lack, at zero; throws, creating nothing, if existing state does not fit. */
  prepare(parameters: readonly ParameterSpec[], rule: SlotRule): void {
    const strangers = parameters.filter((parameter) => this.owners.get(parameter.name) !== parameter);
    if (strangers.length === 0) return;
    const claims = strangers.map((parameter) => {
      const saved = this.find(parameter.name);
      const specs = rule(parameter);
      if (saved !== undefined) checkFit(parameter.name, specs, this.of(saved));
      return { parameter, specs, saved };
    });
    const nothingFound =
      claims.length === parameters.length && claims.every(({ saved }) => saved === undefined);
    if (this.unclaimed.size > 0 && nothingFound) {
      throw new Error(
        `The loaded state is of ${list([...this.unclaimed])}, but this step is of ${list(parameters.map(({ name }) => name))}. ` +
          'State belongs to parameters by name: give the parameters the names they had when the state was saved.',
      );
    }
    for (const { parameter, specs, saved } of claims) {
      if (saved !== undefined && this.slots.has(saved)) this.claim(saved, parameter.name);
      else this.create(parameter.name, specs);
      this.owners.set(parameter.name, parameter);
    }
  }

  /** All state as named tensors, in order of creation. They are the slots themselves: not to be disposed. */
  save(): NamedTensor[] {
    return [...this.slots].flatMap(([parameter, slots]) =>
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
      if (existing) checkFit(parameter, existing, slots);
    }
    for (const [parameter, slots] of this.slots) {
      if (!loaded.has(parameter)) for (const slot of Object.values(slots)) assignZero(slot);
    }
    for (const [parameter, slots] of loaded) {
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
  }

  dispose(): void {
    for (const slots of this.slots.values()) for (const slot of Object.values(slots)) slot.dispose();
    this.slots.clear();
    this.owners.clear();
    this.unclaimed.clear();
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

  /**
   * The name under which there is state for a parameter. tf.layers appends _1, _2 … to the names of a model's weights
   * when a model of the same names was made before in the process; that suffix is not held against them.
   */
  private find(parameter: string): string | undefined {
    if (this.slots.has(parameter)) return parameter;
    const candidates = [...this.unclaimed].filter((name) => withoutSuffix(name) === withoutSuffix(parameter));
    return candidates.length === 1 ? candidates[0] : undefined;
  }

  private claim(saved: string, parameter: string): void {
    const slots = this.of(saved);
    this.unclaimed.delete(saved);
    this.slots.delete(saved);
    this.slots.set(parameter, slots);
  }
}

const withoutSuffix = (name: string): string => name.replace(/_\d+$/, '');
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
