/** A plan loaded into TensorFlow: runs it, with its variables and held tensors in place. */
import type { tf } from '../../runtime';
import { dataType, nativeBackend, type TensorMetadata } from '../../runtime/binding';
import { valuesOf } from '../ir/constant';
import { emit, type EmittedGraph, type Entry } from '../graph/emit';
import type { FedValues } from './host';
import { fedTypes, type Plan } from '../ir/plan';
import { Session } from './session';
import { SharedState } from './sharedState';

export class Executor {
  readonly graphBytes: number;
  private readonly graph: EmittedGraph;
  private readonly session: Session;
  private readonly state: SharedState;

  constructor(
    private readonly plan: Plan,
    private readonly options: { readonly xla: boolean },
  ) {
    this.graph = emit(plan, options);
    this.graphBytes = this.graph.model.length;
    const session = Session.open(this.graph.model);
    const { load } = this.graph;
    const fetch = (positions: readonly number[]): number[] =>
      session.run([], '', positions.map((position) => load[position]!).join()).map(({ id }) => id);
    this.session = session;
    this.state = new SharedState({ fetch }, plan.variables, plan.updated);
    this.hold();
  }

  /** Runs one step. */
  once(inputs: readonly tf.Tensor[], fed: FedValues): TensorMetadata[] {
    return this.run(this.graph.once, [], inputs, fed, []);
  }

  /** Runs `steps` steps on inputs and fed values of `capacity` rows each. */
  loop(inputs: readonly tf.Tensor[], fed: FedValues, steps: number, capacity: number): TensorMetadata[] {
    return this.run(this.graph.loop, [steps, capacity], inputs, fed, [capacity]);
  }

  /** Hands the state back to the variables and frees the session, or keeps it for a step with the same graph. */
  dispose(): void {
    this.state.release();
    if (this.options.xla) this.session.park(this.graph.clear);
    else this.session.dispose();
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
    this.push();
    const given = backend.getInputTensorIds(inputs);
    const scalars = counts.map((count) => binding.createTensor([], dataType.int32, Int32Array.of(count)));
    const vectors = fedTypes(this.plan.fed).map((dtype) =>
      binding.createTensor([...leading, this.plan.fed.sizes[dtype]], dataType[dtype], fed[dtype]),
    );
    try {
      const outputs = this.session.run([...scalars, ...given, ...vectors], feeds, fetches);
      this.state.ran();
      return outputs;
    } finally {
      for (const id of [...scalars, ...vectors]) binding.deleteTensor(id);
    }
  }

  /** Gives the session the values of variables that it lacks. */
  private push(): void {
    const positions = this.state.prepare();
    if (positions.length === 0) return;
    this.store(
      this.state.handles(positions),
      positions.map((position) => this.graph.store[position]!),
    );
    this.state.stored(positions);
  }

  /** Gives the session the tensors that it holds. */
  private hold(): void {
    const { binding } = nativeBackend();
    const made: number[] = [];
    const ids = this.plan.held.map((held) => {
      if ('id' in held) return held.id;
      const id = binding.createTensor([...held.shape], held.dtype, valuesOf(held));
      made.push(id);
      return id;
    });
    this.store(ids, this.graph.hold);
    for (const id of made) binding.deleteTensor(id);
  }

  private store(ids: number[], entries: readonly Entry[]): void {
    if (ids.length === 0) return;
    const feeds = entries.map((entry) => entry.feeds).join();
    const fetches = entries.map((entry) => entry.fetches).join();
    for (const { id } of this.session.run(ids, feeds, fetches)) nativeBackend().binding.deleteTensor(id);
  }
}
