/** Builds TensorFlow graphs: nodes, functions, and the SavedModel file that the binding can load. */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { integerConstant, splatOf, type Constant } from '../ir/constant';
import { signature, type Argument } from '../ir/operations';
import {
  argDef,
  attrValue,
  dimension,
  functionDef,
  functionDefLibrary,
  graphDef,
  mapEntry,
  metaGraphDef,
  metaInfoDef,
  nameAttrList,
  nodeDef,
  opDef,
  savedModelProto,
  tensorProto,
  tensorShape,
  versionDef,
} from './messages';
import { bytesField, floatField, floatsField, integerField, integersField, messageField } from './protobuf';

/** The value of an attribute of a node. */
export type AttributeValue =
  | { kind: 'string'; value: string }
  | { kind: 'strings'; value: readonly string[] }
  | { kind: 'integer'; value: number }
  | { kind: 'integers'; value: readonly number[] }
  | { kind: 'float'; value: number }
  | { kind: 'floats'; value: readonly number[] }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'booleans'; value: readonly boolean[] }
  | { kind: 'type'; value: number }
  | { kind: 'types'; value: readonly number[] }
  | { kind: 'shape'; value: readonly number[] }
  | { kind: 'tensor'; value: Constant }
  | { kind: 'function'; value: string };

export type Attributes = Record<string, AttributeValue>;

export const attribute = {
  string: (value: string): AttributeValue => ({ kind: 'string', value }),
  integer: (value: number): AttributeValue => ({ kind: 'integer', value }),
  boolean: (value: boolean): AttributeValue => ({ kind: 'boolean', value }),
  type: (value: number): AttributeValue => ({ kind: 'type', value }),
  types: (value: readonly number[]): AttributeValue => ({ kind: 'types', value }),
  shape: (value: readonly number[]): AttributeValue => ({ kind: 'shape', value }),
  function: (value: string): AttributeValue => ({ kind: 'function', value }),
};

/** The attribute of an operation as the binding takes it, as a graph holds it. */
export function attributeOf({ type, value, name }: OpAttribute): AttributeValue {
  const many = Array.isArray(value);
  switch (type) {
    case attributeType.string:
      return many ? { kind: 'strings', value } : { kind: 'string', value: value as string };
    case attributeType.int:
      return many ? { kind: 'integers', value } : { kind: 'integer', value: value as number };
    case attributeType.float:
      return many ? { kind: 'floats', value } : { kind: 'float', value: value as number };
    case attributeType.bool:
      return many ? { kind: 'booleans', value } : { kind: 'boolean', value: value as boolean };
    case attributeType.type:
      return many ? { kind: 'types', value } : { kind: 'type', value: value as number };
    case attributeType.shape:
      return { kind: 'shape', value: value as number[] };
    default:
      throw new Error(`The attribute ${name} has the unknown type ${type}.`);
  }
}

/** A tensor within a graph or function: how nodes refer to it, and its type. */
export interface Reference {
  readonly name: string;
  readonly dtype: number;
}

/** A named value that goes into or comes out of a function. */
export interface Parameter {
  readonly name: string;
  readonly dtype: number;
}

interface AddOptions {
  readonly attributes?: Attributes;
  /** Nodes that must have run before. */
  readonly after?: readonly Reference[];
  /** Name of the node; by default made from the operation. */
  readonly name?: string;
  /** Types of the outputs where neither inputs nor attributes tell. */
  readonly outputTypes?: readonly number[];
}

/** Nodes of a graph, or of the body of a function: the two differ in how a node refers to the output of another. */
export class GraphBuilder {
  readonly nodes: Buffer[] = [];
  private readonly constants = new Map<string, Reference>();
  private count = 0;

  constructor(private readonly scope: 'graph' | 'function') {}

  /** Adds a node and returns its outputs. Attributes that follow from the inputs may be left out. */
  add(operation: string, inputs: readonly Reference[], options: AddOptions = {}): Reference[] {
    const name = options.name ?? `${operation}_${this.count++}`;
    const { inputs: accepted, outputs } = signature(operation);
    const attributes = infer(accepted, inputs, options.attributes ?? {});
    this.nodes.push(
      Buffer.concat([
        bytesField(nodeDef.name, name),
        bytesField(nodeDef.op, operation),
        ...inputs.map((input) => bytesField(nodeDef.input, input.name)),
        ...(options.after ?? []).map((node) => bytesField(nodeDef.input, `^${nodeOf(node.name)}`)),
        ...Object.entries(attributes).map(([key, value]) => attributeField(nodeDef.attr, key, value)),
      ]),
    );
    const references: Reference[] = [];
    for (const output of outputs) {
      const known = options.outputTypes?.slice(references.length);
      typesOf(output, attributes, known).forEach((dtype, k) => {
        const position = this.scope === 'graph' ? `${references.length}` : `${output.name}:${k}`;
        references.push({ name: `${name}:${position}`, dtype });
      });
    }
    return references.length > 0 ? references : [{ name, dtype: 0 }];
  }

