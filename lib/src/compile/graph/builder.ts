/** Builds TensorFlow graphs: nodes, functions, and the SavedModel file that the binding can load. */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { integerConstant, splatOf, type Constant } from '../ir/constant';
import { signature, type Argument } from '../ir/operations';
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
        bytesField(1, name),
        bytesField(2, operation),
        ...inputs.map((input) => bytesField(3, input.name)),
        ...(options.after ?? []).map((node) => bytesField(3, `^${nodeOf(node.name)}`)),
        ...Object.entries(attributes).map(([key, value]) => attributeField(5, key, value)),
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
    messageField(field, bytesField(1, name), integerField(3, dtype));
  return Buffer.concat([
    messageField(
      1,
      bytesField(1, definition.name),
      ...definition.inputs.map((input) => parameter(2, input)),
      ...definition.outputs.map((output) => parameter(3, output)),
      integerField(17, effects.length > 0),
      ...effects.map((effect) => bytesField(20, effect)),
    ),
    ...definition.body.nodes.map((node) => bytesField(3, node)),
    ...definition.outputs.map(({ name, from }) =>
      messageField(4, bytesField(1, name), bytesField(2, from.name)),
    ),
    ...effects.map((effect) => messageField(6, bytesField(1, effect), bytesField(2, effect))),
    ...Object.entries(definition.attributes ?? {}).map(([key, value]) => attributeField(5, key, value)),
  ]);
}

/** The content of `saved_model.pb`, under the tag `serve`. */
export function savedModel(graph: GraphBuilder, functions: readonly Buffer[]): Buffer {
  // The version that TensorFlow 2.21 writes; it tells which behaviour of operations the graph relies on.
  const versions = messageField(4, integerField(1, 1882), integerField(2, 12));
  const library = messageField(2, ...functions.map((definition) => bytesField(1, definition)));
  const graphDefinition = messageField(
    2,
    ...graph.nodes.map((node) => bytesField(1, node)),
    versions,
    library,
  );
  const metaInformation = messageField(1, bytesField(4, 'serve'));
  return Buffer.concat([integerField(1, 1), messageField(2, metaInformation, graphDefinition)]);
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
  return messageField(field, bytesField(1, key), bytesField(2, encode(value)));
}

function encode(attribute: AttributeValue): Buffer {
  switch (attribute.kind) {
    case 'string':
      return bytesField(2, attribute.value);
    case 'strings':
      return messageField(1, ...attribute.value.map((value) => bytesField(2, value)));
    case 'integer':
      return integerField(3, attribute.value);
    case 'integers':
      return messageField(1, integersField(3, attribute.value));
    case 'float':
      return floatField(4, attribute.value);
    case 'floats':
      return messageField(1, floatsField(4, attribute.value));
    case 'boolean':
      return integerField(5, attribute.value);
    case 'booleans':
      return messageField(1, integersField(5, attribute.value));
    case 'type':
      return integerField(6, attribute.value);
    case 'types':
      return messageField(1, integersField(6, attribute.value));
    case 'shape':
      return bytesField(7, encodeShape(attribute.value));
    case 'tensor':
      return bytesField(8, encodeTensor(attribute.value));
    case 'function':
      return messageField(10, bytesField(1, attribute.value));
  }
}

function encodeShape(shape: readonly number[]): Buffer {
  return Buffer.concat(shape.map((size) => messageField(2, integerField(1, size))));
}

function encodeTensor(constant: Constant): Buffer {
  return Buffer.concat([
    integerField(1, constant.dtype),
    bytesField(2, encodeShape(constant.shape)),
    encodeContent(constant),
  ]);
}

/** A tensor whose elements are all equal is written as one element, which TensorFlow repeats. */
function encodeContent(constant: Constant): Buffer {
  const value = splatOf(constant);
  if (value !== undefined) {
    if (constant.dtype === dataType.float32) return floatsField(5, [value]);
    if (constant.dtype === dataType.int32) return integersField(7, [value]);
    if (constant.dtype === dataType.bool) return integersField(11, [value]);
  }
  return bytesField(4, constant.bytes);
}
