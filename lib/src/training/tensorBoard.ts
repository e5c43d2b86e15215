import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { RunView, TrainingCallback } from './callbacks';

let files = 0;

/**
 * Writes what a run records to an event file, which TensorBoard shows while the run goes on: the reports of the steps under
 * their names, evaluations as `evaluation/…`. A resumed run adds a file, and TensorBoard forgets what the interrupted one
 * wrote beyond the checkpoint.
 *
 * The option `tensorboard` of `train` and `fit` is short for it.
 *
 * @param folder One per run; it is made if it is missing.
 *
 * @example
 * await train({ model, optimizer, data, epochs: 10, tensorboard: 'runs/lion' }); // tensorboard --logdir runs
 */
export function tensorBoard(folder: string): TrainingCallback {
  let file: FileHandle | undefined;
  let steps = 0;
  let evaluations = 0;

  const write = async (run: RunView): Promise<void> => {
    const now = Date.now() / 1000;
    const events: Buffer[] = [];
    for (; steps < run.step; steps++) {
      const scalars = Object.entries(run.reports).map(([name, series]) => [name, series[steps]] as const);
      events.push(scalarEvent(now, steps + 1, scalars));
    }
    for (; evaluations < run.evaluations.length; evaluations++) {
      const { epoch, step, ...measured } = run.evaluations[evaluations]!;
      const scalars = Object.entries({ epoch, ...measured });
      events.push(
        scalarEvent(
          now,
          step,
          scalars.map(([name, value]) => [`evaluation/${name}`, value]),
        ),
      );
    }
    await file?.appendFile(Buffer.concat(events.map(record)));
  };
  const close = async (): Promise<void> => {
    await file?.close();
    file = undefined;
  };
  return {
    onTrainBegin: async (run) => {
      [steps, evaluations] = [run.step, run.evaluations.length];
      await mkdir(folder, { recursive: true });
      const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
      const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}`;
      file = await open(join(folder, name), 'wx');
      const wallTime = double(1, Date.now() / 1000);
      const events = [Buffer.concat([wallTime, bytes(3, Buffer.from('brain.Event:2'))])];
      if (run.isResumed) {
        const session = bytes(7, integer(1, SESSION_START));
        events.push(Buffer.concat([wallTime, integer(2, run.step + 1), session]));
      }
      await file.appendFile(Buffer.concat(events.map(record)));
    },
    onChunkEnd: write,
    onEvaluation: (_, run) => write(run),
    onTrainEnd: write,
    release: close,
  };
}

/** SessionLog.START: what was logged from this step on is to be forgotten. */
const SESSION_START = 1;

/** Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } } of tensorflow/core/util/event.proto. */
function scalarEvent(
  wallTime: number,
  step: number,
  scalars: readonly (readonly [tag: string, value: number | undefined])[],
): Buffer {
  const values = scalars.map(([tag, value = NaN]) =>
    bytes(1, Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)])),
  );
  return Buffer.concat([double(1, wallTime), integer(2, step), bytes(5, Buffer.concat(values))]);
}

/** A record of a TFRecord file: length, its checksum, content, its checksum. */
function record(content: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(content.length));
  return Buffer.concat([length, maskedChecksum(length), content, maskedChecksum(content)]);
}

function maskedChecksum(content: Uint8Array): Buffer {
  const crc = crc32c(content);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** The Castagnoli polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  }
  return remainder;
});

/** CRC-32C of bytes. */
export function crc32c(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) crc = remainders[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Fields of a protocol buffer: a tag (number and wire type), then the value.
const [VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES] = [0, 1, 2, 5];

function varint(value: number): Buffer {
  const digits: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) digits.push((value % 128) | 128);
  return Buffer.from([...digits, value]);
}

const tagOf = (field: number, type: number): Buffer => varint(field * 8 + type);
const integer = (field: number, value: number): Buffer =>
  Buffer.concat([tagOf(field, VARINT), varint(value)]);
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([tagOf(field, LENGTH), varint(value.length), value]);

function double(field: number, value: number): Buffer {
  const encoded = Buffer.alloc(8);
  encoded.writeDoubleLE(value);
  return Buffer.concat([tagOf(field, EIGHT_BYTES), encoded]);
}

function float(field: number, value: number): Buffer {
  const encoded = Buffer.alloc(4);
  encoded.writeFloatLE(value);
  return Buffer.concat([tagOf(field, FOUR_BYTES), encoded]);
}
