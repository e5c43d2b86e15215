/** A step compiled for inputs of one structure, with one shape and type each. */
import { tf } from '../runtime';
import { dataType, nativeBackend, type TensorMetadata } from '../runtime/binding';
import { assertSame } from './compare';
import { emit, type EmittedGraph, type Entry } from './emit';
import { CompileError } from './errors';
import { Host, type FedValues } from './host';
import { plan, type Plan } from './plan';
import { Session } from './session';
import { SharedState } from './state';
import { Restoration, trace, type Trace } from './trace';
import { unflatten, type TensorTree } from './tree';

export interface Timings {
  /** Milliseconds that recording the step took. */
  readonly trace: number;
  /** Milliseconds that writing the graph and loading it into TensorFlow took. */
  readonly load: number;
}

export class Specialization {
  readonly plan: Plan;
  readonly timings: Timings;
  readonly graphBytes: number;
  private readonly graph: EmittedGraph;
  private readonly session: Session;
  private readonly host: Host;
  private readonly state: SharedState;

  constructor(
    step: (...inputs: readonly tf.Tensor[]) => unknown,
    inputs: readonly tf.Tensor[],
    readonly xla: boolean,
  ) {
    const start = performance.now();
    this.plan = plan(traceTwice(step, inputs), inputs);
    const traced = performance.now();
    this.graph = emit(this.plan, { xla });
    this.graphBytes = this.graph.model.length;
    const session = new Session(this.graph.model);
    this.session = session;
    this.host = new Host(this.plan.trace, this.plan.fed);
    const { load } = this.graph;
    this.state = new SharedState(
      { fetch: (slots) => session.run([], '', slots.map((slot) => load[slot]!).join()).map(({ id }) => id) },
      this.plan.variables,
      this.plan.updated,
    );
    this.hold();
    this.timings = { trace: traced - start, load: performance.now() - traced };
  }

  /** Runs one step. */
  run(inputs: readonly tf.Tensor[]): TensorTree {
    return this.execute(this.graph.once, inputs, undefined);
  }

  /** Runs one step per row of the inputs. */
  loop(inputs: readonly tf.Tensor[], steps: number): TensorTree {
    return this.execute(this.graph.loop, inputs, steps);
  }

  /** Hands the state back to the variables and frees the session. */
  dispose(): void {
    this.state.release();
    this.session.dispose();
  }

  private execute(entry: Entry, inputs: readonly tf.Tensor[], steps: number | undefined): TensorTree {
    this.checkCaptured();
    this.push();
    this.state.beforeRun();
    const outputs = this.host.advance(steps ?? 1, (fed) => this.runNative(entry, inputs, fed, steps));
    this.state.afterRun();
    const backend = nativeBackend();
    let next = 0;
    const result = unflatten(this.plan.trace.structure, () => backend.createOutputTensor(outputs[next++]!));
    if (outputs.length > next) outputs.slice(next).forEach(({ id }) => backend.binding.deleteTensor(id));
    return result;
  }

  private runNative(
    { feeds, fetches }: Entry,
    inputs: readonly tf.Tensor[],
    fed: FedValues,
    steps: number | undefined,
  ): TensorMetadata[] {
    const { binding, getInputTensorIds } = nativeBackend();
    const own: number[] = [];
    const leading = steps === undefined ? [] : [steps];
    const { sizes } = this.plan.fed;
    for (const dtype of ['float32', 'int32'] as const) {
      if (sizes[dtype] > 0)
        own.push(binding.createTensor([...leading, sizes[dtype]], dataType[dtype], fed[dtype]));
    }
    const first = steps === undefined ? [] : [binding.createTensor([], dataType.int32, Int32Array.of(steps))];
    try {
      const given = getInputTensorIds.call(nativeBackend(), inputs);
      return this.session.run([...first, ...given, ...own], feeds, fetches);
    } finally {
      for (const id of [...first, ...own]) binding.deleteTensor(id);
    }
  }

  /** Gives the session the values of variables that it lacks. */
  private push(): void {
    const positions = this.state.outdated();
    if (positions.length === 0) return;
    this.store(
      this.state.handles(positions),
      positions.map((position) => this.graph.store[position]!),
    );
    this.state.pushed(positions);
  }

  /** Gives the session the tensors that it holds. */
  private hold(): void {
    const { captured, largeConstants } = this.plan;
    const { binding } = nativeBackend();
    const made = largeConstants.map(({ shape, dtype, bytes }) =>
      binding.createTensor([...shape], dtype, typedArray(dtype, bytes)),
    );
    this.store([...captured.map(({ id }) => id), ...made], this.graph.hold);
    for (const id of made) binding.deleteTensor(id);
  }

  private store(ids: number[], entries: readonly { feed: string; fetch: string }[]): void {
    if (ids.length === 0) return;
    const { binding } = nativeBackend();
    const done = this.session.run(
      ids,
      entries.map(({ feed }) => feed).join(),
      entries.map(({ fetch }) => fetch).join(),
    );
    for (const { id } of done) binding.deleteTensor(id);
  }

  private checkCaptured(): void {
    const { tensorMap } = nativeBackend();
    for (const { dataId, shape, operation } of this.plan.captured) {
      if (tensorMap.has(dataId)) continue;
      throw new CompileError(
        `A tensor of shape [${shape.join(', ')}] that the step uses${operation ? ` in the operation ${operation}` : ''} ` +
          `was disposed after the step was compiled. Keep it as long as the step is called, or give it to the step as ` +
          `an input.`,
      );
    }
  }
}

/** Traces a step until two runs of it did the same, and leaves variables and counters as they were. */
function traceTwice(step: (...inputs: readonly tf.Tensor[]) => unknown, inputs: readonly tf.Tensor[]): Trace {
  const restoration = new Restoration();
  try {
    const first =
      trace(step, inputs, { mayCreate: true, restoration }) ??
      trace(step, inputs, { mayCreate: false, restoration })!;
    const second = trace(step, inputs, { mayCreate: false, restoration })!;
    assertSame(first, second);
    return second;
  } finally {
    restoration.restore();
  }
}

function typedArray(dtype: number, bytes: Buffer): Float32Array | Int32Array | Uint8Array {
  const { buffer, byteOffset, length } = bytes;
  if (dtype === dataType.float32) return new Float32Array(buffer, byteOffset, length / 4);
  if (dtype === dataType.int32) return new Int32Array(buffer, byteOffset, length / 4);
  return new Uint8Array(buffer, byteOffset, length);
}
