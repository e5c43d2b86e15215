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
