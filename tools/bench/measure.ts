/** Runs implementations in turn, so that whatever else the machine does meets all of them. */

/** Something to be measured. */
export interface Candidate {
  readonly implementation: string;
  readonly mode: string;
  /** How many steps one call takes, where it is always as many; default 1. */
  readonly stepsPerCall?: number;
  /** Takes steps; gives the milliseconds they took and the last loss. */
  run(steps: number): Promise<{ ms: number; loss: number }>;
}

export interface Measurement {
  readonly implementation: string;
  readonly mode: string;
  readonly medianMs: number;
  readonly minMs: number;
  /** Half of the rounds lie within this many milliseconds. */
  readonly spread: number;
}

export interface Effort {
  readonly rounds: number;
  /** Per candidate and round. */
  readonly budgetMs: number;
}

/** Milliseconds per step of each candidate. */
export async function measure(
  candidates: readonly Candidate[],
  { rounds, budgetMs }: Effort,
): Promise<Measurement[]> {
  const steps = new Map<Candidate, number>();
  for (const candidate of candidates) {
    const { stepsPerCall = 1 } = candidate;
    const tried = Math.max(2, stepsPerCall);
    const { ms } = await candidate.run(tried);
    const calls = Math.round((tried * budgetMs) / ms / stepsPerCall);
    steps.set(candidate, Math.max(1, calls) * stepsPerCall);
  }
  const times = new Map<Candidate, number[]>(candidates.map((candidate) => [candidate, []]));
  for (let round = 0; round < rounds; round++) {
    for (const candidate of candidates) {
      const count = steps.get(candidate)!;
      const { ms } = await candidate.run(count);
      times.get(candidate)!.push(ms / count);
    }
  }
  return candidates.map((candidate) => {
    const sorted = times.get(candidate)!.sort((a, b) => a - b);
    return {
      implementation: candidate.implementation,
      mode: candidate.mode,
      medianMs: quantile(sorted, 0.5),
      minMs: sorted[0]!,
      spread: quantile(sorted, 0.75) - quantile(sorted, 0.25),
    };
  });
}

/** Of sorted values, between neighbours by linear interpolation. */
export function quantile(sorted: readonly number[], fraction: number): number {
  const position = fraction * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!];
  return low + (high - low) * (position % 1);
}
