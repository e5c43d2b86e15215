/**
 * Keeps `tf.Variable`s the single truth while a session holds their newest values. After a compiled step the data of a
 * variable is replaced by a deferred one, which fetches the value from the session when somebody asks for it.
 */
import type { tf } from '../../runtime';
import { dataOf, nativeBackend, type TensorData } from '../../runtime/binding';
import { defer, settle } from './deferred';

/** What holds copies of the variables, by position. */
export interface Holder {
  /** Hands over native handles with the values of the variables at `positions`; the receiver owns them. */
  fetch(positions: readonly number[]): number[];
  /** Takes over the values of `handles` for the variables at `positions`. */
  store(positions: readonly number[], handles: number[]): void;
}

/** A variable of a session. */
interface Slot {
  readonly position: number;
  readonly variable: tf.Variable;
  /** Whether a run changes it. */
  readonly isUpdated: boolean;
  /** The data that the session's copy stands for. */
  known?: object;
}

/** The variables that one session holds copies of. */
export class SharedState {
  private readonly slots: Slot[];
  /** The slots whose newest value only the session has, with the deferred data of their variables. */
  private readonly deferred = new Map<Slot, TensorData>();
  /** How many values the next read fetches. */
  private batch = 1;

  /**
   * @param variables The variables that the holder has copies of, in its order.
   * @param updated Those that a run changes.
   */
  constructor(
    private readonly holder: Holder,
    variables: readonly tf.Variable[],
    updated: ReadonlySet<tf.Variable>,
  ) {
    this.slots = variables.map((variable, position) => ({
      position,
      variable,
      isUpdated: updated.has(variable),
    }));
  }

  /**
   * Lets `run` compute with the variables: the holder has their values when it begins, and they have the holder's when it
   * is done. If it throws, they are as they were.
   */
  during<T>(run: () => T): T {
    this.keepShared();
    this.push();
    const result = run();
    this.batch = 1;
    for (const slot of this.slots) {
      if (slot.isUpdated && !this.deferred.has(slot)) this.defer(slot);
    }
    return result;
  }

  /** Gives the variables their values, so that the session can go. */
  release(): void {
    this.fetch([...this.deferred.keys()]);
  }

  /** Where another tensor shares a value that only the holder has (a clone, say), it needs it before a run changes it. */
  private keepShared(): void {
    const shared: Slot[] = [];
    for (const [slot, data] of this.deferred) {
      if (data.refCount > 1 || slot.variable.dataId !== slot.known) shared.push(slot);
    }
    this.fetch(shared);
  }

  /** Gives the holder the values that it lacks: of variables that are new, or were assigned elsewhere. */
  private push(): void {
    const lacking = this.slots.filter(({ variable, known }) => variable.dataId !== known);
    if (lacking.length === 0) return;
    const handles = nativeBackend().getInputTensorIds(lacking.map(({ variable }) => variable));
    this.holder.store(
      lacking.map(({ position }) => position),
      handles,
    );
    for (const slot of lacking) slot.known = slot.variable.dataId;
  }

  /**
   * Gives the variable deferred data. It is new data, because other sessions and tensors that know the old data must be
   * able to tell that the variable moved on.
   */
  private defer(slot: Slot): void {
    const { shape, dtype } = dataOf(slot.variable);
    const placeholder = nativeBackend().createOutputTensor({ id: -1, shape, dtype });
    slot.variable.assign(placeholder);
    placeholder.dispose();
    const data = dataOf(slot.variable);
    slot.known = slot.variable.dataId;
    this.deferred.set(slot, data);
    defer(
      data,
      () => this.fetchFrom(slot),
      () => this.deferred.delete(slot),
    );
  }

  /**
   * Fetches the value of a variable, and, as reads go on, of those after it: one for the first read, then two, four …,
   * because a call of the native side costs more than a value.
   */
  private fetchFrom(slot: Slot): void {
    const after = [...this.deferred.keys()].filter(({ position }) => position > slot.position);
    this.fetch([slot, ...after.slice(0, this.batch - 1)]);
    this.batch *= 2;
  }

  private fetch(slots: readonly Slot[]): void {
    if (slots.length === 0) return;
    const ids = this.holder.fetch(slots.map(({ position }) => position));
    slots.forEach((slot, i) => {
      const data = this.deferred.get(slot)!;
      this.deferred.delete(slot);
      settle(data, ids[i]!);
    });
  }
}
