/** The equations that lines of the library name stand in the notebooks, and say in numbers what the lines compute. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { truncatedStandardDeviation } from '../../src/initializers';
import { ParameterScope } from '../../src/models';
import { residualUnit } from '../../src/models/residual';
import {
  adaFactor,
  adam,
  adaX,
  amos,
  amosSchedule,
  factoringError,
  iDivergence,
  lion,
  optimizer,
  rankOneFactors,
  rmsProp,
  schedules,
  sgd,
  signum,
  tiger,
} from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { dualAscent, estimateInformation, gaussianKl, reparameterize } from '../../src/vae';
import {
  draw,
  normal,
  stateOf,
  step,
  uniform,
  values,
  variable,
  type AnyOptimizer,
} from '../optimizers/support';
import { gridOf, map, meanOver, reshape, sumOver, zip, type Grid } from './grid';
import { equationsOf, nameOf, valueOf, type Scope } from './latex';

afterEach(() => tf.disposeVariables());

const root = join(__dirname, '..', '..', '..');
const source = join(root, 'lib', 'src');

/** The numbered formulas of all notebooks, by tag. */
const formulas = new Map<string, { readonly notebook: string; readonly latex: string }>();
for (const notebook of readdirSync(join(root, 'notebooks')).filter((name) => name.endsWith('.ipynb'))) {
  const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', notebook), 'utf8')) as {
    cells: { cell_type: string; source: string[] | string }[];
  };
  const text = cells
    .flatMap((cell) => (cell.cell_type === 'markdown' ? [[cell.source].flat().join('')] : []))
    .join('\n');
  for (const [, body] of text.matchAll(/\$\$([^$]+)\$\$/g)) {
    const tag = /\\tag\{([^}]+)\}/.exec(body!)?.[1];
    // θ* is a symbol, not a power; a remark in brackets is no factor.
    const latex = body!
      .replace(/\\tag\{[^}]+\}/, '')
      .replaceAll('^*', '_{*}')
      .replace(/\\text\{\([^)]*\)\}/g, '');
    if (tag) formulas.set(tag, { notebook, latex });
  }
}

function formulaOf(tag: string): { readonly notebook: string; readonly latex: string } {
  const formula = formulas.get(tag);
  if (!formula) throw new Error(`No notebook has an equation (${tag}).`);
  return formula;
}

/**
 * Equations that no line of the library names, by what they say, spaces apart: their numbers change when a lesson is
 * rewritten. One that no notebook has is not compared.
 */
const forms = {
  bestFactors: '\\frac{\\partial\\ell}{\\partiala_i}',
  correctedMoment: '\\frac{1-\\beta_2^{t-1}}{1-\\beta_2^t}',
  weightsOfAdaFactor: 'w_i=i^{-c}',
  largestUpdate: 't^{c/2}',
  largestStep: '\\operatorname{RMS}(\\theta_t-\\theta_{t-1})\\le',
  growingMoment: 'v_t=(1+\\beta_2)v_{t-1}',
  growingForm: 'D_{t-1}\\hatv_{t-1}',
  decays: '1-\\hat\\beta_t=t^{-c}',
  lateDecay: 'e^{-\\beta_2t}',
  weightsOfAdaX: 'w_i=\\frac{\\beta_2(1+\\beta_2)',
  stepWithDecay: '\\theta_{t+1}=\\theta_t-(\\alpha_tu_t+\\rho_t\\theta_t)',
  adamOfLion: '\\begin{aligned}m_t&=\\beta_1m_{t-1}',
  boxBound: '|\\theta_t|\\le(1-\\eta\\lambda)',
  plainTiger: '\\begin{aligned}m_t&=\\betam_{t-1}',
  constantSign: '\\theta_t=\\theta_{t-1}-\\eta\\,[s+\\lambda\\theta_{t-1}]',
  restOfConstantSign: '\\theta_{*}=-\\frac',
  wayOfConstantSign: '(1-\\eta\\lambda)^t(\\theta_0-\\theta_{*})',
  wayAfterTheLast: '\\sum_{n\\ge0}\\eta',
  momentumOfTiger: /^m_t=\\betam_\{t-1\}\+\(1-\\beta\)g_t$/,
  rateOfTiger: '\\eta_t=\\alpha\\operatorname{RMS}(\\theta_{t-1})',
  stepOfTiger: '-\\eta_t\\,[\\operatorname{sign}(m_t)+\\lambda\\theta_{t-1}]',
} as const;

function says(latex: string, form: string | RegExp): boolean {
  const text = latex.replace(/\s/g, '');
  return typeof form === 'string' ? text.includes(form) : form.test(text);
}

/** The number of the equation of a form, if a notebook has it. */
const tagOf = (form: keyof typeof forms): string | undefined =>
  [...formulas].find(([, { latex }]) => says(latex, forms[form]))?.[0];

/** The lines of the library that name an equation. */
const lines = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) =>
    readFileSync(join(source, file), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        [...(/\/\/ (?=\(\d)(.*)$/.exec(line)?.[1] ?? '').matchAll(/\((\d\.\d+[a-z]?)\)/g)].map(([, tag]) => ({
          tag: tag!,
          place: `${relative(root, join(source, file))}:${index + 1}`,
          code: line.trim(),
        })),
      ),
  );

/** The equations with which the library was compared. */
const compared = new Set<string>();

