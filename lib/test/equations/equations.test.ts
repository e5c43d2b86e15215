/** The equations that lines of the library name stand in the notebooks, and say in numbers what the lines compute. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { truncatedStandardDeviation } from '../../src/initializers';
import {
  adaFactor,
  adam,
  adaX,
  amos,
  amosSchedule,
  lion,
  optimizer,
  rmsProp,
  signum,
  tiger,
} from '../../src/optimizers';
import { tf } from '../../src/runtime';
import { dualAscent, gaussianKl, reparameterize } from '../../src/vae';
import { stateOf, step, uniform, values, variable, type AnyOptimizer } from '../optimizers/support';
import { equationsOf, nameOf, valueOf, type Equation, type Scope } from './latex';

afterEach(() => tf.disposeVariables());

const root = join(__dirname, '..', '..', '..');
const source = join(root, 'lib', 'src');

/** The numbered formulas of all notebooks, by tag. */
const formulas = new Map<string, { readonly notebook: string; readonly latex: string }>();
for (const notebook of readdirSync(join(root, 'notebooks')).filter((name) => name.endsWith('.ipynb'))) {
  const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', notebook), 'utf8')) as {
    cells: { cell_type: string; source: string[] }[];
  };
  const text = cells
    .flatMap((cell) => (cell.cell_type === 'markdown' ? [cell.source.join('')] : []))
    .join('\n');
  for (const [, body] of text.matchAll(/\$\$([^$]+)\$\$/g)) {
    const tag = /\\tag\{([^}]+)\}/.exec(body!)?.[1];
    if (tag) formulas.set(tag, { notebook, latex: body!.replace(/\\tag\{[^}]+\}/, '') });
  }
}

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

/** The equations with these numbers, in order, as one system. */
class System {
  private readonly equations: readonly Equation[];

  constructor(
    private readonly tags: readonly string[],
    private readonly scope: Scope,
    branch = 0,
  ) {
    this.equations = tags.flatMap((tag) => equationsOf(formulas.get(tag)!.latex, branch));
    for (const { left, right, isAssignment } of this.equations) {
      if (isAssignment) this.scope[nameOf(left)] = this.value(right);
    }
  }

  /** The value of an expression, whose symbols are looked up in the scope and in the equations. */
  value(expression: string): number {
    const definitions = new Map(
      this.equations
        .filter(({ isAssignment }) => !isAssignment)
        .map(({ left, right }) => [nameOf(left), right] as const),
    );
    const scope = new Proxy(this.scope, {
      get: (given, name: string) => {
        if (name in given) return given[name];
        const right = definitions.get(name);
        return right === undefined ? undefined : this.value(right);
      },
    });
    return valueOf(expression, scope);
  }

  /** Compares what the equations give with what the code gave; the message names notebook, equations and lines. */
  compare(symbol: string, code: number, files: RegExp): void {
    const paper = this.value(symbol);
    if (Math.abs(paper - code) <= 2e-5 * Math.max(Math.abs(paper), 1e-3)) return;
    const notebook = formulas.get(this.tags[0]!)!.notebook;
    const places = lines.filter(({ tag, place }) => this.tags.includes(tag) && files.test(place));
    throw new Error(
      `${notebook}, ${this.tags.map((tag) => `(${tag})`).join(', ')}: ${symbol} is ${paper}, but the code gives ${code}.\n` +
        places.map(({ place, code: line }) => `  ${place}  ${line}`).join('\n'),
    );
  }
}

interface Rule {
  readonly name: string;
  readonly make: (options: Record<string, unknown>) => AnyOptimizer;
  readonly options: Record<string, unknown>;
  readonly tags: readonly string[];
  readonly files: RegExp;
  /** What the symbols of the state are called in the library. */
  readonly slots: Record<string, string>;
  readonly constants: Scope;
  readonly theta?: string;
  readonly parameter?: string;
  readonly branch?: number;
  /** Whether the equations overwrite their symbols. */
  readonly overwrites?: boolean;
}

