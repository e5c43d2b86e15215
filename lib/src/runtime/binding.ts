/**
 * The native side of TensorFlow.js in Node, typed: the backend object and the binding that it calls.
 * Only `runtime/` and `compile/` use it.
 */
import { tf } from './tensorflow';

/** An attribute of an operation, as the binding takes it; `type` is one of {@link attributeType}. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A tensor on the native side. */
export interface TensorMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** A graph that XLA has compiled. */
export interface NativeProgram {
  readonly __kind?: 'program';
}

/** Values that programs read, and write over. */
export interface NativeMemory {
  readonly __kind?: 'memory';
}

/**
 * Where programs run: on this processor, without a name; or on a device that XLA reaches through a stream, the GPU (`CUDA`) or,
 * to test that way without one, this processor once more (`Host`).
 */
export type Platform = '' | 'CUDA' | 'Host';

/**
 * Functions that set-up compiles into the binding (`lib/native`): graphs run on XLA's own runtime, without a session.
 */
export interface Programs {
  /**
   * @param graph A GraphDef.
   * @param config A tf2xla.Config, whose feeds are the parameters and whose fetches are the results.
   * @param serialized What `serializeProgram` gave for the same graph, configuration, inputs and outputs; empty to compile.
   * @param inputs How many parameters, from the first on, are given to each run; the others are read from `slots`.
   * @param outputs How many results, from the first on, are handed over; the others are written over `updates`.
   * @param threads Most threads of a run on this processor; 0 for one per core.
   * @param platform Where it runs; its memory is of the same one.
   */
  loadProgram: (
    graph: Uint8Array,
    config: Uint8Array,
    serialized: Uint8Array,
    inputs: number,
    slots: Int32Array,
    outputs: number,
    updates: Int32Array,
    threads: number,
    platform: Platform,
  ) => NativeProgram;
  /** The compiled code, for this processor and this version of TensorFlow. */
  serializeProgram: (program: NativeProgram) => Uint8Array;
  createMemory: (slots: number, platform: Platform) => NativeMemory;
  clearMemory: (memory: NativeMemory) => void;
  /** @param isShared Whether programs only read the slot, so that the tensor's own memory will do. */
  writeMemory: (memory: NativeMemory, slot: number, tensor: number, isShared: boolean) => void;
  readMemory: (memory: NativeMemory, slot: number, dtype: number, shape: readonly number[]) => number;
  runProgram: (program: NativeProgram, memory: NativeMemory, inputs: (number | TypedArray)[]) => number[];
}

/** The functions of the native binding. Tensors are named by integer handles. */
export interface Binding extends Partial<Programs> {
  executeOp: (name: string, attributes: OpAttribute[], inputs: number[], outputs: number) => TensorMetadata[];
  createTensor: (shape: number[], dtype: number, values: TypedArray | Uint8Array[]) => number;
  deleteTensor: (id: number) => void;
  tensorDataSync: (id: number) => TypedArray;
  loadSavedModel: (directory: string, tags: string) => number;
  runSavedModel: (session: number, inputs: number[], feeds: string, fetches: string) => TensorMetadata[];
  deleteSavedModel: (session: number) => void;
  getNumOfTensors: () => number;
  getNumOfSavedModels: () => number;
  readonly TF_Version: string;
}

/** What the backend keeps for the data of one tensor: a native handle, or values not yet handed over. */
export interface TensorData {
  shape: number[];
  dtype: number;
  id: number;
  values: TypedArray | null;
  refCount: number;
}

/** The TensorFlow backend of TensorFlow.js. */
export interface Backend {
  binding: Binding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: { get(dataId: object): TensorData | undefined; has(dataId: object): boolean };
  /** Drops a reference to data; true if it was the last one and the data is gone. */
  disposeData(dataId: object, force?: boolean): boolean;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  executeSingleOutput(name: string, attributes: OpAttribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: OpAttribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

/** Numbers of TensorFlow's data types, from its `types.proto`. */
export const dataType = {
  float32: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  resource: 20,
  variant: 21,
} as const;

/** Numbers of the attribute types of TensorFlow's C API. */
export const attributeType = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, tensor: 6 } as const;

/**
 * The TensorFlow backend that is active.
 *
 * @throws Error if another backend (cpu, wasm, webgl) is active.
 */
export function nativeBackend(): Backend {
  if (tf.getBackend() !== 'tensorflow') {
    throw new Error(
      `This needs the native TensorFlow backend, but '${tf.getBackend()}' is active: ` +
        `call tf.setBackend('tensorflow') first.`,
    );
  }
  return tf.backend() as unknown as Backend;
}

/**
 * XLA's own runtime and where it runs; undefined where the binding was compiled without it, and where TensorFlow's sessions
 * shall run what XLA compiles: on a GPU unless `LIANDAN_XLA=device` is in the environment, and with `LIANDAN_XLA=session`.
 */
export function nativePrograms(): { native: Programs; platform: Platform } | undefined {
  const { binding, isUsingGpuDevice } = nativeBackend();
  const wanted = process.env.LIANDAN_XLA;
  if (!binding.loadProgram || wanted === 'session') return undefined;
  const native = binding as Programs;
  if (wanted === 'device') return { native, platform: isUsingGpuDevice ? 'CUDA' : 'Host' };
  return isUsingGpuDevice ? undefined : { native, platform: '' };
}

/** What the backend keeps for the data of a tensor that is not disposed. */
export function dataOf(tensor: tf.TensorInfo): TensorData {
  return nativeBackend().tensorMap.get(tensor.dataId)!;
}

/** A type attribute, for example `typeAttribute('T', 'float32')`. */
export function typeAttribute(name: string, dtype: keyof typeof dataType): OpAttribute {
  return { name, type: attributeType.type, value: dataType[dtype] };
}