/** The equations with these numbers, in order, as one system. */
class System {
  private readonly definitions = new Map<string, { readonly tag: string; readonly expression: string }>();
  /** Of the symbols that equations overwrite: which equations made their values. */
  private readonly overwritten = new Map<string, readonly string[]>();
  /** Which equations the value that was asked for last comes from. */
  private used = new Set<string>();
  /** Equations whose results are known to be those of the code. */
  private readonly sound = new Set<string>();

  constructor(
    tags: readonly (string | undefined)[],
    private readonly scope: Scope,
    branch = 0,
    private readonly aliases: Readonly<Record<string, string>> = {},
  ) {
    for (const tag of tags.filter((of) => of !== undefined)) {
      for (const { left, sides, isAssignment } of equationsOf(formulaOf(tag).latex, branch)) {
        const expression = sides.at(-1)!;
        // 1 − β̂ = … defines β̂.
        const rest = /^1-(\\hat\\beta_t)$/.exec(left)?.[1];
        if (isAssignment) {
          this.used = new Set([tag]);
          const value = this.evaluate(expression);
          this.scope[nameOf(left)] = value;
          this.overwritten.set(nameOf(left), [...this.used]);
        } else if (rest) this.definitions.set(nameOf(rest), { tag, expression: `1-(${expression})` });
        else if (!this.definitions.has(nameOf(left))) this.definitions.set(nameOf(left), { tag, expression });
      }
    }
  }

  /** Compares what the equations give for a symbol with what the code gave. */
  compare(symbol: string, code: number | Grid, files: RegExp): void {
    this.used = new Set();
    this.check(symbol, this.evaluate(symbol), gridOf(code), files);
  }

  /** Compares one side of an equation, of those that its number stands for. */
  compareSide(
    tag: string,
    code: number | Grid,
    files: RegExp,
    { equation = 0, side = 0, rtol = 2e-5 }: { equation?: number; side?: number; rtol?: number } = {},
  ): void {
    const expression = equationsOf(formulaOf(tag).latex)[equation]?.sides[side];
    if (expression === undefined) throw new Error(`(${tag}) of ${formulaOf(tag).notebook} has no such side.`);
    this.used = new Set([tag]);
    this.check(expression, this.evaluate(expression), gridOf(code), files, rtol);
  }

  /** The same for an equation that is known by its form. */
  compareForm(
    form: keyof typeof forms,
    code: number | Grid,
    files: RegExp,
    options?: { equation?: number; side?: number; rtol?: number },
  ): void {
    const tag = tagOf(form);
    if (tag) this.compareSide(tag, code, files, options);
  }

  /** The message names notebook, equations and lines: those whose results are not known to be sound. */
  private check(what: string, paper: Grid, code: Grid, files: RegExp, rtol = 2e-5): void {
    const tags = [...this.used]
      .filter((tag) => !this.sound.has(tag))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const off = zip(paper, code, (a, b) => (Math.abs(a - b) <= rtol * Math.max(Math.abs(a), 1e-3) ? 0 : 1));
    const row = off.findIndex((cells) => cells.includes(1));
    if (row >= 0) {
      const at = off[row]!.indexOf(1);
      const [expected, found] = [zip(paper, off, (a) => a)[row]![at], zip(code, off, (a) => a)[row]![at]];
      const numbers = tags.map((tag) => `${formulaOf(tag).notebook} (${tag})`).join(', ');
      const places = lines.filter(({ tag, place }) => tags.includes(tag) && files.test(place));
      throw new Error(
        `${numbers}: ${what} at [${row}, ${at}] is ${expected}, but the code gives ${found}.\n` +
          places.map(({ place, code: line }) => `  ${place}  ${line}`).join('\n'),
      );
    }
    for (const tag of this.used) {
      this.sound.add(tag);
      compared.add(tag);
    }
  }

  /** The value of an expression, whose symbols are looked up in the scope and in the equations. */
  private evaluate(expression: string): Grid {
    const scope = new Proxy(this.scope, {
      get: (given, name: string) => {
        for (const tag of this.overwritten.get(name) ?? []) this.used.add(tag);
        if (name in given) return given[name];
        if (name in this.aliases) return this.evaluate(this.aliases[name]!);
        const definition = this.definitions.get(name);
        if (!definition) return undefined;
        this.used.add(definition.tag);
        return this.evaluate(definition.expression);
      },
    });
    return valueOf(expression, scope);
  }
}

interface Rule {
  readonly name: string;
  readonly make: (options: Record<string, unknown>) => AnyOptimizer;
  readonly options: Record<string, unknown>;
  /** Numbers of equations; undefined for one that no notebook has. */
  readonly tags: readonly (string | undefined)[];
  readonly files: RegExp;
  /** What the symbols of the state are called in the library. */
  readonly slots: Record<string, string>;
  readonly constants: Scope;
  readonly theta?: string;
  readonly parameter?: string;
  readonly branch?: number;
  /** Whether the equations overwrite their symbols. */
  readonly overwrites?: boolean;
  /** What one equation calls otherwise than the next. */
  readonly aliases?: Record<string, string>;
}

