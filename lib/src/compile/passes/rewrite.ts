/** Rewrites the operations of a trace, one after another, by rules. */
import { dataType } from '../../runtime/binding';
import { live } from '../ir/live';
import { sameSource, typeOf, varies, type Source, type Trace, type TracedOperation } from '../ir/trace';

/** What an operation becomes: another one, or the value that it would only hand on. */
export type Rewriting = { readonly operation: TracedOperation } | { readonly source: Source } | undefined;

/** Gives undefined for an operation that it does not apply to. The inputs of the operation are rewritten already. */
export type Rule = (operation: TracedOperation, context: Rewriter) => Rewriting;

/** Applies the first rule that fits to each operation. */
export function rewrite(trace: Trace, rules: readonly Rule[]): Trace {
  const rewriter = new Rewriter(trace);
  for (const operation of trace.operations) rewriter.add(operation, rules);
  const outputs = trace.outputs.map((output) => ({ ...output, source: rewriter.resolve(output.source) }));
  const updates = trace.updates.map((update) => ({ ...update, source: rewriter.resolve(update.source) }));
  const operations = live(rewriter.operations, { outputs, updates });
  return { ...trace, operations, outputs, updates };
}

export class Rewriter {
  readonly operations: TracedOperation[] = [];
  private readonly replacements = new Map<TracedOperation, TracedOperation | Source>();
  /** How often the results of an operation are used. */
  private readonly uses = new Map<TracedOperation, number>();

  constructor({ operations, outputs, updates }: Trace) {
    const used = [
      ...operations.flatMap(({ inputs }) => inputs),
      ...[...outputs, ...updates].map(({ source }) => source),
    ];
    for (const source of used) {
      if (source.kind === 'operation') this.uses.set(source.operation, this.usesOf(source.operation) + 1);
    }
  }

  add(original: TracedOperation, rules: readonly Rule[]): void {
    const operation = { ...original, inputs: original.inputs.map((input) => this.resolve(input)) };
    this.uses.set(operation, this.usesOf(original));
    for (const rule of rules) {
      const rewriting = rule(operation, this);
      if (!rewriting) continue;
      if ('source' in rewriting) this.replacements.set(original, rewriting.source);
      else this.keep(original, rewriting.operation);
      return;
    }
    this.keep(original, operation);
  }

  /** Adds an operation on elements, whose attributes follow from its inputs; the result has the shape of the largest. */
  compute(name: string, inputs: readonly Source[], dtype: number = dataType.float32): Source {
    const [shape] = inputs.map((input) => typeOf(input).shape).sort((a, b) => b.length - a.length);
    const outputs = [{ dtype, shape: shape! }];
    return this.append({ name, attributes: [], inputs, outputs, varies: inputs.some(varies) });
  }

  /** Adds an operation; gives its first result. */
  append(operation: TracedOperation): Source {
    this.operations.push(operation);
    return { kind: 'operation', operation, output: 0 };
  }

  /** The value that takes the place of one of the trace. */
  resolve(source: Source): Source {
    if (source.kind !== 'operation') return source;
    const replacement = this.replacements.get(source.operation);
    if (!replacement) return source;
    return 'kind' in replacement ? replacement : { ...source, operation: replacement };
  }

  /** An earlier operation of this name whose first input is `input`. */
  find(name: string, input: Source): Source | undefined {
    const operation = this.operations.find(
      (candidate) => candidate.name === name && sameSource(candidate.inputs[0]!, input),
    );
    return operation && { kind: 'operation', operation, output: 0 };
  }

  /** The operation that makes a value, if it has this name and nothing else uses what it makes. */
  onlyFor(source: Source, name: string): TracedOperation | undefined {
    if (source.kind !== 'operation' || source.operation.name !== name) return undefined;
    return this.usesOf(source.operation) === 1 ? source.operation : undefined;
  }

  private usesOf(operation: TracedOperation): number {
    return this.uses.get(operation) ?? 0;
  }

  private keep(original: TracedOperation, operation: TracedOperation): void {
    this.operations.push(operation);
    this.uses.set(operation, this.usesOf(original));
    this.replacements.set(original, operation);
  }
}