  /** Adds a node with one output. */
  one(operation: string, inputs: readonly Reference[], options?: AddOptions): Reference {
    return this.add(operation, inputs, options)[0]!;
  }

  /** A constant; equal constants share a node. */
  constant(constant: Constant): Reference {
    const key = `${constant.dtype}[${constant.shape.join()}]${constant.bytes.toString('latin1')}`;
    let reference = this.constants.get(key);
    if (!reference) {
      reference = this.one('Const', [], {
        attributes: { dtype: attribute.type(constant.dtype), value: { kind: 'tensor', value: constant } },
      });
      this.constants.set(key, reference);
    }
    return reference;
  }

  /** A constant of 32-bit integers: a scalar, or a vector if an array is given. */
  integers(value: number | readonly number[]): Reference {
    return this.constant(integerConstant(value));
  }

  /** A value that is fed at each run. */
  placeholder(name: string, dtype: number, shape: readonly number[]): Reference {
    return this.one('Placeholder', [], {
      name,
      attributes: { dtype: attribute.type(dtype), shape: attribute.shape(shape) },
    });
  }
}

/** A function of a graph's library. */
export function functionDefinition(definition: {
  name: string;
  inputs: readonly Parameter[];
  outputs: readonly (Parameter & { readonly from: Reference })[];
  /** Nodes that must run whenever the function is called. */
  effects?: readonly Reference[];
  body: GraphBuilder;
  attributes?: Attributes;
}): Buffer {
  const effects = (definition.effects ?? []).map(({ name }) => nodeOf(name));
  const parameter = (field: number, { name, dtype }: Parameter): Buffer =>
    messageField(field, bytesField(argDef.name, name), integerField(argDef.type, dtype));
  const named = (field: number, key: string, value: string): Buffer =>
    messageField(field, bytesField(mapEntry.key, key), bytesField(mapEntry.value, value));
  return Buffer.concat([
    messageField(
      functionDef.signature,
      bytesField(opDef.name, definition.name),
      ...definition.inputs.map((input) => parameter(opDef.inputArg, input)),
      ...definition.outputs.map((output) => parameter(opDef.outputArg, output)),
      integerField(opDef.isStateful, effects.length > 0),
      ...effects.map((effect) => bytesField(opDef.controlOutput, effect)),
    ),
    ...definition.body.nodes.map((node) => bytesField(functionDef.nodeDef, node)),
    ...definition.outputs.map(({ name, from }) => named(functionDef.ret, name, from.name)),
    ...effects.map((effect) => named(functionDef.controlRet, effect, effect)),
    ...Object.entries(definition.attributes ?? {}).map(([key, value]) =>
      attributeField(functionDef.attr, key, value),
    ),
  ]);
}

/** A GraphDef. */
export function graphDefinition(graph: GraphBuilder, functions: readonly Buffer[]): Buffer {
  // The versions that TensorFlow 2.21 writes; they tell which behaviour of operations the graph relies on.
  const versions = messageField(
    graphDef.versions,
    integerField(versionDef.producer, 1882),
    integerField(versionDef.minConsumer, 12),
  );
  const library = messageField(
    graphDef.library,
    ...functions.map((definition) => bytesField(functionDefLibrary.function, definition)),
  );
  return Buffer.concat([...graph.nodes.map((node) => bytesField(graphDef.node, node)), versions, library]);
}

/** The content of `saved_model.pb`, under the tag `serve`. */
export function savedModel(graph: GraphBuilder, functions: readonly Buffer[]): Buffer {
  const content = bytesField(metaGraphDef.graphDef, graphDefinition(graph, functions));
  const metaInformation = messageField(metaGraphDef.metaInfoDef, bytesField(metaInfoDef.tags, 'serve'));
  return Buffer.concat([
    integerField(savedModelProto.schemaVersion, 1),
    messageField(savedModelProto.metaGraphs, metaInformation, content),
  ]);
}