const allRules: readonly Rule[] = [
  {
    name: 'Adam',
    make: adam,
    options: { learningRate: 0.3, beta1: 0.8, beta2: 0.9, epsilon: 0.01 },
    tags: ['1.1', '1.2', '1.3', '1.4'],
    files: /adam\.ts/,
    slots: { m_t: 'firstMoment', v_t: 'secondMoment' },
    constants: { '\\alpha_t': 0.3, '\\beta_1': 0.8, '\\beta_2': 0.9, '\\epsilon': 0.01 },
  },
  {
    name: 'Adam, as notebook 05 writes it',
    make: adam,
    options: { learningRate: 0.3, beta1: 0.8, beta2: 0.9, epsilon: 0.01, weightDecay: 0.2 },
    tags: [tagOf('adamOfLion'), '5.2'],
    files: /adam\.ts/,
    slots: { m_t: 'firstMoment', v_t: 'secondMoment' },
    constants: {
      '\\eta_t': 0.3,
      '\\beta_1': 0.8,
      '\\beta_2': 0.9,
      '\\epsilon': 0.01,
      '\\lambda_t': 0.2,
    },
  },
  {
    name: 'RMSProp',
    make: rmsProp,
    options: { learningRate: 0.3, beta2: 0.9, epsilon: 0.01 },
    tags: ['1.2', '1.5', '1.4'],
    files: /rmsProp\.ts/,
    slots: { v_t: 'secondMoment' },
    constants: { '\\alpha_t': 0.3, '\\beta_2': 0.9, '\\epsilon': 0.01 },
  },
  {
    name: 'AdaFactor',
    make: adaFactor,
    options: {
      learningRate: 0.3,
      decayExponent: 0.7,
      epsilon1: 0.02,
      epsilon2: 0.5,
      clipThreshold: 0.9,
      minDimensionSizeToFactor: 1,
    },
    tags: ['1.6', '1.7', '1.8', '1.9', '1.10', '1.11'],
    files: /adaFactor\.ts/,
    slots: { 'r_{i,t}': 'rowSecondMoment', 'k_{j,t}': 'columnSecondMoment' },
    constants: { '\\alpha_t': 0.3, c: 0.7, '\\epsilon_1': 0.02, '\\epsilon_2': 0.5, d: 0.9 },
    aliases: { u_t: 'u_{ij,t}' },
  },
  {
    name: 'AdaX',
    make: adaX,
    options: { learningRate: 0.3, beta1: 0.8, beta2: 0.05, epsilon: 0.01 },
    tags: ['2.1', '2.2', '2.3', '2.4'],
    files: /adaX\.ts/,
    slots: { m_t: 'firstMoment', '\\hat v_t': 'secondMoment' },
    constants: { '\\alpha_t': 0.3, '\\beta_1': 0.8, '\\beta_2': 0.05, '\\epsilon': 0.01 },
  },
  {
    name: 'Amos',
    make: amos,
    options: { learningRate: 0.3, beta: 0.9, epsilon: 1e-6, scale: 2 },
    tags: ['4.5', '4.6', '4.7', '4.8', '4.9'],
    files: /amos\.ts/,
    slots: { v: 'secondMoment', b: 'accumulatedDecay' },
    constants: { '\\xi': 0.3, '\\beta': 0.9, '\\epsilon': 1e-6, '\\tilde\\eta': 2 },
    theta: '\\theta',
    overwrites: true,
  },
  {
    name: 'Lion',
    make: lion,
    options: { learningRate: 0.3, beta1: 0.8, beta2: 0.6, weightDecay: 0.2 },
    tags: ['5.1', '5.2', '5.3'],
    files: /lion\.ts/,
    slots: { m_t: 'momentum' },
    constants: { '\\eta_t': 0.3, '\\beta_1': 0.8, '\\beta_2': 0.6, '\\lambda_t': 0.2 },
  },
  {
    name: 'SIGNUM',
    make: signum,
    options: { learningRate: 0.3, beta: 0.8, weightDecay: 0.2 },
    tags: ['5.5', '5.2'],
    files: /signum\.ts/,
    slots: { m_t: 'momentum' },
    constants: { '\\eta_t': 0.3, '\\beta': 0.8, '\\lambda_t': 0.2 },
  },
  {
    name: 'Tiger without relative rates',
    make: tiger,
    options: { learningRate: 0.3, beta: 0.8, weightDecay: 0.2, relative: false },
    tags: [tagOf('plainTiger')],
    files: /tiger\.ts/,
    slots: { m_t: 'momentum' },
    constants: { '\\eta_t': 0.3, '\\beta': 0.8, '\\lambda_t': 0.2 },
  },
  {
    name: 'Tiger, as notebook 07 writes it',
    make: tiger,
    options: { learningRate: 0.3, beta: 0.8, weightDecay: 0.2 },
    tags: [tagOf('momentumOfTiger'), tagOf('rateOfTiger'), tagOf('stepOfTiger')],
    files: /tiger\.ts/,
    slots: { m_t: 'momentum' },
    constants: { '\\alpha': 0.3, '\\beta': 0.8, '\\lambda': 0.2 },
  },
  ...[false, true].flatMap((isBias): Rule[] => [
    {
      name: `Tiger, ${isBias ? 'a bias' : 'a kernel'}`,
      make: tiger,
      options: { learningRate: 0.3, beta: 0.8, weightDecay: isBias ? 0 : 0.2 },
      tags: ['6.2', '6.3', '6.4'],
      files: /tiger\.ts/,
      slots: { m_t: 'momentum' },
      constants: {
        '\\alpha_t': 0.3,
        '\\beta': 0.8,
        '\\lambda_t': isBias ? 0 : 0.2,
        '\\chi_(t-1)/k': 1,
        '\\chi_t/k': 1,
        k: 1,
      },
      parameter: isBias ? 'bias' : 'kernel',
      branch: isBias ? 0 : 1,
    },
  ]),
];

const rules = allRules.filter(({ tags }) => !tags.includes(undefined));

