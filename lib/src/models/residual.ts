import { tf } from '../runtime';
import { layerNormalization, type Layer } from './layers';
import type { Model } from './model';
import type { ParameterScope } from './parameterScope';
import { probe } from './probe';

/**
 * Where a residual network normalises: after each addition, Norm(x + F(x)) (`'post'`, as in the first Transformer and BERT);
 * before each branch, x + F(Norm(x)) (`'pre'`); or nowhere (`'none'`).
 */
export type NormPlacement = 'post' | 'pre' | 'none';

/** One branch of a residual network and the addition that ends it. */
export interface ResidualUnit {
  /** As in the names of its parameters, for example `layer_1/attention`. */
  readonly name: string;
  /**
   * What is added to the stream: F(x), or F(Norm(x)) under Pre Norm, times the residual scale.
   *
   * @param mask float32 [batch, length]: 1 where a token may be attended to, 0 elsewhere; units without attention ignore it.
   */
  branch(x: tf.Tensor, mask?: tf.Tensor): tf.Tensor;
  /** The stream after the unit: x + branch, normalised under Post Norm. */
  join(x: tf.Tensor, branch: tf.Tensor): tf.Tensor;
}

/**
 * A model with a residual stream, whose units can be run one by one to look at what happens in between. Training follows the
 * stream after a unit as the activation `layer_1/attention`, what the unit adds as `layer_1/attention/branch`.
 */
export interface ResidualModel extends Model {
  /** In the order in which the stream passes them. */
  readonly units: readonly ResidualUnit[];
}

export interface ResidualOptions {
  readonly width: number;
  readonly norm: NormPlacement;
  /** What the branch is multiplied by. */
  readonly scale: number;
  /** Adds the branch's parameters and gives F; called after those of the normalisation were added. */
  readonly transform: () => (x: tf.Tensor, mask?: tf.Tensor) => tf.Tensor;
}

export function residualUnit(
  scope: ParameterScope,
  name: string,
  { width, norm, scale, transform }: ResidualOptions,
): ResidualUnit {
  const identity: Layer = (x) => x;
  const normalize = norm === 'none' ? identity : layerNormalization(scope, name, width);
  const [before, after] = norm === 'pre' ? [normalize, identity] : [identity, normalize];
  const apply = transform();
  return {
    name,
    branch: (x, mask) =>
      tf.tidy(() => {
        const output = apply(before(x), mask);
        return scale === 1 ? output : tf.mul(output, scale);
      }),
    join: (x, branch) => tf.tidy(() => after(tf.add(x, branch))), // (3.2), (3.5)
  };
}

/** The stream after all units; training can follow it and the branches by the names of the units. */
export function throughUnits(units: readonly ResidualUnit[], x: tf.Tensor, mask?: tf.Tensor): tf.Tensor {
  return units.reduce((state, unit) => {
    const branch = probe(`${unit.name}/branch`, unit.branch(state, mask));
    return probe(unit.name, unit.join(state, branch));
  }, x);
}

/**
 * The factor on the branches where none is given: 1, and without normalisation 1/√units, with which branches as large as
 * their input multiply the variance of the stream by e at most, however deep the network.
 */
export function defaultResidualScale(norm: NormPlacement, units: number): number {
  return norm === 'none' ? 1 / Math.sqrt(units) : 1;
}
