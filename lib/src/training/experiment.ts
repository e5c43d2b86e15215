import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { rejectUnknown } from '../runtime/options';
import { readSafetensors, writeSafetensors } from './safetensors';
import type { RunOptions, TrainingProgress } from './fit';

/** What is measured in a trial, or says which trial it is. */
export type Measurement = number | string | boolean | null | readonly number[] | Float32Array | Float64Array;

/** What a trial measures, by name. */
export type Measurements = Readonly<Record<string, Measurement>>;

/** How a trial differs from the others of its candidate, such as `{ rate: 1e-3 }`. */
export type ExperimentSetting = Readonly<Record<string, number | string | boolean>>;

/** What a trial hands on to `train` or `fit`: `train({ …, ...trial.options })`. */
export type TrialOptions = Pick<RunOptions, 'seed' | 'signal' | 'onProgress' | 'checkpoint' | 'resume'>;

/** One trial: what it is of, and what it hands on. */
export type Trial<Candidate, S extends ExperimentSetting> = {
  /** As in the list of candidates. */
  readonly candidate: Candidate;
  readonly name: string;
  readonly setting: S;
  readonly seed: number;
  /** For `train` or `fit`: seed, interruption, progress and, where the experiment has one, checkpoint. */
  readonly options: TrialOptions;
};

/** One line of the results: the trial, and what it measured. */
export type Row<S extends ExperimentSetting, M extends Measurements> = Readonly<
  { candidate: string; seed: number } & S & M
>;

/** Where an experiment stands. */
export interface ExperimentProgress {
  /** Steps done, of all trials; a trial without steps counts as one. */
  readonly step: number;
  /** Steps in all, if the trials to come are as long as the one that runs. */
  readonly steps: number;
  readonly secondsRemaining: number;
  /** Loss of the trial that runs. */
  readonly loss?: number;
}

export interface ExperimentCheckpoint {
  readonly file: string;
  /** As in `train`. */
  readonly every?: number;
  /** Whether the file is there for interruptions only, and goes when all trials are complete; default false. */
  readonly isTemporary?: boolean;
}

export interface ExperimentOptions<Candidate, S extends ExperimentSetting, M extends Measurements> {
  /** What is compared, by name. */
  readonly candidates: Readonly<Record<string, Candidate>>;
  /** Under which settings: the same for all, or as the function says for each; default one setting without a name. */
  readonly settings?: readonly S[] | ((name: string, candidate: Candidate) => readonly S[]);
  /** Default [0]. */
  readonly seeds?: readonly number[];
  /** Runs one trial and measures. It frees what it makes. */
  readonly run: (trial: Trial<Candidate, S>) => Promise<M> | M;
  /** Ends the experiment; it then returns the trials that are complete. */
  readonly signal?: AbortSignal;
  /** One bar for all trials: `progress('18 training runs')`. */
  readonly onProgress?: (progress: ExperimentProgress) => unknown;
  /** Where the results are kept, and beside it the trial that runs, so that the experiment survives its process. */
  readonly checkpoint?: ExperimentCheckpoint;
  /** As in `train`. */
  readonly resume?: boolean;
}

/** What an experiment gives. */
export interface Experiment<S extends ExperimentSetting, M extends Measurements> {
  /** One row per complete trial, in the order of candidates, settings, seeds. */
  readonly rows: Row<S, M>[];
  readonly interrupted: boolean;
}

const FORMAT = 'liandan-experiment';

/**
 * Compares candidates under settings and seeds: runs every combination, one after the other, with one progress bar, and
 * gives tidy rows, which `table`, a DataFrame, {@link summarize}, {@link best} and {@link seriesOf} take.
 *
 * Trials of the same shape are compiled once: a step's graph depends on neither the seed nor the learning rate.
 *
 * @throws TypeError for unknown options; RangeError where there is nothing to run, or names collide; Error that names the
 *   trial which failed, with its cause.
 *
 * @example
 * const { rows } = await experiment({
 *   candidates: { Lion: lion, Adam: adam },
 *   settings: [{ rate: 3e-4 }, { rate: 1e-3 }],
 *   seeds: [0, 1, 2],
 *   signal: cellSignal(),
 *   onProgress: progress('12 training runs'),
 *   run: async ({ candidate: make, setting: { rate }, seed, options }) => {
 *     const [model, optimizer] = [mlp({ sizes: [784, 64, 10], seed }), make({ learningRate: rate })];
 *     const { losses } = await train({ model, optimizer, data, epochs: 10, ...options });
 *     const { accuracy } = evaluateClassifier(model, testData);
 *     [model, optimizer].forEach((used) => used.dispose());
 *     return { accuracy, losses };
 *   },
 * });
 * table(summarize(rows, { by: ['candidate', 'rate'], of: ['accuracy'] }), { caption: 'Mean and spread of three seeds' });
 */
export async function experiment<
  Candidate,
  S extends ExperimentSetting = Record<never, never>,
  M extends Measurements = Measurements,