const [rows, columns] = [3, 4];
/** A tensor of the library as the equations see it: a vector of `rows` elements stands upright. */
const asGrid = (numbers: ArrayLike<number>): Grid => reshape(numbers, numbers.length === rows ? 1 : columns);

/** Makes steps of a rule and of its equations, on a matrix whose elements all differ; a bias is a vector. */
async function follow(rule: Rule, { make } = rule): Promise<void> {
  const next = normal(7);
  const parameter = rule.parameter ?? 'kernel';
  const shape = parameter === 'bias' ? [columns] : [rows, columns];
  const size = shape.reduce((a, b) => a * b);
  const x = variable(parameter, shape, draw(size, next));
  const made = make(rule.options);
  const slotOf = async (slot: string): Promise<Grid> => {
    const found = (await stateOf(made))[`${parameter}/${slot}`];
    return found ? asGrid(found) : gridOf(0);
  };
  const theta = rule.theta ?? '\\theta_t';
  const before = (symbol: string): string =>
    rule.overwrites ? nameOf(symbol) : nameOf(symbol).replace(/t$/, 't-1');
  for (let t = 1; t <= 5; t++) {
    const gradient = draw(size, next);
    const g = asGrid(gradient);
    const scope: Scope = { ...rule.constants, t, g, g_t: g, 'g_ij,t': g };
    scope[before(theta)] = asGrid(values(x));
    for (const [symbol, slot] of Object.entries(rule.slots)) scope[before(symbol)] = await slotOf(slot);
    step(made, [[x, gradient]]);
    const solve = new System(rule.tags, scope, rule.branch, rule.aliases);
    for (const [symbol, slot] of Object.entries(rule.slots))
      solve.compare(symbol, await slotOf(slot), rule.files);
    solve.compare(theta, asGrid(values(x)), rule.files);
  }
  x.dispose();
}

describe('the equations that the library names', () => {
  it('stand in the notebooks', () => {
    expect(lines.length).toBeGreaterThan(40);
    expect(lines.filter(({ tag }) => !formulas.has(tag))).toEqual([]);
  });

  it.each(rules)('$tags are what $name computes', (rule) => follow(rule));

  it('are told apart from a line that is wrong, with notebook, equation and line', async () => {
    const wrong = optimizer('WrongAdam', {
      ...adam.definition,
      update: (inputs) =>
        adam.definition.update({ ...inputs, h: { ...inputs.h, oneMinusBeta2: inputs.h.beta2 } }),
    });
    await expect(follow({ ...rules[0]!, make: wrong })).rejects.toThrow(
      /^01-adafactor\.ipynb \(1\.2\): v_t at \[\d, \d\] is [\d.e-]+, but the code gives [\d.e-]+\.\n {2}lib\/src\/optimizers\/adam\.ts:\d+ {2}const v = .*$/,
    );
    tf.disposeVariables();
    // A single element would not tell rows from each other.
    const transposed = optimizer('WrongFactor', {
      ...adaFactor.definition,
      update: (inputs) => {
        const { theta, slots } = adaFactor.definition.update(inputs);
        const { rowSecondMoment: row } = slots;
        return { theta, slots: { ...slots, ...(row && { rowSecondMoment: tf.reverse(row) }) } };
      },
    });
    const factored = rules.find(({ name }) => name === 'AdaFactor')!;
    await expect(follow({ ...factored, make: transposed })).rejects.toThrow(
      /^01-adafactor\.ipynb \(1\.6\), 01-adafactor\.ipynb \(1\.7\): r_\{i,t\} at /,
    );
  });
});

describe('Tiger', () => {
  const constants = { '\\alpha_t': 0.3, '\\beta': 0.8, '\\lambda_t': 0.2, k: 3 };

  it('(6.3), (6.4): accumulates inside the momentum', async () => {
    const made = tiger({ learningRate: 0.3, beta: 0.8, weightDecay: 0.2, accumulationSteps: 3 });
    const next = normal(3);
    const x = variable('kernel', [rows, columns], draw(rows * columns, next));
    for (let t = 1; t <= 9; t++) {
      const gradient = draw(rows * columns, next);
      const m = (await stateOf(made))['kernel/momentum'];
      const solve = new System(
        ['6.2', '6.3', '6.4'],
        {
          ...constants,
          'm_t-1': m ? asGrid(m) : 0,
          '\\theta_t-1': asGrid(values(x)),
          g_t: asGrid(gradient),
          '\\chi_(t-1)/k': (t - 1) % 3 === 0 ? 1 : 0,
          '\\chi_t/k': t % 3 === 0 ? 1 : 0,
        },
        1,
      );
      step(made, [[x, gradient]]);
      solve.compare('m_t', asGrid((await stateOf(made))['kernel/momentum']!), /tiger/);
      solve.compare('\\theta_t', asGrid(values(x)), /tiger/);
    }
  });

  it('(6.5): shrinks where a gradient is NaN', async () => {
    const made = tiger({ learningRate: 0.3 });
    for (const [name, c] of [
      ['kernel', 0],
      ['gamma', 1],
    ] as const) {
      const next = normal(5);
      const x = variable(name, [columns], draw(columns, next));
      step(made, [[x, draw(columns, next)]]);
      const m = asGrid((await stateOf(made))[`${name}/momentum`]!);
      const solve = new System(['6.5'], { '\\theta_t-1': asGrid(values(x)), 'm_t-1': m, c });
      step(made, [[x, [1, NaN, 2, 3]]]);
      solve.compare('\\theta_t', asGrid(values(x)), /tiger/);
      solve.compare('m_t', asGrid((await stateOf(made))[`${name}/momentum`]!), /tiger/);
    }
  });

  it('(6.6): takes any power of the momentum', async () => {
    for (const gamma of [0.3, 0.5]) {
      const made = tiger({ learningRate: 1, beta: 0.5, weightDecay: 0, relative: false, gamma });
      const x = variable('kernel', [columns], [0, 0, 0, 0]);
      step(made, [[x, [-0.8, 0.3, 2, -4]]]);
      const m = asGrid((await stateOf(made))['kernel/momentum']!);
      const moved = map(asGrid(values(x)), (value) => -value);
      new System(['6.6'], { m_t: m, '\\gamma_t': gamma }).compare('u_t', moved, /tiger/);
      made.dispose();
      x.dispose();
    }
  });
});

