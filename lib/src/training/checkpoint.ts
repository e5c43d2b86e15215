import type { EvaluationRecord } from './callbacks';
import { readParts, restoreParts, type PartDescription, type Parts } from './parts';
import { readSafetensors, writeSafetensors, type StoredTensor } from './safetensors';

/** Where a run is kept while it goes on; see {@link RunOptions.checkpoint}. */
export interface CheckpointOptions {
  /** One file, replaced as a whole at each save; its folder is made if it is missing. */
  readonly file: string;
  /** Steps between saves; default: a save after each epoch. At the end and when interrupted it is saved in any case. */
  readonly every?: number;
  /**
   * What the steps change, by names of your choice: models, optimizers, variables, random streams. `train` adds its model and
   * its optimizer itself.
   */
  readonly state?: Parts;
}

/** What must be the same for a run to go on as if it had not been interrupted. */
export interface RunIdentity {
  readonly count: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly evaluateEvery: number | null;
}

/** Where a run stands, without its tensors. */
export interface RunRecord {
  /** Epochs that are complete. */
  epoch: number;
  /** Batches of the current epoch that are done. */
  batch: number;
  /** One number per step. */
  reports: Record<string, number[]>;
  evaluations: EvaluationRecord[];
  seconds: number;
  /** Why the run ended before its last epoch. */
  stopped?: string;
}

const FORMAT = 'liandan-checkpoint';
const VERSION = 1;
const CURVE = 'reports/';
const PART = 'state/';

interface Position {
  readonly identity: RunIdentity;
  readonly parts: Readonly<Record<string, PartDescription>>;
  readonly epoch: number;
  readonly batch: number;
  readonly seconds: number;
  readonly stopped?: string;
  readonly evaluations: readonly Record<string, number | string>[];
}

/** Writes the run and its parts to one file. */
export async function writeCheckpoint(
  path: string,
  { epoch, batch, reports, evaluations, seconds, stopped }: RunRecord,
  identity: RunIdentity,
  parts: Parts,
): Promise<void> {
  const { descriptions, tensors } = await readParts(parts);
  const position: Position = {
    identity,
    parts: descriptions,
    epoch,
    batch,
    seconds,
    stopped,
    evaluations: evaluations.map((record) =>
      Object.fromEntries(Object.entries(record).map(([name, value]) => [name, encode(value)])),
    ),
  };
  const all = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) all.set(PART + name, tensor);
  for (const [name, series] of Object.entries(reports)) {
    all.set(CURVE + name, { dtype: 'F64', shape: [series.length], values: Float64Array.from(series) });
  }
  await writeSafetensors(path, {
    tensors: all,
    metadata: { format: FORMAT, version: String(VERSION), run: JSON.stringify(position) },
  });
}

/**
 * Reads a run from a file and puts its state back into the parts.
 *
 * @throws Error if the file is damaged, no checkpoint, or of another run or other parts; then nothing was changed.
 */
export async function readCheckpoint(path: string, identity: RunIdentity, parts: Parts): Promise<RunRecord> {
  const { tensors, metadata, isVerified } = await readSafetensors(path);
  if (metadata.format !== FORMAT || !isVerified) {
    throw new Error(`${path} is no checkpoint of a training run.`);
  }
  if (metadata.version !== String(VERSION)) {
    throw new Error(
      `${path} has version ${metadata.version} of the format; this program reads version ${VERSION}.`,
    );
  }
  const position = JSON.parse(metadata.run ?? '{}') as Position;
  for (const name of Object.keys(identity) as (keyof RunIdentity)[]) {
    if (position.identity[name] !== identity[name]) {
      throw new Error(
        `${path} is of a run with ${name} ${position.identity[name]}, but this one has ${name} ${identity[name]}. ` +
          'A run goes on with the options that it began with.',
      );
    }
  }
  const under = (prefix: string) =>
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor] as const);
  await restoreParts(parts, { descriptions: position.parts, tensors: new Map(under(PART)) }, path);
  const { epoch, batch, seconds, stopped } = position;
  return {
    epoch,
    batch,
    seconds,
    ...(stopped !== undefined && { stopped }),
    reports: Object.fromEntries(under(CURVE).map(([name, { values }]) => [name, [...values]])),
    evaluations: position.evaluations.map(
      (record) =>
        Object.fromEntries(
          Object.entries(record).map(([name, value]) => [name, Number(value)]),
        ) as EvaluationRecord,
    ),
  };
}

/** JSON has no NaN, no infinity and no −0. */
const encode = (value: number): number | string =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? '-0' : String(value);
