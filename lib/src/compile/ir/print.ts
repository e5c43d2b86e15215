/** A plan as text: what a compiled step does, operation by operation. */
import { attributeType, dataType } from '../../runtime/binding';
import { preview } from './constant';
import type { Plan } from './plan';
import { typeOf, type Source, type TensorType, type TracedOperation } from './trace';

/** What happened to a plan on its way from the recording to the kernels. */
export interface Compilation {
  /** The passes, with the number of operations after each. */
  readonly passes: readonly { readonly name: string; readonly operations: number }[];
  readonly kernels: string;
  /** Why not XLA. */
  readonly withoutXla: string | undefined;
}

/** One line for each value that comes in, each operation, each variable that is assigned, and the results. */
export function print(plan: Plan, { passes, kernels, withoutXla }: Compilation): string {
  const { trace } = plan;
  const numbers = new Map(trace.operations.map((operation, i) => [operation, i]));
  const nameOf = (source: Source): string => {
    switch (source.kind) {
      case 'operation': {
        const { operation, output } = source;
        return `%${numbers.get(operation)}${operation.outputs.length > 1 ? `.${output}` : ''}`;
      }
      case 'input':
        return `input ${source.index}`;
      case 'fed':
        return `fed ${source.index}`;
      case 'variable':
        return source.variable.name;
      case 'captured':
        return `captured ${plan.held.indexOf(source.captured)}`;
      case 'constant':
        return preview(source.constant);
    }
  };
  const lineOf = (operation: TracedOperation): string =>
    `  %${numbers.get(operation)} = ${operation.name}(${operation.inputs.map(nameOf).join(', ')})` +
    `${attributesOf(operation)}: ${operation.outputs.map(describeType).join(', ')}`;
  const read = readVariables(plan);
  return [
    `kernels: ${kernels}${withoutXla ? ` (without XLA: ${withoutXla})` : ''}`,
    `passes: ${passes.map(({ name, operations }) => `${name} ${operations}`).join(' → ')} operations`,
    ...plan.inputs.map((type, i) => `input ${i}: ${describeType(type)}`),
    ...plan.fed.places.map(
      ({ dtype, length }, i) => `fed ${i}: ${dtype}[${length ?? ''}], asked for at each call`,
    ),
    ...plan.held.map((held, i) => `captured ${i}: ${describeType(held)}, made outside of the step`),
    ...plan.variables
      .filter((variable) => read.has(variable.name))
      .map((variable) => `reads ${variable.name}: ${describeType(typeOf({ kind: 'variable', variable }))}`),
    ...trace.operations.map(lineOf),
    ...trace.updates.map(({ variable, source }) => `assigns ${variable.name} ← ${nameOf(source)}`),
    `returns ${trace.outputs.map(({ source }) => nameOf(source)).join(', ') || 'nothing'}`,
  ].join('\n');
}

function readVariables({ trace }: Plan): Set<string> {
  const used = [
    ...trace.operations.flatMap(({ inputs }) => inputs),
    ...[...trace.outputs, ...trace.updates].map(({ source }) => source),
  ];
  return new Set(used.flatMap((source) => (source.kind === 'variable' ? [source.variable.name] : [])));
}

const typeNames = new Map(Object.entries(dataType).map(([name, number]) => [number as number, name]));

function describeType({ dtype, shape }: TensorType): string {
  return `${typeNames.get(dtype) ?? dtype}[${shape.join(', ')}]`;
}

/** The attributes that are not types. */
function attributesOf({ attributes }: TracedOperation): string {
  const shown = attributes
    .filter(({ type, name }) => type !== attributeType.type && !name.startsWith('_'))
    .map(({ name, value }) => `${name}: ${JSON.stringify(value)}`);
  return shown.length > 0 ? ` {${shown.join(', ')}}` : '';
}
