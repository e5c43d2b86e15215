/** A plan loaded into a session of TensorFlow, whose resources the variables and held tensors are. */
import type { tf } from '../../runtime';
import { dataType, nativeBackend, type TensorMetadata } from '../../runtime/binding';
import { Carriage } from '../graph/carriage';
import { emit, type EmittedGraph, type Entry } from '../graph/emit';
import type { Executor } from './executor';
import { withHeld } from './held';
import type { FedValues } from './host';
import { fedTypes, type Plan } from '../ir/plan';
import { Session } from './session';
import { SharedState, type Holder } from './sharedState';

export class SessionExecutor implements Executor, Holder {
  readonly runtime = 'session';
  readonly graphBytes: number;
  private readonly graph: EmittedGraph;
  private readonly session: Session;
  private readonly state: SharedState;
  private readonly carriage: Carriage;

  constructor(
    readonly plan: Plan,
    private readonly options: { readonly xla: boolean },
  ) {
    const gpu = nativeBackend().isUsingGpuDevice;
    this.carriage = new Carriage(gpu);
    this.graph = emit(plan, { ...options, gpu });
    this.graphBytes = this.graph.model.length;
    const session = Session.open(this.graph.model);
    this.session = session;
    this.state = new SharedState(this, plan.variables, plan.updated);
    withHeld(plan, (handles) => this.assign(handles, this.graph.hold));
  }

  once(inputs: readonly tf.Tensor[], fed: FedValues): TensorMetadata[] {
    return this.run(this.graph.once, [], inputs, fed, []);
  }

  loop(inputs: readonly tf.Tensor[], fed: FedValues, steps: number, capacity: number): TensorMetadata[] {
    return this.run(this.graph.loop, [steps, capacity], inputs, fed, [capacity]);
  }

  /** Hands the state back to the variables and frees the session, or keeps it for a step with the same graph. */
  dispose(): void {
    this.state.release();
    if (this.options.xla) this.session.park(this.graph.clear);
    else this.session.dispose();
  }

  fetch(positions: readonly number[]): number[] {
    const names = positions.map((position) => this.graph.load[position]!);
    return this.session.run([], '', names.join()).map(({ id }) => id);
  }

  store(positions: readonly number[], handles: number[]): void {
    this.assign(
      handles,
      positions.map((position) => this.graph.store[position]!),
    );
  }

  private run(
    { feeds, fetches }: Entry,
    counts: readonly number[],
    inputs: readonly tf.Tensor[],
    fed: FedValues,
    leading: readonly number[],
  ): TensorMetadata[] {
    const backend = nativeBackend();
    const { binding } = backend;
    return this.state.during(() => {
      const given = backend.getInputTensorIds(inputs);
      const scalars = counts.map((count) => binding.createTensor([], dataType.int32, Int32Array.of(count)));
      const vectors = fedTypes(this.plan.fed).map((dtype) =>
        binding.createTensor(
          [...leading, this.plan.fed.sizes[dtype]],
          this.carriage.handedType(dataType[dtype]),
          this.carriage.handed(fed[dtype]),
        ),
      );
      try {
        return this.session.run([...scalars, ...given, ...vectors], feeds, fetches);
      } finally {
        for (const id of [...scalars, ...vectors]) binding.deleteTensor(id);
      }
    });
  }

  private assign(ids: number[], entries: readonly Entry[]): void {
    if (ids.length === 0) return;
    const feeds = entries.map((entry) => entry.feeds).join();
    const fetches = entries.map((entry) => entry.fetches).join();
    for (const { id } of this.session.run(ids, feeds, fetches)) nativeBackend().binding.deleteTensor(id);
  }
}
