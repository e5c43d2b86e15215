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
import type { CountingOptimizer } from '../ir/trace';

/** What a recorder is told. All of these may throw, which ends the step. */
export interface Interceptor {
  /** An operation is about to run. */
  executing(name: string): void;
  /** An operation ran. */
  executed(name: string, attributes: OpAttribute[], inputs: number[], outputs: TensorMetadata[]): void;
  /** Native handles of tensors are asked for; `original` gives them. */
  identify(tensors: readonly tf.TensorInfo[], original: () => number[]): number[];
  /** Data was made from values of JavaScript. */
  written(dataId: object): void;
  /** Values are read by JavaScript; `isDeferred` if into a promise. */
  reading(dataId: object, isDeferred: boolean): void;
  variableCreated(variable: tf.Variable): void;
  /** An optimizer of TensorFlow.js counts a step; the count is not advanced. */
  counted(optimizer: CountingOptimizer): void;
  /** A random number of JavaScript is asked for. */
  random(): void;
}

/** Parts of TensorFlow.js that its types leave out. */
interface BackendInternals {
  binding: Binding;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  move(dataId: object, ...rest: unknown[]): void;
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

  const restore = [
    replace(backend, 'binding', recordingBinding(binding, interceptor)),
    replace(backend, 'getInputTensorIds', (tensors) =>
      interceptor.identify(tensors, () => getInputTensorIds(tensors)),
    ),
    replace(backend, 'move', (dataId, ...rest) => {
      interceptor.written(dataId);
      move(dataId, ...rest);
    }),
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
        interceptor.counted(this);
      },
    ),
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

function recordingBinding(binding: Binding, interceptor: Interceptor): Binding {
  return bindingWith(binding, {
    executeOp: (name, attributes, inputs, count) => {
      interceptor.executing(name);
      const outputs = binding.executeOp(name, attributes, inputs, count);
      interceptor.executed(name, attributes, inputs, outputs);
      return outputs;
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