const rules: readonly Rule[] = [
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
    tags: ['5.4', '5.2'],
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

/** Makes steps of a rule and of its equations, on one number. */
async function follow(rule: Rule, { make } = rule): Promise<void> {
  const next = uniform(7);
  const { name: parameter, shape } = { name: rule.parameter ?? 'kernel', shape: [1, 1] };
  const x = variable(parameter, shape, [1.5]);
  const made = make(rule.options);
  const slotOf = async (slot: string): Promise<number> =>
    ((await stateOf(made))[`${parameter}/${slot}`] ?? [0])[0] as number;
  const theta = rule.theta ?? '\\theta_t';
  const before = (symbol: string): string =>
    rule.overwrites ? nameOf(symbol) : nameOf(symbol).replace(/t$/, 't-1');
  for (let t = 1; t <= 4; t++) {
    const g = Math.fround(next() - 0.3);
    const scope: Scope = { ...rule.constants, t, g, g_t: g, 'g_ij,t': g };
    scope[before(theta)] = values(x)[0] as number;
    for (const [symbol, slot] of Object.entries(rule.slots)) scope[before(symbol)] = await slotOf(slot);
    step(made, [[x, [g]]]);
    const solve = new System(rule.tags, scope, rule.branch);
    if (rule.tags.includes('1.6')) {
      scope['\\hat\\beta_t'] = solve.value('1-t^{-c}');
      scope.u_t = solve.value('u_{ij,t}');
    }
    if (rule.tags.includes('2.3')) {
      const [, rest] = formulas.get('2.3')!.latex.split('=');
      scope['\\hat\\beta_t'] = 1 - solve.value(rest!);
    }
    for (const [symbol, slot] of Object.entries(rule.slots))
      solve.compare(symbol, await slotOf(slot), rule.files);
    solve.compare(theta, values(x)[0] as number, rule.files);
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
        adam.definition.update({ ...inputs, h: { ...inputs.h, oneMinusBeta1: inputs.h.beta1 } }),
    });
    const [rule] = rules;
    await expect(follow({ ...rule!, make: wrong })).rejects.toThrow(
      /^01-adafactor\.ipynb, \(1\.1\), \(1\.2\), \(1\.3\), \(1\.4\): m_t is [^]*lib\/src\/optimizers\/adam\.ts:\d+ {2}const m = /,
    );
  });

  it('(6.3), (6.4): accumulation inside the momentum of Tiger', async () => {
    const optimizer = tiger({ learningRate: 0.3, beta: 0.8, weightDecay: 0.2, accumulationSteps: 3 });
    const x = variable('kernel', [1], [1.5]);
    const next = uniform(3);
    for (let t = 1; t <= 9; t++) {
      const g = Math.fround(next() - 0.4);
      const m = (await stateOf(optimizer))['kernel/momentum']?.[0] ?? 0;
      const scope: Scope = { 'm_t-1': m, '\\theta_t-1': values(x)[0] as number, g_t: g, k: 3 };
      const chi = { '\\chi_(t-1)/k': (t - 1) % 3 === 0 ? 1 : 0, '\\chi_t/k': t % 3 === 0 ? 1 : 0 };
      step(optimizer, [[x, [g]]]);
      const constants = { '\\alpha_t': 0.3, '\\beta': 0.8, '\\lambda_t': 0.2 };
      const solve = new System(['6.2', '6.3', '6.4'], { ...scope, ...chi, ...constants }, 1);
      solve.compare('m_t', (await stateOf(optimizer))['kernel/momentum']![0]!, /tiger/);
      solve.compare('\\theta_t', values(x)[0] as number, /tiger/);
    }
  });

  it('(6.5): the NaN rule', async () => {
    const optimizer = tiger({ learningRate: 0.3 });
    for (const [name, c] of [
      ['kernel', 0],
      ['gamma', 1],
    ] as const) {
      const x = variable(name, [1], [1.5]);
      step(optimizer, [[x, [1]]]);
      const m = (await stateOf(optimizer))[`${name}/momentum`]![0]!;
      const scope = { '\\theta_t-1': values(x)[0] as number, 'm_t-1': m, c };
      step(optimizer, [[x, [NaN]]]);
      const solve = new System(['6.5'], scope);
      solve.compare('\\theta_t', values(x)[0] as number, /tiger/);
      solve.compare('m_t', (await stateOf(optimizer))[`${name}/momentum`]![0]!, /tiger/);
    }
  });

  it('(6.6): the family from momentum to Tiger', async () => {
    const gamma = 0.3;
    const optimizer = tiger({ learningRate: 1, beta: 0.5, weightDecay: 0, relative: false, gamma });
    const x = variable('kernel', [1], [0]);
    step(optimizer, [[x, [-0.8]]]);
    const m = (await stateOf(optimizer))['kernel/momentum']![0]!;
    new System(['6.6'], { m_t: m, '\\gamma_t': gamma }).compare('u_t', -(values(x)[0] as number), /tiger/);
  });

  it.each([
    { tag: '4.3', decay: 'inverseSquare', p: 'p', of: (kappa: number, alpha0: number) => kappa / alpha0 },
    {
      tag: '4.4',
      decay: 'inverseTime',
      p: 'p_0',
      of: (kappa: number, alpha0: number) => kappa / (2 * alpha0),
    },
  ] as const)('($tag): the schedule $decay of amosSchedule', ({ tag, decay, p, of }) => {
    const [alpha0, sigma, q, kappa] = [0.02, 0.3, 0.7, 0.05];
    const { learningRate, weightDecay } = amosSchedule({ alpha0, sigma, q, decay, kappa });
    for (const t of [0, 1, 10, 1000]) {
      const scope = {
        '\\alpha_0': alpha0,
        '\\norm\\varepsilon_0': sigma,
        '\\normu_t': 1,
        q,
        t,
        [p]: of(kappa, alpha0),
      };
      const solve = new System([tag], scope);
      solve.compare('\\alpha_t', learningRate(t + 1), /amosSchedule/);
      solve.compare('\\rho_t', weightDecay * learningRate(t + 1), /amosSchedule/);
    }
  });

  it('(5.8): what amosSchedule advises for Lion', () => {
    const { learningRate, weightDecay } = amosSchedule({ alpha0: 0.02, sigma: 0.3, kappa: 0.05 });
    for (const t of [0, 7, 100]) {
      const solve = new System(['5.8'], { '\\alpha_0': 0.02, '\\sigma': 0.3, '\\kappa': 0.05, t });
      solve.compare('\\eta_t', learningRate(t + 1), /amosSchedule/);
      solve.compare('\\lambda', weightDecay, /amosSchedule/);
    }
  });

  it('(3.1): the variance of a normal distribution that is cut', () => {
    const density = (x: number): number => Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
    const steps = 20_000;
    const distribution = (x: number): number =>
      0.5 +
      Array.from({ length: steps }, (_, i) => density(((i + 0.5) * x) / steps)).reduce((a, b) => a + b) *
        (x / steps);
    for (const c of [0.5, 1, 2, 3]) {
      const solve = new System(['3.1'], { c, '\\varphi': density, '\\Phi': distribution });
      solve.compare('\\gamma', truncatedStandardDeviation(c) ** 2, /truncation/);
    }
  });

  it('(8.3), (8.4), (8.9): divergence, sample and multiplier of the bottleneck', () => {
    const [mu, variance, epsilon] = [0.7, 1.8, -0.6];
    const code = { mean: tf.tensor2d([[mu]]), logVariance: tf.tensor2d([[Math.log(variance)]]) };
    const symbols = {
      '\\mu_i': mu,
      '\\sigma_i': Math.sqrt(variance),
      '\\mu': mu,
      '\\sigma': Math.sqrt(variance),
    };
    const divergence = equationsOf(formulas.get('8.3')!.latex)[0]!;
    new System(['8.3'], symbols).compare(divergence.right, gaussianKl(code).dataSync()[0]!, /gaussian/);
    const noise = { normal: () => tf.tensor2d([[epsilon]]) };
    new System(['8.4'], { ...symbols, '\\varepsilon': epsilon }).compare(
      'z',
      reparameterize(code, noise as never).dataSync()[0]!,
      /gaussian/,
    );
    for (const rate of [1, 9]) {
      const multiplier = dualAscent({ budget: 5, stepSize: 0.1, initial: 0.2 });
      multiplier.update(tf.scalar(rate));
      const scope = { '\\beta': 0.2, '\\alpha': 0.1, '\\rate': rate, I_c: 5 };
      new System(['8.9'], scope).compare('\\beta', multiplier.weight.dataSync()[0]!, /dualAscent/);
    }
  });

  it('are all evaluated, but for those that are listed with the reason', () => {
    const notEvaluated: Record<string, string> = {
      '3.2': 'its F and Norm are layers: lib/test/models tests the blocks',
      '3.5': 'its F and Norm are layers: lib/test/models tests the blocks',
      '8.2': 'an expectation over networks: lib/test/vae tests it on a model',
      '8.7': 'an expectation over networks: lib/test/vae tests it on a model',
      '8.8': 'a double mean over samples: lib/test/vae/information tests it in closed form',
    };
    const evaluated = new Set([
      ...rules.flatMap(({ tags }) => tags),
      '6.5',
      '6.6',
      '4.3',
      '4.4',
      '5.8',
      '3.1',
      '8.3',
      '8.4',
      '8.9',
    ]);
    const named = [...new Set(lines.map(({ tag }) => tag))];
    expect(named.filter((tag) => !evaluated.has(tag)).sort()).toEqual(Object.keys(notEvaluated).sort());
  });
});
