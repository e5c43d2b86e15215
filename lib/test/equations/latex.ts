/** Reads the equations of the notebooks as a machine does: from their LaTeX to numbers. */
import { gridOf, map, meanOver, sumOver, zip, type Grid } from './grid';

/** What symbols stand for, by their LaTeX without spaces and braces, e.g. `m_t-1`. */
export type Scope = Record<string, number | Grid | ((x: Grid) => Grid)>;

/** One equation of a numbered formula: `symbol = expression`, or `symbol ← expression`. */
export interface Equation {
  readonly left: string;
  /** What the left side equals; of a chain `a = b = c` both b and c. */
  readonly sides: readonly string[];
  readonly isAssignment: boolean;
}

/** The equations of a formula in their order; of cases, the one with the number `branch`. */
export function equationsOf(formula: string, branch = 0): Equation[] {
  const single = formula
    .replace(/(?<!\\)\\[,;! ]/g, ' ')
    .replace(/\\begin\{cases\}([\s\S]*?)\\end\{cases\}/, (_, cases: string) => {
      const rows = cases.split('\\\\').map((row) => row.split('&')[0]!);
      return `(${rows[branch]})`;
    })
    .replace(/\\(begin|end)\{aligned\}/g, '')
    // A line that begins with its sign goes on with the chain of the line before.
    .replace(/\\\\\s*&?\s*(?==|\\approx)/g, '')
    .replace(/&/g, '');
  return single
    .split(/\\\\|\\q?quad|,\s*\\qquad|,\\quad/)
    .map((part) => part.trim().replace(/^,|,$/g, ''))
    .filter((part) => relation.test(part))
    .map((part) => {
      const [left, ...sides] = sidesOf(part);
      return { left: left!, sides, isAssignment: part.includes('\\leftarrow') };
    });
}

/** What stands between the relation signs that are in no braces. */
function sidesOf(part: string): string[] {
  const sides = [''];
  for (const [index, piece] of part.split(relation).entries()) {
    const last = sides.at(-1)!;
    const isInside = last.split('{').length > last.split('}').length;
    if (index === 0) sides[0] = piece;
    else if (isInside) sides[sides.length - 1] = `${last}=${piece}`;
    else sides.push(piece);
  }
  return sides.map((side) => side.trim());
}

const relation = /=|\\approx|\\leftarrow|\\le(?![a-z])/;

/** The value of an expression; throws where a symbol stands for nothing. */
export function valueOf(expression: string, scope: Scope): Grid {
  const parser = new Parser(expression, scope);
  const value = parser.sum();
  if (!parser.atEnd) throw new Error(`"${expression}" goes on after "${parser.read}".`);
  return value;
}

/** The name under which a symbol stands in a scope. */
export const nameOf = (symbol: string): string => symbol.replace(/[{}\s]/g, '');

const brackets: Record<string, string> = { '(': ')', '[': ']', '{': '}' };
const add = (a: Grid, b: Grid): Grid => zip(a, b, (x, y) => x + y);
const multiply = (a: Grid, b: Grid): Grid => zip(a, b, (x, y) => x * y);
const divide = (a: Grid, b: Grid): Grid => zip(a, b, (x, y) => x / y);
const negative = (a: Grid): Grid => map(a, (x) => -x);

class Parser {
  private position = 0;
  private readonly text: string;

  constructor(
    text: string,
    private readonly scope: Scope,
  ) {
    this.text = text
      .replace(/\\(bigg?|Bigg?|left|right)(?=[()[\]|])/g, '')
      .replace(/\\(cdot|odot)(?![a-z])/g, ' ')
      .replace(/\\operatorname\{(\w+)\}/g, '\\$1 ')
      .replace(/\\text\{(\w+)\}/g, '\\$1 ')
      .replace(/\\\|(.+?)\\\|/g, '\\norm{$1}');
  }

  get read(): string {
    return this.text.slice(0, this.position);
  }

  get atEnd(): boolean {
    this.skip();
    return this.position >= this.text.length;
  }

  sum(): Grid {
    let value = this.take('-') ? negative(this.product()) : this.product();
    for (;;) {
      if (this.take('+')) value = add(value, this.product());
      else if (this.take('-')) value = add(value, negative(this.product()));
      else return value;
    }
  }

  private product(): Grid {
    let value = this.power();
    for (;;) {
      if (this.take('/')) value = divide(value, this.power());
      else if (this.startsFactor()) value = multiply(value, this.power());
      else return value;
    }
  }

