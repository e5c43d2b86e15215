/**
 * Keeps expressions as they are written. Grappler, which rewrites TensorFlow's graphs, and XLA's simplifier take float32 for
 * the real numbers: (x · 1e30) · 1e30 becomes x · ∞, log(eˣ) becomes x, and "not x < 0" becomes x ≥ 0 even where x is NaN.
 * Where such a rewriting changes more than rounding, a value between the two operations goes through a barrier: an
 * operation that hands it on, and that neither of the two sees through.
 */
import { attributeType, dataType, type OpAttribute } from '../../runtime/binding';
import { valuesOf, type Constant } from '../ir/constant';
import { rewrite, type Rewriter, type Rule } from './rewrite';
import { sameSource, typeOf, type Source, type Trace, type TracedOperation } from '../ir/trace';

/** Who compiles: XLA's graphs are rewritten by Grappler first, and then by XLA. */
type Compiler = 'Grappler' | 'XLA';

/** The trace with barriers where the compiler would change more than rounding. */
export function withBarriers(trace: Trace, compiler: Compiler): Trace {
  const patterns = compiler === 'XLA' ? [...OF_GRAPPLER, ...OF_XLA] : OF_GRAPPLER;
  const chains = new Chains();
  const separate: Rule = (original, context) => {
    const operation = withExactQuotients(original, compiler, context);
    const broken = chains.brokenInput(operation);
    const inputs = operation.inputs.map((input, i) =>
      i === broken || patterns.some((applies) => applies(operation, i))
        ? hidden(input, compiler, context)
        : input,
    );
    const separated = { ...operation, inputs };
    chains.add(separated);
    return { operation: separated };
  };
  return rewrite(trace, [separate]);
}

/** The value behind a barrier. Grappler takes a placeholder for something that may be fed, and does not know XLA's barrier. */
function hidden(source: Source, compiler: Compiler, context: Rewriter): Source {
  if (compiler === 'XLA') return context.compute('XlaOptimizationBarrier', [source], typeOf(source).dtype);
  const { shape, dtype } = typeOf(source);
  const attributes: OpAttribute[] = [{ name: 'shape', type: attributeType.shape, value: [...shape] }];
  const outputs = [{ dtype, shape }];
  return context.append({
    name: 'PlaceholderWithDefault',
    attributes,
    inputs: [source],
    outputs,
    varies: true,
  });
}

/** Whether input `i` of an operation needs a barrier. */
type Pattern = (operation: TracedOperation, i: number) => boolean;

const OF_GRAPPLER: readonly Pattern[] = [
  // "Not less" becomes "greater or equal", which does not hold for NaN.
  ({ name, inputs }) => {
    if (name !== 'LogicalNot' || !isMadeBy(inputs[0]!, ORDERINGS)) return false;
    return isFloat(operationOf(inputs[0]!)!.inputs[0]!);
  },

  // The logarithm of a softmax becomes a log-softmax, which stays finite where a probability is 0.
  ({ name, inputs }) => name === 'Log' && isMadeBy(inputs[0]!, ['Softmax']),

  // Where the greatest element is does not depend on a monotonic function, unless it makes elements equal, as a ReLU does.
  ({ name, inputs }, i) =>
    (name === 'ArgMax' || name === 'ArgMin') && i === 0 && operationOf(inputs[0]!) !== undefined,

  // A division becomes a product with the reciprocal, which may be infinite, or 0 for being subnormal.
  ({ name, inputs }, i) => {
    const divisor = i === 1 && DIVISIONS.includes(name) && constantOf(inputs[1]!);
    if (!divisor || !isFloat(inputs[1]!)) return false;
    const [least, greatest] = exponentsOf(divisor);
    return !(least >= -LARGEST_EXPONENT && greatest <= LARGEST_EXPONENT);
  },
];

