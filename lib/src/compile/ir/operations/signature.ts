/**
 * Signatures of operations. The binding does not expose TensorFlow's own definitions, and a graph needs them: outputs are
 * referred to by name inside a function, and types that eager execution infers must be written out.
 *
 * In a signature `x: T` is a tensor whose type is the attribute T, `x: int32` one of a fixed type, `x: N*T` a list of N
 * tensors of one type, and `x: [T]` a list of tensors whose types are the list attribute T.
 */

/** One input or output of an operation: its type or the attributes that determine it. */
export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly count?: string;
  readonly isTypeList: boolean;
}

export interface Signature {
  readonly name: string;
  readonly inputs: readonly Argument[];
  readonly outputs: readonly Argument[];
}

/** Types and type attributes that stand for integers only, in every operation that has them. */
type IntegerType =
  | 'int32'
  | 'Index'
  | 'TI'
  | 'Taxis'
  | 'Tblock_shape'
  | 'Tcrops'
  | 'Tdim'
  | 'Tidx'
  | 'Tindex'
  | 'Tindices'
  | 'Tk'
  | 'Tlabels'
  | 'Tlen'
  | 'Tmultiples'
  | 'Tnumsegments'
  | 'Tpaddings'
  | 'Tperm'
  | 'Tseed'
  | 'Tshape'
  | 'Tshift'
  | 'index_type';

type Arguments<List> = List extends `${infer First}, ${infer Rest}` ? First | Arguments<Rest> : List;
type InputsOf<S> = S extends `${string}(${infer List})${string}` ? Arguments<List> : never;

/** The names of the inputs in a written signature. */
export type InputName<S> =
  InputsOf<S> extends infer A ? (A extends `${infer N}: ${string}` ? N : never) : never;

/** The names of those that hold integers. */
export type IntegerInputName<S> =
  InputsOf<S> extends infer A ? (A extends `${infer N}: ${IntegerType}` ? N : never) : never;

export function parse(signature: string): Signature {
  const match = /^(\w+)\((.*?)\)(?: -> (.*))?$/.exec(signature);
  if (!match) throw new Error(`Malformed signature: ${signature}`);
  const [, name, inputs, outputs] = match;
  return { name: name!, inputs: parseArguments(inputs), outputs: parseArguments(outputs) };
}

function parseArguments(list: string | undefined): Argument[] {
  if (!list) return [];
  return list.split(', ').map((argument) => {
    const [, name = '', count, open, type = ''] = /^(\w+): (?:(\w+)\*)?(\[)?(\w+)\]?$/.exec(argument) ?? [];
    return { name, type, count, isTypeList: open !== undefined };
  });
}
