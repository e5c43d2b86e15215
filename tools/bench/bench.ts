/** `npm run bench`: how fast a training step is, side by side with its alternatives. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compile, describeRuntime, tf } from 'liandan';
import { floor } from './floor';
import { COMPARED, modes, trainer, type Mode, type OptimizerName, type Trainer } from './implementations';
import { measure, type Candidate, type Effort, type Measurement } from './measure';
import { compareOptimizers, optimizerTable } from './optimizers';
import { exported, Peer } from './peers';
import { table } from './table';
import { workloads, type Workload } from './workloads';

const PEERS = {
  PyTorch: { script: 'torch_peer.py', modes: ['eager', 'eager, fused', 'compile'] },
  TensorFlow: { script: 'tensorflow_peer.py', modes: ['function', 'function, jit'] },
  JAX: { script: 'jax_peer.py', modes: ['jit', 'scan'] },
};

/** The losses are compared after this many steps from the same weights. */
const CHECKED_STEPS = 64;

export interface Result extends Measurement {
  readonly model: string;
  readonly optimizer: string;
  readonly finalLoss: number;
  /** Whether the loss is that of the other implementations. */
  readonly agrees: boolean;
  /** Milliseconds until the first step was done. */
  readonly startMs: number;
  /** Growth of the process while the implementation was built and checked, in megabytes. */
  readonly megabytes?: number;
  /** Whose kernels computed it. */
  readonly kernels?: string;
}

/** What `--models` can choose: the models, each with the optimizers that the peers have, and all optimizers on one of them. */
const SUBJECTS = [...Object.keys(workloads), 'optimizers'];
const OPTIMIZERS_ON = 'mlp-256';

const usage = `npm run bench -- [--quick] [--peers] [--models mlp-32,…] [--optimizers sgd,adam,lion]
                 [--modes eager,…] [--threads N] [--json FILE]
  --models   only these; "optimizers" measures all optimizers on the middle one
  --quick    fewer and shorter rounds, Adam only: under two minutes without peers
  --peers    also PyTorch, TensorFlow's Python interface and JAX, in an environment of their own (2.5 GB)
models: ${SUBJECTS.join(', ')}
modes: ${modes.join(', ')}`;

function options() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      python: { type: 'string' },
      models: { type: 'string' },
      optimizers: { type: 'string' },
      modes: { type: 'string' },
      threads: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const choose = (given: string | undefined, all: readonly string[], otherwise = all): readonly string[] => {
    const chosen = given?.split(',') ?? otherwise;
    const unknown = chosen.find((name) => !all.includes(name));
    if (unknown !== undefined)
      throw new Error(`There is no "${unknown}"; there are ${all.join(', ')}.\n${usage}`);
    return chosen;
  };
  return {
    help: values.help,
    python: values.python,
    json: values.json,
    models: choose(values.models, SUBJECTS),
    optimizers: choose(values.optimizers, COMPARED, values.quick ? ['adam'] : COMPARED),
    modes: choose(values.modes, modes),
    effort: values.quick ? { rounds: 5, budgetMs: 100 } : { rounds: 9, budgetMs: 400 },
  };
}