const OF_XLA: readonly Pattern[] = [
  // log(eˣ) becomes x, and log(xʸ) becomes y · log|x|: finite where the power is not.
  ({ name, inputs }) => name === 'Log' && isMadeBy(inputs[0]!, ['Exp', 'Pow']),

  // (eˣ)ʸ becomes e to the power of x · y.
  ({ name, inputs }, i) => name === 'Pow' && i === 0 && isMadeBy(inputs[0]!, ['Exp']),

  // eˣ · eʸ becomes e to the power of x + y.
  ({ name, inputs }, i) => name === 'Mul' && i === 0 && inputs.every((input) => isMadeBy(input, ['Exp'])),

  // The root of x² becomes |x|.
  ({ name, inputs }) => name === 'Sqrt' && isSquare(inputs[0]!),

  // x / eʸ becomes x times e to the power of −y, 1 / eʸ likewise, and a / (b / c) becomes a · c / b.
  ({ name, inputs }, i) => {
    const isDivisor = (i === 1 && DIVISIONS.includes(name)) || name === 'Reciprocal';
    return isDivisor && isMadeBy(inputs[i]!, ['Exp', ...DIVISIONS]);
  },

  // (a / b) / c becomes a / (b · c). Not where b is a number and c is not, as in every step of Adam: dividing once is faster.
  ({ name, inputs }, i) => {
    if (i !== 0 || !DIVISIONS.includes(name) || !isMadeBy(inputs[0]!, DIVISIONS)) return false;
    return !isScalar(operationOf(inputs[0]!)!.inputs[1]!) || isScalar(inputs[1]!);
  },

  // x + 0 becomes x, which may be −0.
  ({ name, inputs }, i) => {
    const summand = SUMS.includes(name) && isFloat(inputs[i]!) ? constantOf(inputs[i]!) : undefined;
    return summand !== undefined && valuesOf(summand).some((value) => Object.is(value, 0));
  },
];

const ORDERINGS = ['Less', 'LessEqual', 'Greater', 'GreaterEqual'];
const DIVISIONS = ['Div', 'RealDiv'];
const SUMS = ['Add', 'AddV2'];
/** Operations whose results jump. */
const JUMPING = [
  ...ORDERINGS,
  'Equal',
  'NotEqual',
  'Floor',
  'Ceil',
  'Round',
  'Rint',
  'Sign',
  'FloorDiv',
  'FloorMod',
  'Mod',
];

/** Numbers between 2 to the power of this and its inverse have reciprocals that are normal numbers. */
const LARGEST_EXPONENT = 126;

/** Where rounding a quotient decides which side of a jump it falls on, as in ⌊x / 41⌋, it is a quotient and no product. */
function withExactQuotients(
  operation: TracedOperation,
  compiler: Compiler,
  context: Rewriter,
): TracedOperation {
  const { name, inputs, outputs } = operation;
  if (!JUMPING.includes(name) && !(name === 'Cast' && outputs[0]!.dtype !== dataType.float32))
    return operation;
  const exact = inputs.map((input) => {
    const quotient = isFloat(input) && isMadeBy(input, DIVISIONS) ? operationOf(input)! : undefined;
    const [dividend, divisor] = quotient?.inputs ?? [];
    if (!quotient || !dividend || !divisor || !constantOf(divisor)) return input;
    return context.append({ ...quotient, inputs: [dividend, hidden(divisor, compiler, context)] });
  });
  return { ...operation, inputs: exact };
}

/**
 * What sums or products one after another have in constants. Grappler brings them together in any order.
 * - Products: the sums of the exponents of factors below 1, and of those above.
 * - Sums: the negative and the positive constants.
 */
interface Chain {
  readonly kind: 'sum' | 'product';
  readonly down: number;
  readonly up: number;
}

/**
 * Products whose constants stay within these powers of 2 leave the range of float32 only where their other factors are
 * near its limits.
 */
const MOST_EXPONENTS = 32;
/** From this number on, sums are made to round what is added. */
const ROUNDING = 2 ** 20;

class Chains {
  private readonly known = new Map<TracedOperation, Chain>();