describe('schedules', () => {
  const [alpha0, sigma, q, kappa] = [0.02, 0.3, 0.7, 0.05];
  const scope = { '\\alpha_0': alpha0, '\\norm\\varepsilon_0': sigma, '\\normu_t': 1, q };

  it.each([
    { tag: '4.3', decay: 'inverseSquare', p: 'p', value: kappa / alpha0 },
    { tag: '4.4', decay: 'inverseTime', p: 'p_0', value: kappa / (2 * alpha0) },
  ] as const)('($tag): $decay, alone and in amosSchedule', ({ tag, decay, p, value }) => {
    const { learningRate, weightDecay } = amosSchedule({ alpha0, sigma, q, decay, kappa });
    const alone = schedules[decay]({ initial: alpha0 * sigma, kappa });
    for (const t of [0, 1, 2, 10, 1000]) {
      const solve = new System([tag], { ...scope, [p]: value, t });
      solve.compare('\\alpha_t', learningRate(t + 1), /amosSchedule/);
      solve.compare('\\alpha_t', alone(t + 1), /schedules/);
      solve.compare('\\rho_t', weightDecay * learningRate(t + 1), /amosSchedule/);
    }
  });

  it('(5.8): what amosSchedule advises for Lion', () => {
    const { learningRate, weightDecay } = amosSchedule({ alpha0, sigma, kappa });
    for (const t of [0, 7, 100]) {
      const solve = new System(['5.8'], { '\\alpha_0': alpha0, '\\sigma': sigma, '\\kappa': kappa, t });
      solve.compare('\\eta_t', learningRate(t + 1), /amosSchedule/);
      solve.compare('\\lambda', weightDecay, /amosSchedule/);
    }
  });

  it('decays of second moments that depend on the step', () => {
    for (const t of [1, 2, 10, 1000]) {
      const { oneMinusBeta2, biasCorrection2 } = adam({ beta2: 0.99 }).hyperparameters(t);
      new System([], { '\\beta_2': 0.99, t }).compareForm('decays', oneMinusBeta2 / biasCorrection2, /adam/);
      const relative = adaFactor({ decayExponent: 0.7 }).hyperparameters(t).oneMinusBeta2;
      new System([], { c: 0.7, t }).compareForm('decays', relative, /adaFactor/, { equation: 1 });
    }
    const late = { t: 1e5, '\\beta_2': 1e-4, e: Math.E };
    const rest = adaX({ beta2: 1e-4 }).hyperparameters(late.t).oneMinusBeta2;
    // An approximation for many steps and a small β₂.
    new System([], late).compareForm('lateDecay', rest, /adaX/, { rtol: 1e-3 });
  });
});