  private startsFactor(): boolean {
    this.skip();
    const next = this.text[this.position];
    return next !== undefined && /[\w\\([|{]/.test(next) && !(next === '|' && this.inAbsolute > 0);
  }

  private inAbsolute = 0;

  private power(): Grid {
    const base = this.atom();
    return this.take('^') ? zip(base, this.argument(), (x, y) => x ** y) : base;
  }

  /** A group, or the one symbol or digit that stands for it. */
  private argument(): Grid {
    this.skip();
    if (this.text[this.position] === '{') return this.group('{');
    const digit = /^\d/.exec(this.text.slice(this.position));
    if (digit) {
      this.position += 1;
      return gridOf(Number(digit[0]));
    }
    return this.atom();
  }

  private group(open: string): Grid {
    this.expect(open);
    const outer = this.inAbsolute;
    this.inAbsolute = 0;
    const value = this.sum();
    this.inAbsolute = outer;
    this.expect(brackets[open]!);
    return value;
  }

  private atom(): Grid {
    this.skip();
    const rest = this.text.slice(this.position);
    const number = /^\d+(\.\d+)?/.exec(rest);
    if (number) {
      this.position += number[0].length;
      return gridOf(Number(number[0]));
    }
    const open = rest[0]!;
    if (open in brackets) return this.group(open);
    if (open === '|') {
      this.position += 1;
      this.inAbsolute += 1;
      const value = this.sum();
      this.inAbsolute -= 1;
      this.expect('|');
      return map(value, Math.abs);
    }
    return this.command(rest);
  }

  private command(rest: string): Grid {
    const fraction = /^\\[td]?frac/.exec(rest);
    if (fraction) {
      this.position += fraction[0].length;
      const above = this.argument();
      return divide(above, this.argument());
    }
    const over = /^\\(sum|mean)\s*_(?:\{([ij,]+)\}|([ij]))/.exec(rest);
    if (over) {
      this.position += over[0].length;
      const index = over[2] ?? over[3]!;
      // A sum takes all factors that follow, a mean its argument.
      return over[1] === 'sum' ? sumOver(index, this.product()) : meanOver(index, this.power());
    }
    const product = /^\\prod_\{(\w)=([^{}]+)\}\^(\w)/.exec(rest);
    if (product) {
      this.position += product[0].length;
      return this.range(product[1]!, product[2]!, product[3]!);
    }
    const call = /^\\(sqrt|sign|RMS|overline|log|ln|max)(?![a-zA-Z])/.exec(rest);
    if (call) {
      this.position += call[0].length;
      return this.call(call[1]!);
    }
    return this.symbol(rest);
  }

  /** The product of what follows, for a symbol that counts from one value to another. */
  private range(counter: string, from: string, to: string): Grid {
    const body = this.text.slice(this.position);
    const [first, last] = [from, to].map((bound) => valueOf(bound, this.scope)[0]![0]!) as [number, number];
    let value = gridOf(1);
    // At least once, so that the body is read where it makes no factor.
    for (let n = first; n <= Math.max(first, last); n++) {
      const scope = new Proxy(this.scope, { get: (of, name: string) => (name === counter ? n : of[name]) });
      const parser = new Parser(body, scope);
      const factor = parser.power();
      if (n <= last) value = multiply(value, factor);
      if (n === first) this.position += parser.position;
    }
    return value;
  }

  private call(name: string): Grid {
    if (name === 'max') {
      this.expect('(');
      const first = this.sum();
      this.expect(',');
      const second = this.sum();
      this.expect(')');
      return zip(first, second, Math.max);
    }
    if (name === 'sqrt') return map(this.argument(), Math.sqrt);
    // The mean over all axes but the last.
    if (name === 'overline') return meanOver('i', this.argument());
    // A logarithm is that of all factors that follow.
    if (name === 'log' || name === 'ln') return map(this.product(), Math.log);
    const x = this.power();
    return name === 'RMS' ? map(meanOver('ij', multiply(x, x)), Math.sqrt) : map(x, Math.sign);
  }

  private symbol(rest: string): Grid {
    const [symbol] =
      /^(?:p\(\w_\w\|\w_\w\)|\\norm\{[^}]*\}|\\(?:hat|tilde) ?(?:\\[a-zA-Z]+|[a-zA-Z])|\\[a-zA-Z]+|[a-zA-Z])(?: ?_(?:\{[^{}]*\}|\w))?/.exec(
        rest,
      ) ?? [];
    if (symbol === undefined) throw new Error(`Nothing is known about "${rest}".`);
    this.position += symbol.length;
    const value = this.scope[nameOf(symbol)];
    if (value === undefined) throw new Error(`${symbol} stands for nothing.`);
    return typeof value === 'function' ? value(this.group('(')) : gridOf(value);
  }

  private skip(): void {
    while (/\s/.test(this.text[this.position] ?? '')) this.position += 1;
  }

  private take(sign: string): boolean {
    this.skip();
    if (this.text[this.position] !== sign) return false;
    this.position += 1;
    return true;
  }

  private expect(sign: string): void {
    if (!this.take(sign)) throw new Error(`"${this.read}" should be followed by "${sign}".`);
  }
}
