/**
 * Proves that the checks of the notebooks can fail: makes the mistakes that `tools/mutants/NN-name.json` lists, one at a
 * time, runs what the checks need, and sees whether they fail. `node tools/dist/checks/mutants/mutants.js [NN …] [--fast]
 * [--list] [--verify]`. Exit code 1 where a mutant survives or crashes, or where a check has none that kills it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readNotebook } from '../cells/notebook';
import { Examination, type Verdict } from './examine';
import { Pool } from './pool';
import { readTable, type Mutant } from './table';

const USAGE = `npm run mutants -- [NN …] [--fast] [--list] [--verify]
  NN        beginnings of notebooks' names (default: all that have a table in tools/mutants)
  --fast    without the mutants that are marked slow
  --list    only prints the tables
  --verify  also runs each whole notebook, and compares its checks with those of the parts that were run`;

const MOST_AT_ONCE = 2;
const LIMIT_SECONDS = 600;

export interface Folders {
  /** Folder of the repository. */
  readonly root: string;
  readonly notebooks: string;
  readonly tables: string;
}

export interface Choice {
  readonly fast?: boolean;
  readonly verify?: boolean;
}

/** What was found out about one notebook. */
export interface Report {
  readonly verdicts: readonly Verdict[];
  readonly problems: readonly string[];
}

/**
 * Examines the mutants of one notebook.
 *
 * @param name name of the notebook, without ending
 * @param say called with each verdict as it is there
 * @throws Error when the notebook or its table cannot be read
 */
export async function examine(
  { root, notebooks, tables }: Folders,
  name: string,
  { fast = false, verify = false }: Choice = {},
  say: (verdict: Verdict) => void = () => undefined,
): Promise<Report> {
  const table = readTable(join(tables, `${name}.json`));
  const pool = new Pool(root, Math.min(MOST_AT_ONCE, availableParallelism()), LIMIT_SECONDS);
  try {
    const examination = new Examination(root, readNotebook(join(notebooks, `${name}.ipynb`)), pool);
    const verdicts = await Promise.all(
      table.map(async (mutant) => {
        const verdict = fast && mutant.slow ? examination.skipped(mutant) : await examination.verdict(mutant);
        say(verdict);
        return verdict;
      }),
    );
    const problems = [
      ...verdicts
        .filter(({ fate }) => fate !== 'killed' && fate !== 'skipped')
        .map(({ mutant, fate, words }) => `${mutant.kills.join(', ')}: ${mutant.what}: ${fate}: ${words}`),
      ...examination.unproven(verdicts).map((id) => `${id}: no mutant kills it`),
      ...(verify ? await examination.compareWithWhole(verdicts) : []),
    ];
    return { verdicts, problems };
  } finally {
    pool.end();
  }
}

const signs = { killed: '✓', survived: '✗', crashed: '✗', invalid: '✗', skipped: '·' } as const;

function line({ mutant, fate, words, seconds }: Verdict): string {
  const place = mutant.file ?? `cell ${mutant.cell}`;
  const time = fate === 'skipped' ? '' : `  ${seconds.toFixed(1)} s`;
  return `${signs[fate]} ${mutant.kills.join(', ').padEnd(12)} ${mutant.what} (${place})\n    ${fate}: ${words}${time}`;
}

const listed = (mutant: Mutant): string =>
  `  ${mutant.kills.join(', ').padEnd(12)} ${mutant.what} (${mutant.file ?? `cell ${mutant.cell}`})${mutant.slow ? ', slow' : ''}`;

async function main(folders: Folders): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      fast: { type: 'boolean' },
      list: { type: 'boolean' },
      verify: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const tables = readdirSync(folders.tables).filter((name) => /^\d\d-.*\.json$/.test(name));
  const names = tables.map((name) => name.replace(/\.json$/, '')).sort();
  const unknown = positionals.find((given) => !names.some((name) => name.startsWith(given)));
  if (unknown !== undefined)
    throw new Error(`no table of mutants begins with "${unknown}"; there are: ${names.join(', ')}`);
  const lost = names.find((name) => !existsSync(join(folders.notebooks, `${name}.ipynb`)));
  if (lost !== undefined) throw new Error(`tools/mutants/${lost}.json belongs to no notebook`);
  const chosen = names.filter(
    (name) => positionals.length === 0 || positionals.some((given) => name.startsWith(given)),
  );
  let killed = 0;
  let all = 0;
  const problems: string[] = [];
  for (const name of chosen) {
    console.log(`\n${name}`);
    if (values.list) {
      for (const mutant of readTable(join(folders.tables, `${name}.json`))) console.log(listed(mutant));
      continue;
    }
    const report = await examine(folders, name, values, (verdict) => console.log(line(verdict)));
    killed += report.verdicts.filter(({ fate }) => fate === 'killed').length;
    all += report.verdicts.filter(({ fate }) => fate !== 'skipped').length;
    problems.push(...report.problems.map((problem) => `${name} ${problem}`));
  }
  if (values.list) return 0;
  console.log();
  for (const problem of problems) console.error(`✗ ${problem}`);
  console.log(`${killed} of ${all} mutants killed, ${problems.length} problems`);
  return problems.length > 0 ? 1 : 0;
}

if (require.main === module) {
  const root = resolve(__dirname, '..', '..', '..', '..');
  main({ root, notebooks: join(root, 'notebooks'), tables: join(root, 'tools', 'mutants') }).then(
    (code) => (process.exitCode = code),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 2;
    },
  );
}
