/** Reads the equations of the notebooks as a machine does: from their LaTeX to numbers. */

/** What symbols stand for, by their LaTeX without spaces and braces, e.g. `m_t-1`. */
export type Scope = Record<string, number | ((x: number) => number)>;

/** One equation of a numbered formula: `symbol = expression`, or `symbol ← expression`. */
export interface Equation {
  readonly left: string;
  readonly right: string;
  readonly isAssignment: boolean;
}

/** The equations of a formula in their order; of cases, the one with the number `branch`. */
export function equationsOf(formula: string, branch = 0): Equation[] {
  const single = formula
    .replace(/\\begin\{cases\}([\s\S]*?)\\end\{cases\}/, (_, cases: string) => {
      const rows = cases.split('\\\\').map((row) => row.split('&')[0]!);
      return `(${rows[branch]})`;
    })
    .replace(/\\(begin|end)\{aligned\}/g, '')
    .replace(/&/g, '');
  return single
    .split(/\\\\|\\q?quad|,\s*\\qquad|,\\quad/)
    .map((part) => part.trim().replace(/^,|,$/g, ''))
    .filter((part) => /=|\\approx|\\leftarrow/.test(part))
    .map((part) => {
      const [left, ...rights] = part.split(/=|\\approx|\\leftarrow/);
      return {
        left: left!.trim(),
        // Of a chain of equal expressions the last one is the closed form.
        right: rights.at(-1)!.trim(),
        isAssignment: part.includes('\\leftarrow'),
      };
    });
}

/** The value of an expression; throws where a symbol stands for nothing. */
export function valueOf(expression: string, scope: Scope): number {
  const parser = new Parser(expression, scope);
  const value = parser.sum();
  if (!parser.atEnd) throw new Error(`"${expression}" goes on after "${parser.read}".`);
  return value;
}

/** The name under which a symbol stands in a scope. */
export const nameOf = (symbol: string): string => symbol.replace(/[{}\s]/g, '');

const brackets: Record<string, string> = { '(': ')', '[': ']', '{': '}' };

class Parser {
  private position = 0;
  private readonly text: string;

  constructor(
    text: string,
    private readonly scope: Scope,
  ) {
    this.text = text
      .replace(/\\(big|Big|left|right)(?=[()[\]|])/g, '')
      .replace(/\\[,;!]|\\ /g, ' ')
      .replace(/\\(cdot|odot)/g, ' ')
      .replace(/\\operatorname\{(\w+)\}/g, '\\$1')
      .replace(/\\text\{(\w+)\}/g, '\\$1 ')
      .replace(/\\(sum|mean)_\w/g, '\\mean ')
      .replace(/\\\|(.+?)\\\|/g, '\\norm{$1}');
  }

  get read(): string {
    return this.text.slice(0, this.position);
  }

  get atEnd(): boolean {
    this.skip();
    return this.position >= this.text.length;
  }

  sum(): number {
    let value = this.take('-') ? -this.product() : this.product();
    for (;;) {
      if (this.take('+')) value += this.product();
      else if (this.take('-')) value -= this.product();
      else return value;
    }
  }

  private product(): number {
    let value = this.power();
    for (;;) {
      if (this.take('/')) value /= this.power();
      else if (this.startsFactor()) value *= this.power();
      else return value;
    }
  }

  private startsFactor(): boolean {
    this.skip();
    const next = this.text[this.position];
    return next !== undefined && /[\w\\([|{]/.test(next) && !(next === '|' && this.inAbsolute > 0);
  }

  private inAbsolute = 0;

  private power(): number {
    const base = this.atom();
    return this.take('^') ? base ** this.argument() : base;
  }

  /** A group, or the one symbol or digit that stands for it. */
  private argument(): number {
    this.skip();
    if (this.text[this.position] === '{') return this.group('{');
    const digit = /^\d/.exec(this.text.slice(this.position));
    if (digit) {
      this.position += 1;
      return Number(digit[0]);
    }
    return this.atom();
  }

  private group(open: string): number {
    this.expect(open);
    const outer = this.inAbsolute;
    this.inAbsolute = 0;
    const value = this.sum();
    this.inAbsolute = outer;
    this.expect(brackets[open]!);
    return value;
  }

  private atom(): number {
    this.skip();
    const rest = this.text.slice(this.position);
    const number = /^\d+(\.\d+)?/.exec(rest);
    if (number) {
      this.position += number[0].length;
      return Number(number[0]);
    }
    const open = rest[0]!;
    if (open in brackets) return this.group(open);
    if (open === '|') {
      this.position += 1;
      this.inAbsolute += 1;
      const value = this.sum();
      this.inAbsolute -= 1;
      this.expect('|');
      return Math.abs(value);
    }
    return this.command(rest);
  }

  private command(rest: string): number {
    const fraction = /^\\t?frac/.exec(rest);
    if (fraction) {
      this.position += fraction[0].length;
      const above = this.argument();
      return above / this.argument();
    }
    const call = /^\\(sqrt|sign|RMS|mean|overline|log|ln|max)(?![a-zA-Z])/.exec(rest);
    if (call) {
      this.position += call[0].length;
      return this.call(call[1]!);
    }
    return this.symbol(rest);
  }

  private call(name: string): number {
    if (name === 'max') {
      this.expect('(');
      const first = this.sum();
      this.expect(',');
      const second = this.sum();
      this.expect(')');
      return Math.max(first, second);
    }
    if (name === 'sqrt') return Math.sqrt(this.argument());
    // The means of one element are the element.
    const x = name === 'overline' ? this.argument() : this.power();
    if (name === 'sign') return Math.sign(x);
    if (name === 'RMS') return Math.abs(x);
    return name === 'log' || name === 'ln' ? Math.log(x) : x;
  }

  private symbol(rest: string): number {
    const [symbol] =
      /^(?:\\norm\{[^}]*\}|\\(?:hat|tilde) ?(?:\\[a-zA-Z]+|[a-zA-Z])|\\[a-zA-Z]+|[a-zA-Z])(?:_(?:\{[^{}]*\}|\w))?/.exec(
        rest,
      ) ?? [];
    if (symbol === undefined) throw new Error(`Nothing is known about "${rest}".`);
    this.position += symbol.length;
    const value = this.scope[nameOf(symbol)];
    if (value === undefined) throw new Error(`${symbol} stands for nothing.`);
    return typeof value === 'number' ? value : value(this.group('('));
  }

  private skip(): void {
    while (this.text[this.position] === ' ' || this.text[this.position] === '\n') this.position += 1;
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
