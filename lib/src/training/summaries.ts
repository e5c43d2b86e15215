/** Tidy rows in groups: what `experiment` gives, or any list of records. */
import { mean, standardDeviation } from '../statistics';

type Cell = unknown;

/** Names of the columns of numbers. */
export type NumberColumn<R> = { [Name in keyof R & string]: R[Name] extends number ? Name : never }[keyof R &
  string];

/** A statistic of the values of a group. */
export type Statistic = (values: readonly number[]) => number;

/**
 * The rows that agree with `where` in all columns that it names.
 *
 * @example
 * select(rows, { candidate: 'Lion', rate: 1e-3 }).map(({ losses }) => losses);
 */
export function select<R extends object>(rows: readonly R[], where: Partial<R>): R[] {
  return rows.filter((row) => Object.entries(where).every(([name, value]) => row[name as keyof R] === value));
}

/**
 * The rows in groups that agree in the columns `by`, in the order in which they first occur.
 *
 * @example
 * for (const { key, rows: seeds } of groupBy(rows, ['candidate', 'rate'])) console.log(key.rate, seeds.length);
 */
export function groupBy<R extends object, By extends keyof R & string>(
  rows: readonly R[],
  by: readonly By[],
): { key: Pick<R, By>; rows: R[] }[] {
  const groups = new Map<string, { key: Pick<R, By>; rows: R[] }>();
  for (const row of rows) {
    const key = Object.fromEntries(by.map((name) => [name, row[name]])) as Pick<R, By>;
    const label = JSON.stringify(by.map((name) => [typeof row[name], String(row[name])]));
    const group = groups.get(label) ?? { key, rows: [] };
    group.rows.push(row);
    groups.set(label, group);
  }
  return [...groups.values()];
}

/**
 * A row per group with statistics of columns of numbers, for `table` or a DataFrame.
 *
 * @param options.by Columns that make the groups, such as `['candidate', 'rate']`.
 * @param options.of Columns of numbers.
 * @param options.statistics By name; default the mean, under the column's own name, and the sample standard deviation, as
 *   `accuracy ±`. The columns of others are called `accuracy median`, ….
 *
 * @example
 * summarize(rows, { by: ['candidate'], of: ['accuracy'] }); // [{ candidate: 'Lion', runs: 3, accuracy: 0.96, 'accuracy ±': 0.002 }, …]
 */
export function summarize<R extends object, By extends keyof R & string>(
  rows: readonly R[],
  options: {
    readonly by: readonly By[];
    readonly of: readonly NumberColumn<R>[];
    readonly statistics?: Readonly<Record<string, Statistic>>;
  },
): (Pick<R, By> & { runs: number } & Record<string, Cell>)[] {
  const { by, of, statistics = { '': mean, '±': standardDeviation } } = options;
  return groupBy(rows, by).map(({ key, rows: members }) => ({
    ...key,
    runs: members.length,
    ...Object.fromEntries(
      of.flatMap((column) => {
        const values = members.map((row) => row[column] as number);
        return Object.entries(statistics).map(([name, statistic]) => [
          name === '' ? column : `${column} ${name}`,
          statistic(values),
        ]);
      }),
    ),
  }));
}

/**
 * The group with the best mean. A group whose mean is not a number is never the best.
 *
 * @param options.mode Which way is better; default `'max'`.
 * @throws RangeError if there is no group with a number.
 *
 * @example
 * const { key, value } = best(select(rows, { candidate: 'Lion' }), { by: ['rate'], of: 'accuracy' }); // key.rate
 */
export function best<R extends object, By extends keyof R & string>(
  rows: readonly R[],
  options: { readonly by: readonly By[]; readonly of: NumberColumn<R>; readonly mode?: 'max' | 'min' },
): { key: Pick<R, By>; value: number; rows: R[] } {
  const { by, of, mode = 'max' } = options;
  const sign = mode === 'max' ? 1 : -1;
  const groups = groupBy(rows, by)
    .map((group) => ({ ...group, value: mean(group.rows.map((row) => row[of] as number)) }))
    .filter(({ value }) => !Number.isNaN(value));
  const [first, ...others] = groups;
  if (!first) throw new RangeError(`There is no best ${of}: no group of rows has a number there.`);
  return others.reduce((winner, group) => (sign * (group.value - winner.value) > 0 ? group : winner), first);
}

/**
 * Curves by group, as `lossCurves` and the plots with seeds take them.
 *
 * @example
 * lossCurves({ runs: curves(rows, { by: ['candidate'], of: 'losses' }), alt });
 */
export function curves<R extends object, By extends keyof R & string, Of extends keyof R & string>(
  rows: readonly R[],
  { by, of }: { readonly by: readonly By[]; readonly of: Of },
): Record<string, R[Of][]> {
  return Object.fromEntries(
    groupBy(rows, by).map(({ key, rows: members }) => [nameOf(key), members.map((row) => row[of])]),
  );
}

/**
 * A measurement against a setting, as `lineChart` takes it: a series per group, with a value per setting for each seed. Where
 * a seed has no run the value is NaN, a gap in the line.
 *
 * @param options.x Column of numbers on the abscissa; its values are sorted.
 * @param options.y Column of numbers on the ordinate.
 *
 * @example
 * lineChart({ series: seriesOf(rows, { by: ['candidate'], x: 'rate', y: 'accuracy' }), x: 'learning rate', y: 'accuracy', alt });
 */
export function seriesOf<R extends object & { readonly seed: number }, By extends keyof R & string>(
  rows: readonly R[],
  { by, x, y }: { readonly by: readonly By[]; readonly x: NumberColumn<R>; readonly y: NumberColumn<R> },
): { name: string; x: number[]; seeds: number[][] }[] {
  const distinct = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
  return groupBy(rows, by).map(({ key, rows: members }) => {
    const abscissae = distinct(members.map((row) => row[x] as number));
    const seeds = distinct(members.map(({ seed }) => seed));
    const value = (seed: number, at: number): number =>
      (members.find((row) => row.seed === seed && row[x] === at)?.[y] as number | undefined) ?? NaN;
    return {
      name: nameOf(key),
      x: abscissae,
      seeds: seeds.map((seed) => abscissae.map((at) => value(seed, at))),
    };
  });
}

/** A group in words. */
const nameOf = (key: object): string => Object.values(key).map(String).join(', ');

/**
 * The rows without their curves: numbers, texts and truth values, which a DataFrame takes.
 *
 * @example
 * new dfd.DataFrame(scalarsOf(rows)).groupby(['candidate']).mean();
 */
export function scalarsOf<R extends object>(rows: readonly R[]): Record<string, number | string | boolean>[] {
  return rows.map(
    (row) =>
      Object.fromEntries(Object.entries(row).filter(([, value]) => typeof value !== 'object')) as Record<
        string,
        number | string | boolean
      >,
  );
}
