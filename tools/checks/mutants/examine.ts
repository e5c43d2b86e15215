import { sourceOf, codeCells, type Notebook } from '../cells/notebook';
import type { Pool } from './pool';
import { programOf, readSource, replacementFor, type Replacement } from './program';
import { Statements } from './slice';
import { mutated, type Mutant } from './table';
import type { CheckMade, Outcome } from './worker';

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** `killed` only if every check that is named has failed by its value; `crashed` if one was not reached. */
  readonly fate: 'killed' | 'survived' | 'crashed' | 'invalid' | 'skipped';
  /** What the checks said, or why the mutant is not valid. */
  readonly words: string;
  /** Checks that the mutant has made fail, among those that it names. */
  readonly failed: readonly string[];
  /** Checks that the mutant names, as they are called in the run. */
  readonly named: readonly string[];
  /** Seconds of processor time, without those of the run without a mistake. */
  readonly seconds: number;
  /** Values of the checks in the run without a mistake. */
  readonly baseline: readonly CheckMade[];
}

/** Errors that say that the mutant is no program, not that the mistake was noticed. */
const NO_PROGRAM = new Set(['ReferenceError', 'SyntaxError', 'process', 'timeout']);

/** The mutants of one notebook. */
export class Examination {
  private readonly statements: Statements;
  private readonly baselines = new Map<string, Promise<Outcome>>();

  /** @param root folder of the repository */
  constructor(
    private readonly root: string,
    private readonly notebook: Notebook,
    private readonly pool: Pool,
  ) {
    this.statements = new Statements(notebook);
  }

  /** The verdict on a mutant that is not run: whether there is a place for its mistake shows all the same. */
  skipped(mutant: Mutant): Verdict {
    const none = verdictOf(mutant);
    try {
      if (mutant.file === undefined) this.withMistake(mutant);
      else this.fileWithMistake(mutant.file, mutant);
      return { ...none, fate: 'skipped', words: 'slow' };
    } catch (error) {
      return { ...none, fate: 'invalid', words: (error as Error).message };
    }
  }

  /** Runs what the checks of a mutant need, without and with the mistake. */
  async verdict(mutant: Mutant): Promise<Verdict> {
    const none = verdictOf(mutant);
    const invalid = (words: string): Verdict => ({ ...none, fate: 'invalid', words });
    let job: { program: string; replacement?: Replacement };
    try {
      job = this.jobOf(mutant);
    } catch (error) {
      return invalid((error as Error).message);
    }
    const expected = await this.baseline(mutant.kills);
    if (expected.error) return invalid(`without a mistake: ${inWords(expected.error)}`);
    const namedBy = new Map(mutant.kills.map((kill) => [kill, namesOf(kill, expected.checks)]));
    const missing = mutant.kills.find((kill) => namedBy.get(kill)!.length === 0);
    if (missing !== undefined) return invalid(`the notebook makes no check ${missing}`);
    const named = [...namedBy.values()].flat();
    const fails = named.find(({ passed }) => !passed);
    if (fails) return invalid(`${fails.id} fails without a mistake: ${fails.value}`);

    const { checks, error, seconds } = await this.pool.run(job);
    const rest = { ...none, seconds, baseline: expected.checks, named: named.map(({ id }) => id) };
    if (error && NO_PROGRAM.has(error.name)) return { ...rest, fate: 'invalid', words: inWords(error) };
    const made = new Map(checks.map((check) => [check.id, check]));
    const notices = ({ id }: CheckMade): boolean => made.get(id)?.passed === false;
    const failed = named.filter(notices).map(({ id }) => id);
    const killed = mutant.kills.every((kill) => namedBy.get(kill)!.some(notices));
    // An exception says that something is wrong, but nothing of what the check can tell.
    const alive = error ? 'crashed' : 'survived';
    const says = named.map(({ id, value }) => {
      const check = made.get(id);
      return check
        ? `${id} ${short(value)} → ${short(check.value)}${accepted(check)}`
        : `${id} was not reached`;
    });
    const words = [...(error ? [inWords(error)] : []), ...shortened(says)].join('; ');
    return { ...rest, fate: killed ? 'killed' : alive, words, failed };
  }