describe('second moments', () => {
  const c = reshape(draw(rows * columns, uniform(2)), columns);
  const { row, column } = rankOneFactors(c.flat(), columns);
  const total = sumOver('ij', c);
  const sums = { R_i: sumOver('j', c), K_j: sumOver('i', c), S: total, c_ij: c };
  const factors = { a_i: reshape(row, 1), b_j: reshape(column, columns) };

  it('(1.12), (1.14), (1.15): the best factors of a matrix, and what they lose', () => {
    const best = new System(['1.14'], { ...sums });
    best.compare('a_i', factors.a_i, /factoring/);
    best.compare('b_j', factors.b_j, /factoring/);
    const given = new System([], { ...sums, ...factors });
    const loss = iDivergence(c.flat(), row, column);
    given.compareSide('1.12', loss, /factoring/);
    given.compareSide('1.15', loss, /factoring/);
    given.compareSide('1.15', factoringError(c.flat(), columns) * total[0]![0]!, /factoring/);
    for (const equation of [0, 1]) {
      const still = map(equation === 0 ? factors.a_i : factors.b_j, () => 0);
      given.compareForm('bestFactors', still, /factoring/, { equation });
    }
    const other = draw(rows, uniform(9));
    new System([], { ...sums, ...factors, a_i: reshape(other, 1) }).compareSide(
      '1.12',
      iDivergence(c.flat(), other, column),
      /factoring/,
    );
  });

  /** The second moment after T steps with a gradient of 1 in step i and of 0 in all others. */
  async function weightOf(make: () => AnyOptimizer, i: number, T: number): Promise<number> {
    const [made, x] = [make(), variable('kernel', [1], [1])];
    for (let t = 1; t <= T; t++) step(made, [[x, [t === i ? 1 : 0]]]);
    const weight = (await stateOf(made))['kernel/secondMoment']![0]!;
    made.dispose();
    x.dispose();
    return weight;
  }

  it('how much of an early gradient is left', async () => {
    for (const [i, T] of [
      [1, 1],
      [1, 6],
      [4, 6],
      [6, 6],
    ] as const) {
      const kept = await weightOf(() => adaFactor({ decayExponent: 0.7 }), i, T);
      new System([], { c: 0.7, i, T }).compareForm('weightsOfAdaFactor', kept, /adaFactor/);
      const remembered = await weightOf(() => adaX({ beta2: 0.05 }), i, T);
      new System([], { '\\beta_2': 0.05, i, T }).compareForm('weightsOfAdaX', remembered, /adaX/);
    }
  });

  it('the forms of a corrected second moment', async () => {
    const next = normal(4);
    const x = variable('kernel', [rows, columns], draw(rows * columns, next));
    const [plain, growing] = [adam({ beta2: 0.9 }), adaX({ beta2: 0.05 })];
    const read = async (of: AnyOptimizer): Promise<Grid> =>
      asGrid((await stateOf(of))['kernel/secondMoment'] ?? new Float64Array(rows * columns));
    for (let t = 1; t <= 5; t++) {
      const gradient = draw(rows * columns, next);
      const before = [await read(plain), await read(growing)] as const;
      step(plain, [[x, gradient]]);
      step(growing, [[x, gradient]]);
      const scope = { t, g_t: asGrid(gradient) };
      const growth = (s: number): number => 1.05 ** s - 1;
      const ofAdaX = { ...scope, '\\beta_2': 0.05, D_t: growth(t), 'D_t-1': growth(t - 1) };
      const sums = map(before[1], (v) => v * growth(t - 1));
      new System([tagOf('growingMoment')], { ...ofAdaX, 'v_t-1': sums }).compareForm(
        'growingMoment',
        await read(growing),
        /adaX/,
        { equation: 1 },
      );
      for (const side of [0, 1]) {
        const solve = new System([], { ...ofAdaX, '\\hatv_t-1': before[1] });
        solve.compareForm('growingForm', await read(growing), /adaX/, { side });
      }
      if (t === 1) continue;
      const corrected = (v: Grid, s: number): Grid => map(v, (value) => value / (1 - 0.9 ** s));
      for (const side of [0, 1]) {
        const solve = new System(side === 0 ? [] : [tagOf('correctedMoment')], {
          ...scope,
          '\\beta_2': 0.9,
          '\\hatv_t-1': corrected(before[0], t - 1),
        });
        solve.compareForm('correctedMoment', corrected(await read(plain), t), /adam/, { side });
      }
    }
  });

  it('the largest steps of AdaFactor', () => {
    const make = (more: object): AnyOptimizer =>
      adaFactor({ learningRate: 0.3, decayExponent: 0.7, minDimensionSizeToFactor: 1000, ...more });
    for (const t of [2, 5, 9]) {
      const made = make({ learningRate: 1, clipThreshold: null, scaleByParameter: false });
      const x = variable('kernel', [1], [0]);
      for (let s = 1; s < t; s++) step(made, [[x, [0]]]);
      const start = values(x)[0]!;
      step(made, [[x, [1]]]);
      const solve = new System([], { t, c: 0.7, '\\hat\\beta_t': 1 - t ** -0.7 });
      for (const side of [0, 1])
        solve.compareForm('largestUpdate', start - values(x)[0]!, /adaFactor/, { side });
      x.dispose();
    }
    const made = make({ clipThreshold: 0.5, epsilon2: 1e-3 });
    const start = draw(rows * columns, normal(6));
    const x = variable('kernel', [rows, columns], start);
    // In the first step all elements of the update are 1 in size, so that it is clipped.
    step(made, [[x, draw(rows * columns, normal(7))]]);
    const moved = zip(asGrid(values(x)), asGrid(start), (a, b) => a - b);
    const size = map(
      meanOver(
        'ij',
        map(moved, (d) => d ** 2),
      ),
      Math.sqrt,
    );
    const scope = { '\\alpha_t': 0.3, d: 0.5, '\\epsilon_2': 1e-3, '\\theta_t-1': asGrid(start) };
    new System([], scope).compareForm('largestStep', size, /adaFactor/);
  });

  it('how far Adam goes on after the last gradient', () => {
    const made = adam({ learningRate: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 0 });
    const x = variable('embeddings', [1], [0]);
    // Far beyond all corrections of the first steps.
    made.iterations = 1e6;
    for (let t = 0; t < 300; t++) step(made, [[x, [t === 0 ? 1 : 0]]]);
    const scope = { '\\eta': 0.5, '\\beta_1': 0.9, '\\beta_2': 0.999 };
    new System([], scope).compareForm('wayAfterTheLast', -values(x)[0]!, /adam/, { rtol: 1e-4 });
    new System([], scope).compareForm('wayAfterTheLast', -values(x)[0]!, /adam/, { side: 1, rtol: 2e-3 });
  });
});