>(options: ExperimentOptions<Candidate, S, M>): Promise<Experiment<S, M>> {
  const known = ['candidates', 'settings', 'seeds', 'run', 'signal', 'onProgress', 'checkpoint', 'resume'];
  rejectUnknown(options, known, 'experiment');
  const { run, signal, checkpoint, resume } = options;
  const plan = planOf(options);
  const rows: Row<S, M>[] = await begin(plan, checkpoint?.file, resume);
  const display = new Display(plan.length, rows.length, options.onProgress);
  const inProgress = checkpoint && `${checkpoint.file}.trial`;
  for (const [index, { key, ...trial }] of plan.entries()) {
    if (index < rows.length) continue;
    if (signal?.aborted) break;
    const trialOptions: TrialOptions = {
      seed: trial.seed,
      signal,
      onProgress: (state) => display.within(state),
      ...(checkpoint && {
        checkpoint: { file: inProgress!, every: checkpoint.every },
        resume: resume ?? false,
      }),
    };
    let measured: M;
    try {
      measured = await run({ ...trial, options: trialOptions });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Trial ${index + 1} of ${plan.length} (${describe(key)}) failed: ${reason}`, {
        cause: error,
      });
    }
    // An interrupted trial measured something unfinished.
    if (signal?.aborted) break;
    const collision = Object.keys(measured).find((name) => name in key);
    if (collision !== undefined) {
      throw new RangeError(`A trial measures "${collision}", which already says which trial it is.`);
    }
    rows.push({ ...key, ...measured } as unknown as Row<S, M>);
    if (checkpoint) {
      await write(checkpoint.file, plan, rows);
      await rm(inProgress!, { force: true });
    }
    await display.completed();
  }
  const interrupted = rows.length < plan.length;
  if (checkpoint?.isTemporary && !interrupted) await rm(checkpoint.file, { force: true });
  return { rows, interrupted };
}

type Key = Readonly<Record<string, number | string | boolean>>;
type Planned<Candidate, S extends ExperimentSetting> = Omit<Trial<Candidate, S>, 'options'> & {
  readonly key: Key;
};

function planOf<Candidate, S extends ExperimentSetting, M extends Measurements>({
  candidates,
  settings = [{}] as unknown as readonly S[],
  seeds = [0],
}: ExperimentOptions<Candidate, S, M>): Planned<Candidate, S>[] {
  const plan = Object.entries(candidates).flatMap(([name, candidate]) =>
    (typeof settings === 'function' ? settings(name, candidate) : settings).flatMap((setting) =>
      seeds.map((seed) => ({ candidate, name, setting, seed, key: { candidate: name, ...setting, seed } })),
    ),
  );
  if (plan.length === 0) {
    throw new RangeError('An experiment needs at least one candidate, one setting and one seed.');
  }
  const bad = plan.find(({ setting }) => 'candidate' in setting || 'seed' in setting);
  if (bad)
    throw new RangeError('A setting cannot be called "candidate" or "seed": these are columns of their own.');
  return plan;
}

const describe = (key: Key): string =>
  Object.entries(key)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** The rows of trials that an earlier process completed. */
async function begin<R>(
  plan: readonly { readonly key: Key }[],
  file: string | undefined,
  resume: boolean | undefined,
): Promise<R[]> {
  if (file === undefined) {
    if (resume !== undefined) throw new TypeError('resume needs checkpoint: { file }.');
    return [];
  }
  if (!resume) await rm(`${file}.trial`, { force: true });
  if (resume === false || !existsSync(file)) return [];
  if (!resume) {
    throw new Error(
      `${file} exists already. Give resume: true to go on from it, or resume: false to start anew and overwrite it.`,
    );
  }
  const { metadata, isVerified } = await readSafetensors(file);
  if (metadata.format !== FORMAT || !isVerified) throw new Error(`${file} holds no experiment.`);
  const saved = JSON.parse(metadata.rows ?? '[]', revive) as (Key & R)[];
  const at = saved.findIndex((row, i) => {
    const key = plan[i]?.key ?? {};
    return i >= plan.length || Object.entries(key).some(([name, value]) => row[name] !== value);
  });
  if (at >= 0) {
    throw new Error(
      `${file} is of another experiment: its trial ${at + 1} is not ${describe(plan[at]?.key ?? {}) || 'planned here'}.`,
    );
  }
  return saved;
}

async function write(file: string, plan: readonly unknown[], rows: readonly object[]): Promise<void> {
  const metadata = { format: FORMAT, trials: String(plan.length), rows: JSON.stringify(rows, encode) };
  await writeSafetensors(file, { tensors: new Map(), metadata });
}

/** JSON has no typed arrays and no numbers that are not finite. */
function encode(_: string, value: unknown): unknown {
  if (value instanceof Float32Array) return { float32: [...value] };
  if (value instanceof Float64Array) return { float64: [...value] };
  return typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value;
}

function revive(_: string, value: unknown): unknown {
  const { float32, float64, number } = (value ?? {}) as {
    float32?: number[];
    float64?: number[];
    number?: string;
  };
  if (number !== undefined) return Number(number);
  if (float32) return Float32Array.from(float32);
  return float64 ? Float64Array.from(float64) : value;
}

/** One progress bar over all trials. */
class Display {
  private readonly start = performance.now();
  private stepsOfTrial = 1;

  constructor(
    private readonly trials: number,
    private done: number,
    private readonly show: ((progress: ExperimentProgress) => unknown) | undefined,
  ) {
    this.doneBefore = done;
  }

  private readonly doneBefore: number;

  /** In the course of a trial; its last state is left to {@link completed}. */
  within({ step, steps, loss }: TrainingProgress): unknown {
    this.stepsOfTrial = steps;
    return step < steps ? this.report(step, loss) : undefined;
  }

  completed(): unknown {
    this.done++;
    return this.report(0);
  }

  private report(step: number, loss?: number): unknown {
    const trials = this.done + step / this.stepsOfTrial;
    const seconds = (performance.now() - this.start) / 1000;
    return this.show?.({
      step: this.done * this.stepsOfTrial + step,
      steps: this.trials * this.stepsOfTrial,
      secondsRemaining: (seconds * (this.trials - trials)) / (trials - this.doneBefore),
      ...(loss !== undefined && { loss }),
    });
  }
}
