import { join } from 'node:path';

/** How large the experiments are: `'lesson'` for minutes on a laptop, `'full'` for a GPU. */
export type Profile = 'lesson' | 'full';

/**
 * The profile of this run: the environment variable LIANDAN_PROFILE, or `'lesson'` where it is not set.
 *
 * @throws RangeError if the variable holds anything else.
 */
export function profile(): Profile {
  const value = process.env.LIANDAN_PROFILE || 'lesson';
  if (value === 'lesson' || value === 'full') return value;
  throw new RangeError(
    `LIANDAN_PROFILE is ${JSON.stringify(value)}; set it to lesson or full, or leave it out for lesson.`,
  );
}

/**
 * Chooses what belongs to the profile of this run.
 *
 * @example
 * const epochs = byProfile({ lesson: 10, full: 50 });
 */
export function byProfile<T>(choices: Readonly<Record<Profile, T>>): T {
  return choices[profile()];
}

/** Options of `experiment` and `scanRates`; see {@link resumable}. */
export interface Resumable {
  readonly checkpoint?: { readonly file: string; readonly isTemporary: true };
  readonly resume?: true;
}

/**
 * What an experiment takes so that it survives its process in the profile `'full'`: run again, the cell goes on where the last
 * run was cut. When all trials are complete, the file goes, too. Nothing in the profile `'lesson'`.
 *
 * @param name Of the experiment, for its file in `.liandan/runs`.
 *
 * @example
 * const { rows } = await experiment({ candidates, seeds, run, ...resumable('05-rates') });
 */
export function resumable(name: string): Resumable {
  if (profile() === 'lesson') return {};
  const folder = join(process.env.LIANDAN_ROOT ?? process.cwd(), '.liandan', 'runs');
  return { checkpoint: { file: join(folder, `${name}.safetensors`), isTemporary: true }, resume: true };
}
