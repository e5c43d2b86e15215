/** Lets a recorder see, for as long as a step runs, everything that the step does. */
import { tf } from '../../runtime';
import {
  attributeType,
  nativeBackend,
  typeAttribute,
  type Binding,
  type OpAttribute,
  type TensorMetadata,
} from '../../runtime/binding';
import { bindingWith } from '../../runtime/bindingWith';
import type { CountingOptimizer, TensorFlowJsOptimizer } from '../ir/trace';

/** What a recorder is told. All of these may throw, which ends the step. */
export interface Interceptor {
  /** By how many milliseconds the step sees the clock ahead. */
  readonly clockShift: number;
  /** An operation is about to run. */
  executing(name: string): void;
  /** An operation ran and made this; the result is what the step goes on with. */
  executed(
    name: string,
    attributes: OpAttribute[],
    inputs: number[],
    made: TensorMetadata[],
  ): TensorMetadata[];
  /** Native handles of tensors are asked for; `original` gives them. */
  identify(tensors: readonly tf.TensorInfo[], original: () => number[]): number[];
  /** Data is made from values of JavaScript; the result is what it holds. */
  written(dataId: object, values: unknown): unknown;
  /** Values are read by JavaScript; `isDeferred` if into a promise. */
  reading(dataId: object, isDeferred: boolean): void;
  variableCreated(variable: tf.Variable): void;
  /** An optimizer of TensorFlow.js makes a step. */
  applying(optimizer: TensorFlowJsOptimizer, apply: () => void): void;
  /** An optimizer counts a step. */
  counting(optimizer: CountingOptimizer): void;
  /** A random number of JavaScript is asked for. */
  random(): void;
}

/** Parts of TensorFlow.js that its types leave out. */
interface BackendInternals {
  binding: Binding;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  move(dataId: object, values: unknown, ...rest: unknown[]): void;
  readSync(dataId: object): tf.BackendValues;
  read(dataId: object): Promise<tf.BackendValues>;
}
interface EngineInternals {
  makeVariable(...settings: unknown[]): tf.Variable;
}

/** Runs `action` while `interceptor` sees what it does. */
export function intercept<T>(interceptor: Interceptor, action: () => T): T {
  const backend = nativeBackend() as unknown as BackendInternals;
  const engine = tf.engine() as unknown as EngineInternals;
  const { binding } = backend;
  const getInputTensorIds = backend.getInputTensorIds.bind(backend);
  const move = backend.move.bind(backend);
  const readSync = backend.readSync.bind(backend);
  const makeVariable = engine.makeVariable.bind(engine);
  const { random } = Math;
  const incrementIterations = Reflect.get(tf.Optimizer.prototype, 'incrementIterations') as () => void;
  const now = performance.now.bind(performance);

  const restore = [
    replace(backend, 'binding', recordingBinding(binding, interceptor)),
    replace(backend, 'getInputTensorIds', (tensors) =>
      interceptor.identify(tensors, () => getInputTensorIds(tensors)),
    ),
    replace(backend, 'move', (dataId, values, ...rest) =>
      move(dataId, interceptor.written(dataId, values), ...rest),
    ),
    replace(backend, 'readSync', (dataId) => {
      interceptor.reading(dataId, false);
      return readSync(dataId);
    }),
    replace(backend, 'read', (dataId) => {
      interceptor.reading(dataId, true);
      return Promise.resolve(readSync(dataId));
    }),
    replace(engine, 'makeVariable', (...settings) => {
      const variable = makeVariable(...settings);
      interceptor.variableCreated(variable);
      return variable;
    }),
    replace(
      tf.Optimizer.prototype as unknown as CountingOptimizer,
      'incrementIterations',
      function (this: CountingOptimizer) {
        interceptor.counting(this);
        incrementIterations.call(this);
      },
    ),
    ...optimizerClasses.map(({ prototype }) => {
      const apply: unknown = Reflect.get(prototype, 'applyGradients');
      return replace(prototype, 'applyGradients', function (this: TensorFlowJsOptimizer, gradients: unknown) {
        interceptor.applying(this, () => (apply as (gradients: unknown) => void).call(this, gradients));
      });
    }),
    replace(globalThis, 'Date', shiftedDate(interceptor.clockShift)),
    replace(performance, 'now', () => now() + interceptor.clockShift),
    replace(process, 'hrtime', shiftedHighResolutionTime(interceptor.clockShift)),
    replace(tf.getKernel('GatherV2', 'tensorflow') as { kernelFunc: tf.KernelFunc }, 'kernelFunc', gather),
    replace(Math, 'random', () => {
      interceptor.random();
      return random();
    }),
  ];
  try {
    return action();
  } finally {
    for (const put of restore.reverse()) put();
  }
}

/** The classes behind `tf.train`. */
const optimizerClasses = [
  tf.SGDOptimizer,
  tf.MomentumOptimizer,
  tf.AdagradOptimizer,
  tf.AdadeltaOptimizer,
  tf.AdamOptimizer,
  tf.AdamaxOptimizer,
  tf.RMSPropOptimizer,
] as unknown as readonly { prototype: TensorFlowJsOptimizer }[];

/** A clock that is `shift` milliseconds ahead, so that two recordings never see the same time. */
function shiftedDate(shift: number): DateConstructor {
  const clock = Date;
  const now = (): number => clock.now() + shift;
  return new Proxy(clock, {
    construct: (_, given: unknown[], target: new (...given: unknown[]) => Date) =>
      Reflect.construct(clock, given.length > 0 ? given : [now()], target) as Date,
    apply: () => new clock(now()).toString(),
    get: (_, key) => (key === 'now' ? now : (Reflect.get(clock, key) as unknown)),
  });
}

function shiftedHighResolutionTime(shift: number): NodeJS.HRTime {
  const clock = process.hrtime;
  const time = (since?: [number, number]): [number, number] => {
    const [seconds, nanoseconds] = clock(since);
    return since ? [seconds, nanoseconds] : [seconds + Math.floor(shift / 1000), nanoseconds];
  };
  return Object.assign(time, { bigint: () => clock.bigint() + BigInt(shift) * 1_000_000n });
}

function recordingBinding(binding: Binding, interceptor: Interceptor): Binding {
  return bindingWith(binding, {
    executeOp: (name, attributes, inputs, count) => {
      interceptor.executing(name);
      return interceptor.executed(
        name,
        attributes,
        inputs,
        binding.executeOp(name, attributes, inputs, count),
      );
    },
  });
}

/** Gathers without checking the indices, which TensorFlow.js does in JavaScript and a graph must do for itself. */
const gather: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, indices } = inputs as unknown as { x: tf.Tensor; indices: tf.Tensor };
  const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
  tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims);
  const attributes: OpAttribute[] = [
    { name: 'batch_dims', type: attributeType.int, value: batchDims },
    typeAttribute('Tparams', x.dtype),
    typeAttribute('Tindices', indices.dtype),
    typeAttribute('Taxis', 'int32'),
  ];
  return tf.tidy(() =>
    nativeBackend().executeSingleOutput('GatherV2', attributes, [x, indices, tf.scalar(axis, 'int32')]),
  );
};

/** Replaces a property of an object, also an inherited one; the result puts the former one back. */
function replace<T extends object, K extends keyof T>(target: T, key: K, value: T[K]): () => void {
  const own = Object.getOwnPropertyDescriptor(target, key);
  Object.defineProperty(target, key, { value, configurable: true, writable: true, enumerable: true });
  return () => {
    if (own) Object.defineProperty(target, key, own);
    else delete target[key];
  };
}
