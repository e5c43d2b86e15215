/** The ways in which this library takes a step. */
import {
  adaFactor,
  adam,
  adamW,
  adaX,
  adaXW,
  amos,
  compile,
  lamb,
  lion,
  random,
  rmsProp,
  sgd,
  signum,
  tf,
  tiger,
  type CompileInfo,
} from 'liandan';
import { BATCHES, type Workload } from './workloads';

export const optimizers = {
  sgd: () => sgd({ learningRate: 1e-2 }),
  adam: () => adam({ learningRate: 1e-3 }),
  lion: () => lion({ learningRate: 1e-4 }),
  momentum: () => sgd({ learningRate: 1e-2, momentum: 0.9 }),
  signum: () => signum({ learningRate: 1e-4 }),
  tiger: () => tiger({ learningRate: 1e-3 }),
  rmsProp: () => rmsProp({ learningRate: 1e-3 }),
  adamW: () => adamW({ learningRate: 1e-3, weightDecay: 0.01 }),
  adaX: () => adaX(),
  adaXW: () => adaXW(),
  lamb: () => lamb({ learningRate: 1e-3 }),
  adaFactor: () => adaFactor(),
  amos: () => amos({ learningRate: 1e-3 }),
};
export type OptimizerName = keyof typeof optimizers;

/** Those that the peers have too. */
export const COMPARED = ['sgd', 'adam', 'lion'] as const;

export const modes = ['eager', 'compiled', 'compiled+xla', 'loop', 'loop+xla'] as const;
export type Mode = (typeof modes)[number];

/** Something that takes training steps, each on the next of the batches. */
export interface Trainer {
  /** Takes `steps` steps and returns the loss of the last one. */
  run(steps: number): number;
  /** Steps taken so far. */
  readonly taken: number;
  /** Milliseconds until the first step was done: tracing, loading, compiling. */
  readonly startMs: number;
  readonly info?: CompileInfo;
  dispose(): void;
}

/** Steps per native call of a loop. */
const LOOP = 32;

/** A training step on the batch of that number, which gives the loss. */
export function trainingStep(workload: Workload, optimizerName: OptimizerName) {
  const entries = Object.entries(workload.weights);
  const weights = Object.fromEntries(entries.map(([name, value]) => [name, tf.variable(value.clone())]));
  const variables = Object.values(weights);
  const optimizer = optimizers[optimizerName]();
  const noise = random(6);
  const step = (batch: tf.Scalar): tf.Scalar => {
    const rows = Object.entries(workload.data).map(([name, data]) => [name, tf.gather(data, batch)]);
    const inputs = Object.fromEntries(rows) as Record<string, tf.Tensor>;
    return optimizer.minimize(() => workload.loss(weights, inputs, noise), true, variables)!;
  };
  const dispose = (): void => {
    optimizer.dispose();
    tf.dispose(variables);
  };
  return { step, dispose };
}

export function trainer(workload: Workload, optimizerName: OptimizerName, mode: Mode): Trainer {
  const { step, dispose } = trainingStep(workload, optimizerName);
  const isLoop = mode.startsWith('loop');
  // Verifying, which takes at most 1 % of a longer run, would fill the seconds that are measured here.
  const options = { xla: mode.endsWith('xla'), verify: false } as const;
  const compiled = mode === 'eager' ? undefined : compile(step, options);
  const indices = Array.from({ length: BATCHES }, (_, i) => tf.scalar(i, 'int32'));
  let taken = 0;

  const single = (steps: number): number => {
    let loss: tf.Scalar | undefined;
    for (let i = 0; i < steps; i++) {
      loss?.dispose();
      loss = tf.tidy(() => (compiled ?? step)(indices[taken++ % BATCHES]!));
    }
    return read(loss!, 0);
  };
  const looped = (steps: number): number => {
    let last = NaN;
    for (let rest = steps; rest > 0; rest -= LOOP) {
      const rows = Array.from({ length: Math.min(rest, LOOP) }, () => taken++ % BATCHES);
      const losses = tf.tidy(() => compiled!.loop(tf.tensor1d(rows, 'int32')));
      last = read(losses, rows.length - 1);
    }
    return last;
  };
  const run = isLoop ? looped : single;
  const start = performance.now();
  run(isLoop ? LOOP : 1);
  return {
    run,
    get taken() {
      return taken;
    },
    startMs: performance.now() - start,
    get info() {
      return compiled?.info;
    },
    dispose: () => {
      compiled?.dispose();
      dispose();
      tf.dispose(indices);
    },
  };
}

function read(tensor: tf.Tensor, position: number): number {
  const value = tensor.dataSync()[position]!;
  tensor.dispose();
  return value;
}
