/**
 * Keeps `tf.Variable`s the single truth while a session holds their newest values. After a compiled step the data of a
 * variable is replaced by a deferred one, which fetches the value from the session when somebody asks for it.
 */
import type { tf } from '../../runtime';
import { dataOf, nativeBackend, type TensorData } from '../../runtime/binding';
import { defer, settle } from './deferred';
import { CompileError } from '../ir/errors';

/** Where the values of variables are fetched from, by position. */
export interface Holder {
  /** Hands over native handles with the values of the given slots; the receiver owns them. */
  fetch(slots: readonly number[]): number[];
}

/** A variable of a session. */
interface Slot {
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

  /**
   * @param variables The variables of the session, in the session's order.
   * @param updated Those that a run of the session changes.
   */
  constructor(
    private readonly holder: Holder,
    variables: readonly tf.Variable[],
    updated: ReadonlySet<tf.Variable>,
  ) {
    this.slots = variables.map((variable) => ({ variable, isUpdated: updated.has(variable) }));
  }

  /**
   * Must be called before a run.
   *
   * @returns The positions of the variables whose value the session lacks: new ones, and those assigned elsewhere.
   */
  prepare(): number[] {
    for (const [{ variable, known }, data] of this.deferred) {
      // Another tensor shares the value that the session is about to change (a clone, or what the variable was before
      // it was assigned): it needs the value now.
      if (data.refCount > 1 || variable.dataId !== known) {
        this.fetchAll();
        break;
      }
    }
    const positions: number[] = [];
    this.slots.forEach(({ variable, known }, position) => {
      if (variable.isDisposed) {
        throw new CompileError(
          `The step uses the variable ${variable.name}, which was disposed after the step was compiled. ` +
            `Compile the step again with the new variables.`,
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
  stored(positions: readonly number[]): void {
    for (const position of positions) {
      const slot = this.slots[position]!;
      slot.known = slot.variable.dataId;
    }
  }

  /** Must be called after a run. */
  ran(): void {
    for (const slot of this.slots) {
      if (slot.isUpdated && !this.deferred.has(slot)) this.defer(slot);
    }
  }

  /** Gives the variables their values, so that the session can go. */
  release(): void {
    this.fetchAll();
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
      () => this.fetchAll(),
      () => this.deferred.delete(slot),
    );
  }

  /** All at once, because on a CPU handing over a value costs next to nothing and each call does. */
  private fetchAll(): void {
    const slots = [...this.deferred];
    if (slots.length === 0) return;
    const ids = this.holder.fetch(slots.map(([slot]) => this.slots.indexOf(slot)));
    slots.forEach(([slot, data], i) => {
      settle(data, ids[i]!);
      this.deferred.delete(slot);
    });
  }
}