function nodeOf(reference: string): string {
  return reference.split(':', 1)[0]!;
}

function infer(accepted: readonly Argument[], inputs: readonly Reference[], given: Attributes): Attributes {
  const attributes = { ...given };
  let position = 0;
  for (const { type, count, isTypeList } of accepted) {
    // Where the attributes do not tell how long a list is, it is the only one of the operation: the others tell.
    const length =
      count || isTypeList
        ? (lengthOf(attributes[count ?? type]) ?? inputs.length - (accepted.length - 1))
        : 1;
    const types = inputs.slice(position, position + length).map(({ dtype }) => dtype);
    position += length;
    if (count) attributes[count] ??= attribute.integer(length);
    if (isTypeList) attributes[type] ??= attribute.types(types);
    // As in eager execution, the inputs have the last word: the attribute may speak of what was cast to them.
    else if (!(type in dataType) && length > 0) attributes[type] = attribute.type(types[0]!);
  }
  return attributes;
}

function lengthOf(value: AttributeValue | undefined): number | undefined {
  if (value?.kind === 'integer') return value.value;
  return value?.kind === 'types' ? value.value.length : undefined;
}

function typesOf(output: Argument, attributes: Attributes, known: readonly number[] | undefined): number[] {
  const { type, count, isTypeList } = output;
  if (isTypeList) {
    const types = attributes[type];
    return types?.kind === 'types' ? [...types.value] : [];
  }
  const number = count ? attributes[count] : undefined;
  const length = number?.kind === 'integer' ? number.value : 1;
  const attributed = attributes[type];
  const dtype = attributed?.kind === 'type' ? attributed.value : (dataType as Record<string, number>)[type];
  return Array.from({ length }, (_, k) => dtype ?? known?.[k] ?? 0);
}

function attributeField(field: number, key: string, value: AttributeValue): Buffer {
  return messageField(field, bytesField(mapEntry.key, key), bytesField(mapEntry.value, encode(value)));
}

function encode(attribute: AttributeValue): Buffer {
  const list = (...elements: Buffer[]): Buffer => messageField(attrValue.list, ...elements);
  switch (attribute.kind) {
    case 'string':
      return bytesField(attrValue.s, attribute.value);
    case 'strings':
      return list(...attribute.value.map((value) => bytesField(attrValue.s, value)));
    case 'integer':
      return integerField(attrValue.i, attribute.value);
    case 'integers':
      return list(integersField(attrValue.i, attribute.value));
    case 'float':
      return floatField(attrValue.f, attribute.value);
    case 'floats':
      return list(floatsField(attrValue.f, attribute.value));
    case 'boolean':
      return integerField(attrValue.b, attribute.value);
    case 'booleans':
      return list(integersField(attrValue.b, attribute.value));
    case 'type':
      return integerField(attrValue.type, attribute.value);
    case 'types':
      return list(integersField(attrValue.type, attribute.value));
    case 'shape':
      return bytesField(attrValue.shape, encodeShape(attribute.value));
    case 'tensor':
      return bytesField(attrValue.tensor, encodeTensor(attribute.value));
    case 'function':
      return messageField(attrValue.func, bytesField(nameAttrList.name, attribute.value));
  }
}

/** A TensorShapeProto. */
export function encodeShape(shape: readonly number[]): Buffer {
  return Buffer.concat(
    shape.map((size) => messageField(tensorShape.dim, integerField(dimension.size, size))),
  );
}

function encodeTensor(constant: Constant): Buffer {
  return Buffer.concat([
    integerField(tensorProto.dtype, constant.dtype),
    bytesField(tensorProto.tensorShape, encodeShape(constant.shape)),
    encodeContent(constant),
  ]);
}

/** A tensor whose elements are all equal is written as one element, which TensorFlow repeats. */
function encodeContent(constant: Constant): Buffer {
  const value = splatOf(constant);
  if (value !== undefined) {
    if (constant.dtype === dataType.float32) return floatsField(tensorProto.floatVal, [value]);
    if (constant.dtype === dataType.int32) return integersField(tensorProto.intVal, [value]);
    if (constant.dtype === dataType.bool) return integersField(tensorProto.boolVal, [value]);
  }
  return bytesField(tensorProto.tensorContent, constant.bytes);
}
