/** Compares two traces of a step, to find what would be frozen although it changes from call to call. */
import { isDeepStrictEqual } from 'node:util';
import { CompileError } from '../ir/errors';
import type { OpAttribute } from '../../runtime/binding';
import { preview } from '../ir/constant';
import {
  describeLengthChange,
  describeSource,
  sameSource,
  type Source,
  type Trace,
  type TracedOperation,
} from '../ir/trace';

/** @throws CompileError if the two traces differ in anything that the graph holds fixed. */
export function assertSame(first: Trace, second: Trace): void {
  const positions = [first, second].map(
    ({ operations }) => new Map(operations.map((operation, position) => [operation, position])),
  );
  const same = (a: Source, b: Source): boolean => {
    if (a.kind === 'operation' && b.kind === 'operation') {
      return positions[0]!.get(a.operation) === positions[1]!.get(b.operation) && a.output === b.output;
    }
    return sameSource(a, b);
  };
  const length = Math.max(first.operations.length, second.operations.length);
  for (let i = 0; i < length; i++) {
    compareOperations(first.operations[i], second.operations[i], i, same);
  }
  compareEvents(first, second);
  compareResults(first, second, same);
}

function compareOperations(
  first: TracedOperation | undefined,
  second: TracedOperation | undefined,
  position: number,
  same: (a: Source, b: Source) => boolean,
): void {
  if (first?.name !== second?.name || !first || !second) {
    throw new CompileError(
      `The step does not do the same at each call: its operation ${position + 1} was ` +
        `${first?.name ?? 'missing'} at one call and ${second?.name ?? 'missing'} at the next. A branch or loop of ` +
        `JavaScript depends on something that changes. Compile one step per case, or decide inside of TensorFlow, ` +
        `for example with tf.where.`,
    );
  }
  const attribute = first.attributes.find((a, k) => !sameAttribute(a, second.attributes[k]));
  if (attribute || first.attributes.length !== second.attributes.length) {
    throw new CompileError(
      `The step does not do the same at each call: the attribute ${attribute?.name ?? ''} of its operation ` +
        `${first.name} changes. Compile one step per case.`,
    );
  }
  first.inputs.forEach((a, k) => {
    const b = second.inputs[k];
    if (b && same(a, b)) return;
    throw new CompileError(describeChange(first.name, k, a, b));
  });
}

function describeChange(operation: string, input: number, first: Source, second: Source | undefined): string {
  if (first.kind === 'constant' && second?.kind === 'constant') {
    const [a, b] = [preview(first.constant), preview(second.constant)];
    return (
      `A number of JavaScript changes from call to call and reaches the operation ${operation} as input ${input}: ` +
      `${a}, then ${b}. The graph would keep the first. Give it to the step as a tensor, or make it with ` +
      `fed(() => …) of liandan, which is evaluated at each call.`
    );
  }
  if (first.kind === 'captured' && second?.kind === 'captured') {
    return (
      `The operation ${operation} uses another tensor at each call as input ${input}, one that was made outside of ` +
      `the step. Give it to the step as an input, or hold it in a tf.variable.`
    );
  }
  return (
    `The step does not do the same at each call: input ${input} of its operation ${operation} comes from ` +
    `${describeSource(first)} at one call and from ${second ? describeSource(second) : 'nothing'} at the next.`
  );
}

function compareEvents(first: Trace, second: Trace): void {
  first.events.forEach((a, i) => {
    const b = second.events[i];
    if (a.kind !== 'fed' || b?.kind !== 'fed' || a.length === b.length || !a.length || !b.length) return;
    throw new CompileError(describeLengthChange(a.length, b.length));
  });
  const same =
    first.events.length === second.events.length &&
    first.events.every((a, i) => {
      const b = second.events[i]!;
      if (a.kind === 'counter') return b.kind === 'counter' && a.counter === b.counter;
      return b.kind === 'fed' && a.dtype === b.dtype && a.length === b.length;
    });
  if (!same) {
    throw new CompileError(
      'The step does not do the same at each call: it advances counters or calls fed() in another order.',
    );
  }
}

function compareResults(first: Trace, second: Trace, same: (a: Source, b: Source) => boolean): void {
  const outputs =
    first.outputs.length === second.outputs.length &&
    first.outputs.every(({ source }, i) => same(source, second.outputs[i]!.source));
  if (!outputs) {
    throw new CompileError('The step does not do the same at each call: it returns something else.');
  }
  const updates =
    first.updates.length === second.updates.length &&
    first.updates.every(
      ({ variable, source }, i) =>
        variable === second.updates[i]!.variable && same(source, second.updates[i]!.source),
    );
  if (!updates) {
    throw new CompileError(
      'The step does not do the same at each call: it assigns other variables or values.',
    );
  }
}

function sameAttribute(a: OpAttribute, b: OpAttribute | undefined): boolean {
  return a.name === b?.name && isDeepStrictEqual(a.value, b.value);
}
