/**
 * Counts what one training step does on the simulated GPU, in each way of taking it. `node count.js SUBJECT` is a process of its
 * own, as it ends when the host touches memory of the device; the counters are in the file SIMULATED_GPU.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { compile, tf } from 'liandan';
import { modes } from '../../bench/implementations';
import { subjects } from './subjects';

/** Per step. A node is a kernel or a copy within a graph that is launched as a whole. */
export interface Counts {
  readonly launches: number;
  readonly graphs: number;
  readonly nodes: number;
  readonly bytesToDevice: number;
  readonly bytesToHost: number;
}

/** The fields of the counters in simulated.c. */
const fields = [
  'launches',
  'graphs',
  'nodes',
  'toDevice',
  'bytesToDevice',
  'toHost',
  'bytesToHost',
  'turns',
] as const;
type Field = (typeof fields)[number];

const counters = process.env.SIMULATED_GPU!;

function read(): Record<Field, number> {
  const content = readFileSync(counters);
  const values = fields.map((field, i) => [field, Number(content.readBigInt64LE(8 * i))]);
  return Object.fromEntries(values) as Record<Field, number>;
}

/** How often loops of XLA go on. */
function allowTurns(turns: number): void {
  const value = Buffer.alloc(8);
  value.writeBigInt64LE(BigInt(turns));
  const file = openSync(counters, 'r+');
  writeSync(file, value, 0, 8, 8 * fields.indexOf('turns'));
  closeSync(file);
}

/** The counts of some steps, which reading the result of the last of them ends. */
const STEPS = 20;

/** As the benchmark takes steps, and without a session. */
const ways = [...modes, 'compiled+device', 'loop+device'] as const;

function count(name: string, mode: (typeof ways)[number]): Counts {
  const subject = subjects[name]!();
  const isLoop = mode.startsWith('loop');
  const isOnDevice = mode.endsWith('device');
  const isXla = mode.endsWith('xla') || isOnDevice;
  process.env.LIANDAN_XLA = isOnDevice ? 'device' : 'session';
  // The values are none that could be compared.
  const compiled = mode === 'eager' ? undefined : compile(subject.step, { xla: isXla, verify: false });
  const inputs = Array.from({ length: STEPS }, (_, call) => subject.input(call));
  const stacked = tf.stack(inputs);
  const readOne = (result: unknown): void => {
    const [tensor] =
      result instanceof tf.Tensor ? [result] : Object.values(result as Record<string, tf.Tensor>);
    tensor.dataSync();
  };
  const round = (): Counts => {
    if (isLoop && isXla) allowTurns(STEPS);
    const before = read();
    tf.tidy(() => {
      if (isLoop) return readOne(compiled!.loop(stacked));
      inputs.slice(1).forEach((given) => tf.dispose((compiled ?? subject.step)(given)));
      readOne((compiled ?? subject.step)(inputs[0]!));
    });
    const after = read();
    if (after.turns !== 0) throw new Error(`The loop took ${STEPS - after.turns} turns instead of ${STEPS}.`);
    const perStep = (field: Field): number => (after[field] - before[field]) / STEPS;
    const { info } = compiled ?? {};
    if (info && (info.kernels === 'XLA') !== isXla) throw new Error(`${info.kernels} computed it.`);
    if (info && (info.runtime === 'program') !== isOnDevice) throw new Error(`A ${info.runtime} ran it.`);
    return {
      launches: perStep('launches'),
      graphs: perStep('graphs'),
      nodes: perStep('nodes'),
      bytesToDevice: perStep('bytesToDevice'),
      bytesToHost: perStep('bytesToHost'),
    };
  };
  // At first it is traced and compiled, and graphs are made of kernels that have run before.
  let last = round();
  for (let rounds = 1; rounds < 12; rounds++) {
    const next = round();
    if (JSON.stringify(next) === JSON.stringify(last)) return next;
    last = next;
  }
  throw new Error(`The counts do not settle: ${JSON.stringify(last)}.`);
}

const name = process.argv[2]!;
for (const mode of ways) {
  console.log(`\nmode ${mode}`);
  console.log(`\ncounts ${JSON.stringify(count(name, mode))}`);
}
// Without waiting for the libraries to take leave of their GPU.
process.exit(0);