  /** Checks whose value in a part of the notebook is not that in the whole notebook. */
  async compareWithWhole(verdicts: readonly Verdict[]): Promise<string[]> {
    const whole = await this.pool.run({ program: programOf(this.statements.all()) });
    const values = new Map(whole.checks.map(({ id, value }) => [id, value]));
    const parts = new Map(verdicts.flatMap(({ baseline }) => baseline.map(({ id, value }) => [id, value])));
    return [
      ...(whole.error ? [`the whole notebook: ${inWords(whole.error)}`] : []),
      ...[...parts]
        .filter(([id, value]) => !Object.is(value, values.get(id)))
        .map(([id, value]) => `${id} is ${value} alone and ${values.get(id)} in the whole notebook`),
    ];
  }

  /** Checks that no mutant kills; of those that are skipped it is believed. */
  unproven(verdicts: readonly Verdict[]): string[] {
    const failed = new Set(verdicts.flatMap((verdict) => verdict.failed));
    const skipped = verdicts.filter(({ fate }) => fate === 'skipped').flatMap(({ mutant }) => mutant.kills);
    const isProven = (id: string) =>
      failed.has(id) || skipped.some((kill) => id === kill || id.startsWith(`${kill}/`));
    const isBegun = (id: string) => [...failed, ...skipped].some((one) => one.startsWith(`${id}/`));
    const written = this.statements.writtenChecks
      .filter(({ id, isComplete }) => !isProven(id) && (isComplete || !isBegun(id)))
      .map(({ id }) => id);
    const made = verdicts.flatMap(({ named }) => named).filter((id) => !isProven(id));
    return [...new Set([...written, ...made])];
  }

  private jobOf(mutant: Mutant): { program: string; replacement?: Replacement } {
    if (mutant.file === undefined)
      return { program: programOf(new Statements(this.withMistake(mutant)).neededBy(mutant.kills)) };
    const text = this.fileWithMistake(mutant.file, mutant);
    const program = programOf(this.statements.neededBy(mutant.kills));
    return { program, replacement: replacementFor(this.root, mutant.file, text) };
  }

  /** The same run for all mutants that name the same checks. */
  private baseline(kills: readonly string[]): Promise<Outcome> {
    const program = programOf(this.statements.neededBy(kills));
    const known = this.baselines.get(program);
    if (known) return known;
    const outcome = this.pool.run({ program });
    this.baselines.set(program, outcome);
    return outcome;
  }

  private fileWithMistake(file: string, mutant: Mutant): string {
    return mutated(readSource(this.root, file), mutant, file);
  }

  private withMistake(mutant: Mutant): Notebook {
    if (!codeCells(this.notebook).some(({ cell }) => cell.id === mutant.cell))
      throw new Error(`there is no code cell "${mutant.cell}"`);
    const cells = this.notebook.cells.map((cell) =>
      cell.id === mutant.cell
        ? { ...cell, source: mutated(sourceOf(cell), mutant, `cell ${mutant.cell}`) }
        : cell,
    );
    return { ...this.notebook, cells };
  }
}

const verdictOf = (mutant: Mutant) => ({ mutant, failed: [], named: [], seconds: 0, baseline: [] });

function namesOf(kill: string, checks: readonly CheckMade[]): CheckMade[] {
  const same = checks.filter(({ id }) => id === kill);
  return same.length > 0 ? same : checks.filter(({ id }) => id.startsWith(`${kill}/`));
}

const inWords = ({ name, message, cell }: NonNullable<Outcome['error']>): string =>
  `${cell ? `cell ${cell}: ` : ''}${name}: ${message.split('\n')[0]}`;

const short = (value: number | string): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : value;

const accepted = ({ interval: [low, high] }: CheckMade): string =>
  low === high
    ? `, accepted ${low}`
    : `, accepted ${low === null ? '−∞' : short(low)} to ${high === null ? '∞' : short(high)}`;

const shortened = (texts: readonly string[]): string[] =>
  texts.length > 3 ? [...texts.slice(0, 2), `and ${texts.length - 2} more`] : [...texts];