  /** The input that has to be separated from an operation because their constants must not come together. */
  brokenInput(operation: TracedOperation): number | undefined {
    const chain = this.chainOf(operation);
    const isLonger = operation.inputs.some((input) => this.inner(input, chain?.kind));
    const hasConstant = operation.inputs.some((input) => constantOf(input));
    if (!chain || !isLonger || !hasConstant || isHarmless(chain)) return undefined;
    return operation.inputs.findIndex((input) => this.inner(input, chain.kind));
  }

  add(operation: TracedOperation): void {
    const chain = this.chainOf(operation);
    if (chain) this.known.set(operation, chain);
  }

  private chainOf({ name, inputs }: TracedOperation): Chain | undefined {
    if (name === 'Neg') return this.negated(inputs[0]!);
    const kind = [...SUMS, 'Sub'].includes(name)
      ? 'sum'
      : [...DIVISIONS, 'Mul'].includes(name)
        ? 'product'
        : undefined;
    if (!kind || !isFloat(inputs[0]!)) return undefined;
    const [first, second] = inputs.map((input) => this.inner(input, kind) ?? ofConstant(input, kind));
    const isInverse = name === 'Sub' || DIVISIONS.includes(name);
    const [down, up] = isInverse ? [-second!.up, -second!.down] : [second!.down, second!.up];
    return { kind, down: first!.down + down, up: first!.up + up };
  }

  private negated(source: Source): Chain | undefined {
    const chain = this.inner(source, 'sum');
    return chain ? { kind: 'sum', down: -chain.up, up: -chain.down } : this.inner(source, 'product');
  }

  private inner(source: Source, kind: Chain['kind'] | undefined): Chain | undefined {
    const chain = source.kind === 'operation' ? this.known.get(source.operation) : undefined;
    return chain?.kind === kind ? chain : undefined;
  }
}

function ofConstant(source: Source, kind: Chain['kind']): Chain {
  const constant = constantOf(source);
  if (!constant) return { kind, down: 0, up: 0 };
  const [least, greatest] = kind === 'sum' ? extremes(valuesOf(constant)) : exponentsOf(constant);
  return { kind, down: Math.min(0, least), up: Math.max(0, greatest) };
}

/** Whether it is the same, but for rounding, in which order the constants are taken. */
function isHarmless({ kind, down, up }: Chain): boolean {
  if (kind === 'product') return down >= -MOST_EXPONENTS && up <= MOST_EXPONENTS;
  const largest = Math.max(-down, up);
  // What remains of constants that cancel is as small as the roundings of what was added to them.
  return largest < ROUNDING && Math.abs(up + down) >= largest / 2;
}

/** Binary exponents of the magnitudes of a constant: −∞ for 0, NaN if there is one. */
function exponentsOf(constant: Constant): [least: number, greatest: number] {
  return extremes(Float64Array.from(valuesOf(constant), (value) => Math.log2(Math.abs(value))));
}

function extremes(values: ArrayLike<number>): [least: number, greatest: number] {
  let [least, greatest] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    least = Math.min(least, values[i]!);
    greatest = Math.max(greatest, values[i]!);
  }
  return [least, greatest];
}

/** The constant that a value is, or that a tensor is filled with. */
function constantOf(source: Source): Constant | undefined {
  if (source.kind === 'constant') return source.constant;
  return isMadeBy(source, ['Fill']) ? constantOf(operationOf(source)!.inputs[1]!) : undefined;
}

function operationOf(source: Source): TracedOperation | undefined {
  return source.kind === 'operation' ? source.operation : undefined;
}

function isMadeBy(source: Source, names: readonly string[]): boolean {
  return source.kind === 'operation' && names.includes(source.operation.name);
}

function isSquare(source: Source): boolean {
  if (isMadeBy(source, ['Square'])) return true;
  const [x, y] = isMadeBy(source, ['Mul']) ? operationOf(source)!.inputs : [];
  return x !== undefined && sameSource(x, y);
}

function isScalar(source: Source): boolean {
  return typeOf(source).shape.length === 0;
}

function isFloat(source: Source): boolean {
  return typeOf(source).dtype === dataType.float32;
}
