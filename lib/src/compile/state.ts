/**
 * Keeps `tf.Variable`s the single truth while a session holds their newest values.
 *
 * After a compiled step the variable's data on the side of TensorFlow.js is stale. Every access to it, whether by an
 * operation, a read or a save, goes through the native handle in the backend's record of the data; so that record gets a
 * handle that fetches the value from the session when somebody asks for it, and not before. Nothing else needs to know.
 */
import { tf } from '../runtime';
import { nativeBackend, type TensorData } from '../runtime/binding';
import { CompileError } from './errors';

/** Where the values of variables are fetched from, by position. */
export interface Holder {
  /** Hands over native handles with the values of the given slots; the receiver owns them. */
  fetch(slots: readonly number[]): number[];
}

/** A variable and how a session's copy of it relates to it. */
class Slot {
  /** The data of the variable that the session's copy equals or, if the data is stale, supersedes. */
  known: object | undefined;

  constructor(
    readonly variable: tf.Variable,
    readonly isUpdated: boolean,
  ) {}

  get data(): TensorData {
    return nativeBackend().tensorMap.get(this.variable.dataId);
  }
}

/** The variables that one session holds copies of. */
export class SharedState {
  private readonly slots: Slot[];
  private readonly stale = new Map<Slot, TensorData>();

  /**
   * @param variables The variables of the session, in the session's order.
   * @param updated Those that a run of the session changes.
   */
  constructor(
    private readonly holder: Holder,
    variables: readonly tf.Variable[],
    updated: ReadonlySet<tf.Variable>,
  ) {
    this.slots = variables.map((variable) => new Slot(variable, updated.has(variable)));
  }

  /** The positions of the variables whose value the session lacks: new ones, and those that were assigned elsewhere. */
  outdated(): number[] {
    const positions: number[] = [];
    this.slots.forEach(({ variable, known }, position) => {
      if (variable.isDisposed) {
        throw new CompileError(
          `The compiled step uses the variable ${variable.name}, which was disposed. ` +
            `Compile the step again with the variables of now, and call dispose() on this one.`,
        );
      }
      if (variable.dataId !== known) positions.push(position);
    });
    return positions;
  }

  /** Native handles of the variables at `positions`. */
  handles(positions: readonly number[]): number[] {
    return nativeBackend().getInputTensorIds(positions.map((position) => this.slots[position]!.variable));
  }

  /** The session's copies at `positions` now equal the variables. */
  pushed(positions: readonly number[]): void {
    for (const position of positions) {
      const slot = this.slots[position]!;
      this.stale.delete(slot);
      slot.known = slot.variable.dataId;
    }
  }

  /** Must be called before a run that changes the session's copies. */
  beforeRun(): void {
    for (const [slot, data] of this.stale) {
      // Somebody took a second handle on the value of now (a clone, a saved tensor): it must not see the next one.
      if (slot.variable.dataId === slot.known && data.refCount > 1) {
        this.resolve([...this.stale.keys()]);
        return;
      }
    }
  }

  /** Must be called after a run that changed the session's copies. */
  afterRun(): void {
    for (const slot of this.slots) {
      if (slot.isUpdated && !this.stale.has(slot)) this.supersede(slot);
    }
  }

  /** Gives all variables their values, so that the session can go. */
  release(): void {
    this.resolve([...this.stale.keys()]);
  }

  /**
   * Replaces the variable's data by a promise of what the session holds. The data is new, because other sessions and
   * tensors that know the old data must be able to tell that the variable moved on.
   */
  private supersede(slot: Slot): void {
    const { shape, dtype } = slot.data;
    const placeholder = nativeBackend().createOutputTensor({ id: -1, shape, dtype });
    slot.variable.assign(placeholder);
    placeholder.dispose();
    const data = slot.data;
    slot.known = slot.variable.dataId;
    this.stale.set(slot, data);
    Object.defineProperty(data, 'id', {
      configurable: true,
      enumerable: true,
      get: () => {
        this.resolve([...this.stale.keys()]);
        return data.id;
      },
    });
  }

  private resolve(slots: readonly Slot[]): void {
    if (slots.length === 0) return;
    const ids = this.holder.fetch(slots.map((slot) => this.slots.indexOf(slot)));
    slots.forEach((slot, i) => {
      const data = this.stale.get(slot)!;
      Object.defineProperty(data, 'id', {
        value: ids[i],
        configurable: true,
        enumerable: true,
        writable: true,
      });
      this.stale.delete(slot);
    });
  }
}
