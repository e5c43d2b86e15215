/** The steps of the state machine in TensorFlow.js, with the variables and optimizers that they share. */
import { adam, sgd } from '../../src/optimizers';
import { assertFinite, tf } from '../../src/runtime';
import { variable, type Step } from './paths';
import {
  initially,
  LARGEST_GRADIENT,
  MODULUS,
  MOMENTUM,
  table,
  TRAIN_RATE,
  vectorNames,
  type StepName,
  type VectorName,
} from './stateMachineModel';

export class Tensors {
  readonly vectors: Readonly<Record<VectorName, tf.Variable>>;
  readonly bestScore: tf.Variable;
  readonly position = variable(0, 'int32');
  readonly count = variable(0);
  readonly adam: ReturnType<typeof adam>;
  readonly sgd: ReturnType<typeof sgd>;
  private readonly train = tf.train.adam(TRAIN_RATE);
  private readonly table = tf.tensor1d([...table]);

  constructor() {
    const { vectors, bestScore, adamRate, sgdRate } = initially();
    this.vectors = Object.fromEntries(
      vectorNames.map((name) => [name, variable([...vectors[name]])]),
    ) as Record<VectorName, tf.Variable>;
    this.bestScore = variable(bestScore);
    this.adam = adam({ learningRate: adamRate });
    this.sgd = sgd({ learningRate: sgdRate, momentum: MOMENTUM });
  }

  readonly steps: Readonly<Record<StepName, Step>> = {
    accumulate: (x) => {
      const { a } = this.vectors;
      a.assign(tf.mod(tf.add(a, x), MODULUS));
      return a.clone();
    },
    exchange: (x) => {
      const { a } = this.vectors;
      const old = a.clone();
      a.assign(x);
      return old;
    },
    swap: () => {
      const { b, c } = this.vectors;
      const old = b.clone();
      b.assign(c);
      c.assign(old);
    },
    shift: (x) => {
      const { a, b, c } = this.vectors;
      const total = tf.mod(tf.addN([a, b, c]), MODULUS);
      a.assign(b);
      b.assign(c);
      c.assign(x);
      return total;
    },
    copy: (x) => {
      const { a, d } = this.vectors;
      d.assign(a);
      a.assign(tf.mod(tf.add(a, x), MODULUS));
      return d;
    },
    share: (x) => {
      const { b, c } = this.vectors;
      const old = b.clone();
      const both = tf.mod(tf.add(b, x), MODULUS);
      b.assign(both);
      c.assign(both);
      return [old, c.clone()];
    },
    twice: (x) => {
      const { b, d } = this.vectors;
      d.assign(x);
      const between = d.clone();
      d.assign(tf.mod(tf.add(d, b), MODULUS));
      return [between, d];
    },
    keepBest: (x) => {
      const { a, best } = this.vectors;
      const score = tf.sum(x);
      best.assign(tf.where(tf.greater(score, this.bestScore), a, best));
      this.bestScore.assign(tf.maximum(tf.sub(this.bestScore, 1), score));
      return best;
    },
    read: () => {
      const { a, b, weights } = this.vectors;
      return [a, b, a.clone(), weights];
    },
    identity: (x) => {
      this.vectors.d.assign(x);
      return x;
    },
    lookUp: (x) => {
      const found = tf.mod(tf.mul(tf.gather(this.table, this.position), x), MODULUS);
      this.position.assign(
        tf.mod(tf.add(this.position, tf.scalar(1, 'int32')), tf.scalar(table.length, 'int32')),
      );
      this.count.assign(tf.add(this.count, 1));
      return found;
    },
    trainSgd: (x) => {
      const { weights } = this.vectors;
      return this.sgd.minimize(() => tf.sum(tf.mul(weights, clip(x))), true, [weights])!.reshape([1]);
    },
    trainAdam: (x) => {
      const { weights, target } = this.vectors;
      const loss = this.adam.minimize(() => tf.add(tf.sum(tf.mul(weights, clip(x))), tf.sum(target)), true, [
        weights,
      ])!;
      target.assign(weights);
      return loss.reshape([1]);
    },
    trainTfjs: (x) => {
      const { weights, target } = this.vectors;
      const old = weights.clone();
      const loss = this.train.minimize(() => tf.sub(tf.sum(tf.mul(weights, clip(x))), tf.sum(target)), true, [
        weights,
      ])!;
      target.assign(old);
      return loss.reshape([1]);
    },
    // Fails where an element of the input is negative.
    checked: (x) => {
      const { a, b } = this.vectors;
      a.assign(tf.mod(tf.add(b, x), MODULUS));
      b.assign(a);
      this.count.assign(tf.add(this.count, 1));
      return tf.add(b, tf.mul(assertFinite(tf.sqrt(x), 'the root'), 0));
    },
    // Fails where the input is no row of the table.
    indexed: (row) => {
      const { a, c } = this.vectors;
      c.assign(a);
      a.assign(tf.mod(tf.add(a, 1), MODULUS));
      return tf.gather(this.table, row);
    },
  };

  dispose(): void {
    this.adam.dispose();
    this.sgd.dispose();
    this.train.dispose();
    tf.dispose([...Object.values(this.vectors), this.bestScore, this.position, this.count, this.table]);
  }
}

const clip = (x: tf.Tensor): tf.Tensor => tf.minimum(x, LARGEST_GRADIENT);

/** Steps without inputs. */
export const withoutInputs: ReadonlySet<StepName> = new Set(['swap', 'read']);

/** Steps that XLA is refused for, because it would check neither computed indices nor numbers that are not finite. */
export const withoutXla: ReadonlySet<StepName> = new Set(['lookUp', 'checked']);