async function main(): Promise<void> {
  const { help, python, json, effort, ...chosen } = options();
  if (help) {
    console.log(usage);
    return;
  }
  const environment: Record<string, unknown> = { ...describeRuntime(), threads: process.env.BENCH_THREADS };
  const floors: Record<string, number> = {};
  const results: Result[] = [];
  const further: Record<string, unknown> = {};
  const save = (more: object = {}): void => {
    Object.assign(further, more);
    if (json)
      writeFileSync(json, `${JSON.stringify({ environment, floors, ...further, results }, null, 2)}\n`);
  };
  for (const name of chosen.models.filter((name) => name !== 'optimizers')) {
    const workload = built(name);
    const floorMs = floor(workload.products, effort.budgetMs);
    floors[name] = floorMs;
    await exported(workload, async (folder) => {
      for (const optimizer of chosen.optimizers) {
        const subject = { workload, optimizer: optimizer as OptimizerName, folder, environment };
        const compared = await compareImplementations(
          subject,
          chosen.modes as readonly Mode[],
          effort,
          python,
        );
        results.push(...compared);
        console.log(table(workload, optimizer, floorMs, compared));
        save();
      }
    });
    tf.dispose([workload.weights, workload.data]);
  }
  if (chosen.models.includes('optimizers')) {
    const workload = built(OPTIMIZERS_ON);
    const compared = await compareOptimizers(workload, effort);
    console.log(optimizerTable(workload, compared.results, compared.bandwidth));
    save({ optimizers: compared });
    tf.dispose([workload.weights, workload.data]);
  }
  const dispatch = dispatchCost();
  console.log(
    `\nOne call costs ${dispatch.compiledUs.toFixed(0)} µs compiled; one eager operation costs ${dispatch.eagerUs.toFixed(0)} µs.`,
  );
  save({ dispatch });
  const wrong = results.filter(({ agrees }) => !agrees);
  for (const { model, optimizer, implementation, mode, finalLoss } of wrong) {
    console.error(`${model}, ${optimizer}: ${implementation} ${mode} reached another loss (${finalLoss}).`);
  }
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

function built(name: string): Workload {
  return tf.tidy(() => workloads[name]!() as Workload & tf.TensorContainerObject);
}

interface Subject {
  readonly workload: Workload;
  readonly optimizer: OptimizerName;
  /** Holds the workload's numbers for the peers. */
  readonly folder: string;
  /** Where the versions of the peers are noted. */
  readonly environment: Record<string, unknown>;
}

/** A candidate that took its checked steps. */
interface Contestant extends Candidate {
  readonly finalLoss: number;
  readonly startMs: number;
  readonly megabytes?: number;
  readonly kernels?: string;
  close(): void;
}

async function compareImplementations(
  subject: Subject,
  chosen: readonly Mode[],
  effort: Effort,
  python: string | undefined,
): Promise<Result[]> {
  const contestants: Contestant[] = [];
  try {
    for (const mode of chosen) contestants.push(ours(subject, mode));
    if (python) {
      for (const [name, { script, modes: peerModes }] of Object.entries(PEERS)) {
        for (const mode of peerModes) {
          try {
            contestants.push(
              await peer(subject, name, join(__dirname, '../../bench/peers', script), mode, python),
            );
          } catch (error) {
            console.error(
              `${subject.workload.name}, ${subject.optimizer}: ${name} ${mode}: ${(error as Error).message}`,
            );
          }
        }
      }
    }
    const reference = contestants[0]!.finalLoss;
    const { tolerance, name: model } = subject.workload;
    const measurements = await measure(contestants, effort);
    return measurements.map((measurement, i) => {
      const { finalLoss, startMs, megabytes, kernels } = contestants[i]!;
      // Adam and Lion amplify rounding where gradients are close to zero.
      const relative = Math.max(tolerance, subject.optimizer === 'sgd' ? 0 : 0.02);
      const bound = relative * Math.abs(reference);
      const agrees = Math.abs(finalLoss - reference) <= bound;
      return {
        model,
        optimizer: subject.optimizer,
        ...measurement,
        finalLoss,
        agrees,
        startMs,
        megabytes,
        kernels,
      };
    });
  } finally {
    for (const contestant of contestants) contestant.close();
  }
}

function ours({ workload, optimizer }: Subject, mode: Mode): Contestant {
  const before = process.memoryUsage().rss;
  const made: Trainer = trainer(workload, optimizer, mode);
  const finalLoss = made.run(CHECKED_STEPS - made.taken);
  return {
    implementation: 'liandan',
    mode,
    finalLoss,
    startMs: made.startMs,
    megabytes: (process.memoryUsage().rss - before) / 2 ** 20,
    kernels: made.info?.kernels,
    run: (steps) => {
      const start = performance.now();
      const loss = made.run(steps);
      return Promise.resolve({ ms: performance.now() - start, loss });
    },
    close: () => made.dispose(),
  };
}

async function peer(
  { workload, optimizer, folder, environment }: Subject,
  name: string,
  script: string,
  mode: string,
  python: string,
): Promise<Contestant> {
  const made = new Peer(python, script);
  try {
    const { version, threads } = await made.describe();
    environment[name] = `${version}, ${threads} threads`;
    const { startMs, stepsPerCall } = await made.prepare(folder, workload.name, optimizer, mode);
    const { loss } = await made.run(CHECKED_STEPS - 1);
    return {
      implementation: name,
      mode,
      stepsPerCall,
      finalLoss: loss,
      startMs,
      run: (steps) => made.run(steps),
      close: () => made.close(),
    };
  } catch (error) {
    made.close();
    throw error;
  }
}

/** Microseconds per call of the smallest possible step, and per eager operation. */
function dispatchCost(): { compiledUs: number; eagerUs: number } {
  const x = tf.scalar(1);
  const step = compile((value: tf.Tensor) => tf.add(value, 1));
  const one = tf.scalar(1);
  const per = (call: () => tf.Tensor): number => {
    const times = Array.from({ length: 9 }, () => {
      const start = performance.now();
      for (let i = 0; i < 500; i++) call().dispose();
      return (performance.now() - start) * 2;
    });
    return times.sort((a, b) => a - b)[4]!;
  };
  const costs = { compiledUs: per(() => step(x)), eagerUs: per(() => tf.add(x, one)) };
  step.dispose();
  tf.dispose([x, one]);
  return costs;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
