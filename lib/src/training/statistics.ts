import { observeProbes } from '../models/probe';
import { matches, type ParameterRule } from '../optimizers/parameters';
import { tf } from '../runtime';
import { valuesOf } from '../runtime/memory';

/** Of which tensors a step reports the moments. A rule is matched against names: `/./` takes all. */
export interface Followed {
  /** Values of parameters before the update. */
  readonly parameters?: ParameterRule;
  /** Gradients of the loss with respect to parameters. */
  readonly gradients?: ParameterRule;
  /** Tensors in the course of a model, named by `probe`. */
  readonly activations?: ParameterRule;
  /** Gradients of the loss with respect to them. */
  readonly activationGradients?: ParameterRule;
  /** Rows of embeddings, in groups such as `frequencyGroups` gives; reported as `value/group_1`, `value/group_2`, … */
  readonly rows?: {
    readonly match: ParameterRule;
    /** Row numbers of each group. */
    readonly groups: readonly (readonly number[])[];
  };
}

/** Of a tensor: the mean, the root mean square and the largest absolute value of its elements. */
export type Moment = 'mean' | 'rms' | 'largest';

/** What a series of statistics is about. */
export type Quantity = 'value' | 'gradient' | 'activation' | 'activationGradient';

type Scalars = Record<string, tf.Scalar>;

const rootMeanSquare = (x: tf.Tensor) => tf.sqrt(tf.mean<tf.Scalar>(tf.square(x)));

/** Mean, root mean square and largest absolute value as `label/quantity/…`. */
function moments(label: string, quantity: Quantity, x: tf.Tensor): Scalars {
  const of = (moment: Moment) => `${label}/${quantity}/${moment}`;
  return {
    [of('mean')]: tf.mean<tf.Scalar>(x),
    [of('rms')]: rootMeanSquare(x),
    [of('largest')]: tf.max<tf.Scalar>(tf.abs(x)),
  };
}

const followed = (rule: ParameterRule | undefined, name: string, { shape }: tf.Tensor): boolean =>
  rule !== undefined && matches(rule, { name, shape });

/** The moments of the parameters and of their gradients. */
export function parameterStatistics(
  follow: Followed,
  parameters: readonly tf.Variable[],
  gradients: tf.NamedTensorMap,
): Scalars {
  const { rows } = follow;
  const records = parameters.flatMap((parameter) => {
    const { name } = parameter;
    const gradient = gradients[name];
    return [
      followed(follow.parameters, name, parameter) ? moments(name, 'value', parameter) : {},
      gradient && followed(follow.gradients, name, parameter) ? moments(name, 'gradient', gradient) : {},
      rows && followed(rows.match, name, parameter) ? groupSizes(parameter, rows.groups) : {},
    ];
  });
  return Object.assign({}, ...records) as Scalars;
}

/** The root mean square of the rows of each group. */
function groupSizes(embeddings: tf.Variable, groups: readonly (readonly number[])[]): Scalars {
  return Object.fromEntries(
    groups.map((ids, index) => {
      const rows = tf.gather(embeddings, tf.tensor1d([...ids], 'int32'));
      return [`${embeddings.name}/value/group_${index + 1}`, rootMeanSquare(rows)];
    }),
  );
}

/**
 * Runs the forward pass `action` with the moments of its probes collected in `into`: those of activations at once, those of
 * their gradients in the backward pass. They outlive the scopes of both passes; the caller disposes them.
 */
export function collectActivations<Result>(follow: Followed, into: Scalars, action: () => Result): Result {
  const { activations, activationGradients } = follow;
  if (!activations && !activationGradients) return action();
  const collect = (scalars: Scalars) => {
    for (const [name, scalar] of Object.entries(scalars)) {
      if (into[name]) {
        throw new Error(`Two probes report ${name}; give them different labels.`);
      }
      into[name] = tf.keep(scalar);
    }
  };
  return observeProbes((label, x) => {
    if (followed(activations, label, x)) collect(tf.tidy(() => moments(label, 'activation', x)));
    if (!followed(activationGradients, label, x)) return x;
    const watched = tf.customGrad((y) => ({
      value: (y as tf.Tensor).clone(),
      gradFunc: (dy: tf.Tensor) => {
        collect(tf.tidy(() => moments(label, 'activationGradient', dy)));
        return dy;
      },
    }));
    return watched(x) as typeof x;
  }, action);
}

/**
 * One statistic of all tensors that a run followed, by the name of the tensor.
 *
 * @param reports Of `fit`, or the `statistics` of `train`.
 * @param quantity `'value'` or `'gradient'` of parameters, `'activation'` or `'activationGradient'` of probes.
 * @param moment `'mean'`, `'rms'` or `'largest'`; for rows `'group_1'`, `'group_2'`, …
 * @returns Name → one number per step.
 *
 * @example
 * const gammas = statisticsOf(run.statistics, 'value', 'mean'); // { 'lm/final/norm/gamma': [1, 1.001, …] }
 */
export function statisticsOf(
  reports: Readonly<Record<string, readonly number[]>>,
  quantity: Quantity,
  moment: Moment | `group_${number}`,
): Record<string, readonly number[]> {
  const ending = `/${quantity}/${moment}`;
  return Object.fromEntries(
    Object.entries(reports)
      .filter(([name]) => name.endsWith(ending))
      .map(([name, series]) => [name.slice(0, -ending.length), series]),
  );
}

/**
 * The largest absolute component of each row, such as of embeddings.
 *
 * @param embeddings [rows, width].
 *
 * @example
 * scatter({ series: [{ name: 'Tiger', x: counts, y: rowMaxima(embeddings) }], … });
 */
export function rowMaxima(embeddings: tf.Tensor): Float32Array {
  return valuesOf(() => tf.max(tf.abs(embeddings), -1));
}
