/** Event files, read by a strict reader that shares no code with the writer, and by TensorBoard where it is installed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mlp } from '../../src/models';
import { adam } from '../../src/optimizers';
import { random, tf } from '../../src/runtime';
import { train, type TrainOptions } from '../../src/training';
import { crc32c } from '../../src/training/tensorBoard';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liandan-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  tf.disposeVariables();
});

/** CRC-32C bit by bit, masked as in TFRecord files. */
function maskedChecksum(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc % 2n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number(((crc >> 15n) + ((crc % 2n ** 15n) << 17n) + 0xa282ead8n) % 2n ** 32n);
}

type Field = [number: number, value: number | bigint | Buffer];

/** The fields of a protocol buffer. */
function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
      shift += 7n;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    switch (tag & 7) {
      case 0:
        found.push([number, varint()]);
        break;
      case 1:
        found.push([number, message.readDoubleLE(at)]);
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        found.push([number, message.subarray(at, at + length)]);
        at += length;
        break;
      }
      case 5:
        found.push([number, message.readFloatLE(at)]);
        at += 4;
        break;
      default:
        throw new Error(`Wire type ${tag & 7}`);
    }
  }
  expect(at).toBe(message.length);
  return found;
}

interface Event {
  step: number;
  scalars: Record<string, number>;
  version?: string;
  isStart: boolean;
}

function readEvents(path: string): Event[] {
  const file = readFileSync(path);
  const events: Event[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(maskedChecksum(file.subarray(at, at + 8)));
    const content = file.subarray(at + 12, at + 12 + length);
    expect(content.length).toBe(length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskedChecksum(content));
    at += 16 + length;
    const event = new Map(fields(content));
    expect(Math.abs((event.get(1) as number) - Date.now() / 1000)).toBeLessThan(3600);
    const summary = event.get(5) as Buffer | undefined;
    const scalars = (summary ? fields(summary) : []).map(([number, value]) => {
      expect(number).toBe(1);
      const [tag, scalar] = fields(value as Buffer);
      return [String((tag as [number, Buffer])[1]), (scalar as [number, number])[1]] as const;
    });
    const session = event.get(7) as Buffer | undefined;
    events.push({
      step: Number(event.get(2) ?? 0),
      scalars: Object.fromEntries(scalars),
      ...(event.has(3) && { version: String(event.get(3)) }),
      isStart:
        session !== undefined && fields(session).some(([number, value]) => number === 1 && value === 1n),
    });
  }
  return events;
}

function run(options: Partial<TrainOptions> = {}) {
  const model = mlp({ sizes: [3, 2], seed: 1 });
  const data = { inputs: random(1).normal([40, 3]), labels: tf.zeros<tf.Rank.R1>([40], 'int32') };
  let evaluations = 0;
  return train({
    model,
    optimizer: adam(),
    data,
    epochs: 3,
    batchSize: 4,
    tensorboard: join(folder, 'logs'),
    follow: { gradients: /kernel/ },
    evaluate: () => ({ accuracy: ++evaluations / 4 }),
    ...options,
  });
}

const files = () =>
  readdirSync(join(folder, 'logs'))
    .sort()
    .map((name) => join(folder, 'logs', name));

describe('an event file', () => {
  it('has the checksums that others compute', () => {
    // The check value of CRC-32C in every catalogue of checksums.
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('holds every report and evaluation of a run', async () => {
    const { losses, statistics, evaluations } = await run();
    const [path, ...others] = files();
    expect(others).toEqual([]);
    const [first, ...events] = readEvents(path!);
    expect(first).toMatchObject({ version: 'brain.Event:2', isStart: false });
    const steps = events.filter(({ scalars }) => 'loss' in scalars);
    expect(steps.map(({ step }) => step)).toEqual(losses.map((_, i) => i + 1));
    expect(steps.map(({ scalars }) => scalars.loss)).toEqual(losses);
    const name = Object.keys(statistics)[0]!;
    expect(name).toMatch(/kernel\/gradient/);
    expect(steps.map(({ scalars }) => scalars[name])).toEqual(statistics[name]);
    const evaluated = events.filter(({ scalars }) => 'evaluation/accuracy' in scalars);
    expect(
      evaluated.map(({ step, scalars }) => [
        step,
        scalars['evaluation/accuracy'],
        scalars['evaluation/epoch'],
      ]),
    ).toEqual(evaluations.map(({ step, accuracy, epoch }) => [step, accuracy, epoch]));
    expect(events.length).toBe(steps.length + evaluated.length);
  });

  it('of a resumed run says from where on the earlier ones do not count', async () => {
    const checkpoint = { file: join(folder, 'run.safetensors') };
    const crash = {
      onEpochEnd: ({ epoch }: { epoch: number }) => Promise.reject(new Error(`epoch ${epoch}`)),
    };
    const late = {
      onEpochEnd: (view: { epoch: number }) => (view.epoch === 2 ? crash.onEpochEnd(view) : undefined),
    };
    await expect(run({ checkpoint, callbacks: [late] })).rejects.toThrow('epoch 2');
    tf.disposeVariables();
    const { losses } = await run({ checkpoint, resume: true });
    const [before, after] = files().map(readEvents) as [Event[], Event[]];
    expect(before.at(-1)!.step).toBe(20);
    expect(after[1]).toMatchObject({ step: 11, isStart: true });
    const steps = after.filter(({ scalars }) => 'loss' in scalars);
    expect(steps.map(({ scalars }) => scalars.loss)).toEqual(losses.slice(10));
  });
});

// Not among the requirements: it needs NumPy and gRPC. `.venv/bin/pip install tensorboard` makes this test run.
const python = process.env.TENSORBOARD_PYTHON ?? join(__dirname, '..', '..', '..', '.venv', 'bin', 'python');
const hasTensorBoard = spawnSync(python, ['-c', 'import tensorboard']).status === 0;

describe.runIf(hasTensorBoard)('TensorBoard', () => {
  it('reads the curves of a run that crashed and was resumed as those of one run', async () => {
    const checkpoint = { file: join(folder, 'run.safetensors') };
    const late = {
      onEpochEnd: ({ epoch }: { epoch: number }) =>
        epoch === 2 ? Promise.reject(new Error('crash')) : undefined,
    };
    await expect(run({ checkpoint, callbacks: [late] })).rejects.toThrow('crash');
    tf.disposeVariables();
    const { losses, statistics } = await run({ checkpoint, resume: true });
    const { stdout, stderr } = spawnSync(
      python,
      [join(__dirname, 'tensorboard_read.py'), join(folder, 'logs')],
      {
        encoding: 'utf8',
      },
    );
    expect(stdout, stderr).toMatch(/^\{/);
    const scalars = JSON.parse(stdout) as Record<string, [number, number][]>;
    expect(scalars.loss).toEqual(losses.map((loss, i) => [i + 1, loss]));
    expect(Object.keys(scalars)).toEqual(
      expect.arrayContaining([...Object.keys(statistics), 'evaluation/accuracy', 'evaluation/epoch']),
    );
  });
});