describe('weight decay', () => {
  it('stands beside a step', () => {
    const [start, g] = [draw(columns, normal(1)), draw(columns, normal(2))];
    const x = variable('kernel', [columns], start);
    step(sgd({ learningRate: 0.3, weightDecay: 0.2 }), [[x, g]]);
    const scope = { '\\alpha_t': 0.3, '\\rho_t': 0.3 * 0.2, u_t: asGrid(g), '\\theta_t': asGrid(start) };
    new System([], scope).compareForm('stepWithDecay', asGrid(values(x)), /descend/);
  });

  it('bounds what a constant sign does', () => {
    const [eta, lambda] = [0.3, 0.2];
    const s: Grid = [[1, -1, 1, -1]];
    const start: Grid = [[-9, 2, 3, 8]];
    const made = lion({ learningRate: eta, weightDecay: lambda });
    const x = variable('embeddings', [columns], start.flat());
    const constants = { '\\eta': eta, '\\lambda': lambda, s, m: s };
    const rest = zip(s, [[lambda]], (sign, decay) => -sign / decay);
    for (let t = 1; t <= 60; t++) {
      const before = asGrid(values(x));
      step(made, [[x, s.flat()]]);
      const after = asGrid(values(x));
      new System([], { ...constants, '\\theta_t-1': before }).compareForm('constantSign', after, /lion/);
      const scope = { ...constants, t, '\\theta_0': start, '\\theta_*': rest };
      new System([], scope).compareForm('wayOfConstantSign', after, /lion/);
    }
    // The bound is reached where the step goes on in the direction of the weight.
    const outward = variable('outward', [2], [7, -7]);
    step(made, [[outward, [-1, 1]]]);
    const scope = { ...constants, '\\theta_t-1': [[7, -7]] };
    const size = map([[...values(outward)]], Math.abs);
    new System([], scope).compareForm('boxBound', size, /lion/);
    const over = map(size, (value) => value - 1 / lambda);
    new System([], scope).compareForm('boxBound', over, /lion/, { equation: 1 });
    for (let t = 0; t < 500; t++) step(made, [[x, s.flat()]]);
    new System([], constants).compareForm('restOfConstantSign', asGrid(values(x)), /lion/);
  });
});

describe('distributions and layers', () => {
  it('(3.1): the variance of a normal distribution that is cut', () => {
    const density = (x: number): number => Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
    const steps = 20_000;
    const distribution = (x: number): number =>
      0.5 +
      Array.from({ length: steps }, (_, i) => density(((i + 0.5) * x) / steps)).reduce((a, b) => a + b) *
        (x / steps);
    for (const c of [0.5, 1, 2, 3]) {
      const scope: Scope = {
        c,
        '\\varphi': (x) => map(x, density),
        '\\Phi': (x) => map(x, distribution),
      };
      new System(['3.1'], scope).compare('\\gamma', truncatedStandardDeviation(c) ** 2, /truncation/);
    }
  });

  it.each([
    { tag: '3.2', norm: 'post' },
    { tag: '3.5', norm: 'pre' },
  ] as const)('($tag): a residual unit that normalises $norm', ({ tag, norm }) => {
    const scope = new ParameterScope('net');
    const transform = () => (x: tf.Tensor) => tf.tanh(tf.mul(x, 2));
    const unit = residualUnit(scope, 'unit', { width: columns, norm, scale: 1, transform });
    const x = tf.tensor2d([...draw(rows * columns, normal(8))], [rows, columns]);
    const out = asGrid(values(unit.join(x, unit.branch(x))));
    const normalized = (grid: Grid): Grid => {
      const centred = zip(grid, meanOver('j', grid), (a, b) => a - b);
      const variance = meanOver(
        'j',
        map(centred, (a) => a ** 2),
      );
      return zip(centred, variance, (a, v) => a / Math.sqrt(v + 1e-5));
    };
    const F = (grid: Grid): Grid => map(grid, (a) => Math.tanh(2 * a));
    new System([tag], { x_l: asGrid(values(x)), '\\Norm': normalized, F_l: F }).compare(
      'x_{l+1}',
      out,
      /residual/,
    );
  });

  const [mean, logVariance, epsilon] = [3, 4, 5].map((seed) =>
    reshape(draw(rows * columns, normal(seed)), columns),
  ) as [Grid, Grid, Grid];
  const tensorOf = (grid: Grid): tf.Tensor2D => tf.tensor2d(grid.map((row) => [...row]));
  const code = () => ({ mean: tensorOf(mean), logVariance: tensorOf(logVariance) });
  const noise = { normal: () => tensorOf(epsilon) } as never;
  const deviation = map(logVariance, (value) => Math.exp(value / 2));

  it('(8.3), (8.4): divergence and sample of a code', () => {
    const transposed = (grid: Grid): Grid => grid[0]!.map((_, j) => grid.map((row) => row[j]!));
    const bits = { '\\mu_i': transposed(mean), '\\sigma_i': transposed(deviation) };
    new System([], bits).compareSide('8.3', [[...values(gaussianKl(code()))]], /gaussian/);
    const scope = { '\\mu': mean, '\\sigma': deviation, '\\varepsilon': epsilon };
    new System(['8.4'], scope).compare('z', asGrid(values(reparameterize(code(), noise))), /gaussian/);
  });

  it('(8.8): the information in a code', () => {
    const z = zip(
      mean,
      zip(deviation, epsilon, (a, b) => a * b),
      (a, b) => a + b,
    );
    const density = (i: number, j: number): number =>
      z[i]!.reduce((product, value, d) => {
        const sigma = deviation[j]![d]!;
        const distance = (value - mean[j]![d]!) / sigma;
        return (product * Math.exp(-(distance ** 2) / 2)) / (sigma * Math.sqrt(2 * Math.PI));
      }, 1);
    const all = Array.from({ length: rows }, (_, i) =>
      Array.from({ length: rows }, (__, j) => density(i, j)),
    );
    const { information } = estimateInformation(code(), { noise });
    const scope = { N: rows, 'p(z_i|x_j)': all, 'p(z_i|x_i)': all.map((row, i) => [row[i]!]) };
    new System([], scope).compareSide('8.8', information, /information/);
  });

  it('(8.9): the multiplier of a bottleneck', () => {
    for (const rate of [1, 4, 9]) {
      const multiplier = dualAscent({ budget: 5, stepSize: 0.1, initial: 0.2 });
      multiplier.update(tf.scalar(rate));
      const scope = { '\\beta': 0.2, '\\alpha': 0.1, '\\rate': rate, I_c: 5 };
      new System(['8.9'], scope).compare('\\beta', multiplier.weight.dataSync()[0]!, /dualAscent/);
    }
  });
});

