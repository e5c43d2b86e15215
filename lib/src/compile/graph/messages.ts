/**
 * The numbers of the fields of TensorFlow's protocol buffers that a graph is written with.
 *
 * @see https://github.com/tensorflow/tensorflow/tree/v2.21.0/tensorflow/core/framework and
 *   https://github.com/tensorflow/tensorflow/tree/v2.21.0/tensorflow/core/protobuf for the files named below, but for the last.
 */

/** An entry of a map, in any message. */
export const mapEntry = { key: 1, value: 2 } as const;

/** graph.proto */
export const graphDef = { node: 1, library: 2, versions: 4 } as const;

/** versions.proto */
export const versionDef = { producer: 1, minConsumer: 2 } as const;

/** node_def.proto */
export const nodeDef = { name: 1, op: 2, input: 3, attr: 5 } as const;

/** function.proto */
export const functionDef = { signature: 1, nodeDef: 3, ret: 4, attr: 5, controlRet: 6 } as const;
export const functionDefLibrary = { function: 1 } as const;

/** op_def.proto */
export const opDef = { name: 1, inputArg: 2, outputArg: 3, isStateful: 17, controlOutput: 20 } as const;
export const argDef = { name: 1, type: 3 } as const;

/** attr_value.proto; a list has the numbers of its elements. */
export const attrValue = {
  list: 1,
  s: 2,
  i: 3,
  f: 4,
  b: 5,
  type: 6,
  shape: 7,
  tensor: 8,
  func: 10,
} as const;
export const nameAttrList = { name: 1 } as const;

/** tensor_shape.proto */
export const tensorShape = { dim: 2 } as const;
export const dimension = { size: 1 } as const;

/** tensor.proto */
export const tensorProto = {
  dtype: 1,
  tensorShape: 2,
  tensorContent: 4,
  floatVal: 5,
  intVal: 7,
  boolVal: 11,
} as const;

/** saved_model.proto, meta_graph.proto */
export const savedModelProto = { schemaVersion: 1, metaGraphs: 2 } as const;
export const metaGraphDef = { metaInfoDef: 1, graphDef: 2 } as const;
export const metaInfoDef = { tags: 4 } as const;

/** compiler/tf2xla/tf2xla.proto */
export const tf2xlaConfig = { feed: 1, fetch: 2 } as const;
export const tf2xlaFeed = { id: 1, shape: 2, type: 4 } as const;
export const tf2xlaFetch = { id: 1 } as const;
export const tensorId = { nodeName: 1 } as const;