/** Equations that no line of the library computes, or none by itself: what they say, spaces apart, and the reason. */
const notEvaluated: readonly (readonly [form: string, reason: string])[] = [
  ['\\alpha_{\\text{AdaFactor}}\\approx', 'a rule of thumb; lib/test/optimizers/page.test.ts measures it'],
  ['\\frac{F_0}{2^{l/2}}', 'a sum of branches by their variances; the notebook measures it on a network'],
  ['\\prod_{t<l}\\frac1{\\sqrt{1+\\sigma_t^2}}', 'a product of measured variances; the notebook measures it'],
  ['\\operatorname{Var}(x_l)', 'an expected variance; the notebook measures it on a network'],
  ['\\arccosc', 'an expectation over normal numbers; the notebook measures it'],
  ['\\langle\\nablaf,\\Delta\\theta\\rangle', 'an approximation of first order'],
  [
    '\\mathbbE[g]}{\\sqrt{\\mathbbE[g^2]}',
    'a ratio of two expectations; the notebook measures it on gradients',
  ],
  ['\\operatorname{loss}_0', 'an expected loss; the notebook measures it on a model'],
  ['\\|\\varepsilon_{t+1}\\|^2={}&', 'a step of the derivation of (4.4)'],
  ['\\alpha_t^2\\|u_t\\|^2\\approx', 'a step of the derivation of (4.4)'],
  ['\\|\\varepsilon_t\\|^2\\approx\\|\\varepsilon_0\\|^2', 'a step of the derivation of (4.4)'],
  ['e^{-2S_t},\\qquad\\rho_t', 'a step of the derivation of (4.4), with a sum that (4.3) and (4.4) solve'],
  ['\\frac1{t/T+1}', '(4.4) with other names, for one value of q'],
  ['\\theta_0\\cdot\\varepsilon_0=', 'an estimate of q from the start'],
  ['E\\leftarrowE-2\\alphaps', 'the recursion that (4.3) solves; the notebook iterates it'],
  ['q_t=\\frac{\\theta_t\\cdot\\varepsilon_t}', 'a measurement of the notebook'],
  [
    '\\operatorname{RMS}(u)\\approx',
    'an expectation over noise; lib/test/optimizers/page.test.ts measures it',
  ],
  ['c^2=(1-\\beta_1)^2', 'a variance over noise; the notebook measures it'],
  ['\\mathbbE\\,u\\approx', 'an expectation over noise; the notebook measures it'],
  ['\\tfrac2\\pi\\arcsin\\rho_k', 'a variance over noise; the notebook measures it'],
  ['P=\\Phi', 'a probability over noise; the notebook measures it'],
  ['\\lfloor\\log_2|x|\\rfloor', 'the spacing of half-precision numbers, in which nothing here computes'],
  ['W\\tanh(xH)', 'a model that the notebook builds'],
  ['a_t-a_{t-1}', 'an approximation by differences, of which the next equation is the solution'],
  ['r(t)\\approx', 'an approximation whose error the notebook measures'],
  ['\\ln(2^{-126}/m_0)', 'where float32 ends; the notebook counts the steps'],
  ['e\\cdot\\frac{\\partial\\mathcalL}{\\partiale}', 'an identity of the model that the notebook builds'],
  ['\\ln\\cosh', 'an expectation over noise; the notebook measures it'],
  ['K_n=\\frac{\\gamma_n}', 'an approximation whose error the notebook measures'],
  ['\\log\\frac{\\tildep(x)p(z|x)}', 'an integral over all inputs and codes, which is to be estimated'],
  ['\\mathcalL_{VAE}', 'an expectation over networks: lib/test/vae tests it on a model'],
  ['\\log\\frac{p(z|x)}{p(z)}', 'an integral over all inputs and codes, which (8.8) estimates'],
  [
    '\\underbrace{I}_{\\text{information}}',
    'integrals; lib/test/vae/information.test.ts tests it on estimates',
  ],
  ['\\mathcalL_{VIB}', 'an expectation over networks: lib/test/vae tests it on a model'],
];

describe('all equations of the notebooks', () => {
  it('are evaluated, but for those that are listed with the reason', () => {
    const open = [...formulas].filter(
      ([tag, { latex }]) => !compared.has(tag) && !notEvaluated.some(([form]) => says(latex, form)),
    );
    expect(
      open.map(([tag, { notebook }]) => `${notebook} (${tag}): compare it above, or add it to notEvaluated`),
    ).toEqual([]);
  });

  it('that are listed with a reason are not evaluated', () => {
    const both = [...formulas].filter(
      ([tag, { latex }]) => compared.has(tag) && notEvaluated.some(([form]) => says(latex, form)),
    );
    expect(both.map(([tag]) => tag)).toEqual([]);
  });

  it('have the forms by which they are compared, nearly all', () => {
    const names = Object.keys(forms) as (keyof typeof forms)[];
    expect(names.filter((form) => tagOf(form)).length).toBeGreaterThan(0.8 * names.length);
  });
});
