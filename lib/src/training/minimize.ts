import { tf } from '../runtime';
import { releaseTape } from '../runtime/tape';
import { collectActivations, parameterStatistics, type Followed } from './statistics';

/** What a step reports: its loss before the update, and whatever else is to be followed, as scalars. */
export type StepReport = { loss: tf.Scalar } & Record<string, tf.Scalar>;

/**
 * One optimizer step that reports more than its loss: like `optimizer.minimize`, for an objective that is a record of scalars.
 *
 * @param objective Computes the loss (minimised) and whatever is to be reported with it.
 * @param options.follow Tensors whose moments are reported besides, as `name/quantity/moment`; see {@link statisticsOf}. Default: none.
 * @returns The scalars, as they were before the update.
 * @throws TypeError if what the objective gives is not a record of scalars with a `loss`. Where anything throws, no tensor is
 *   left behind and nothing was updated.
 *
 * @example
 * const { loss, rate } = minimize(adam(), () => model.loss(images), model.parameters);
 */
export function minimize<Report extends StepReport>(
  optimizer: tf.Optimizer,
  objective: () => Report,
  parameters: readonly tf.Variable[],
  { follow = {} }: { follow?: Followed } = {},
): Report {
  return tf.tidy(() => {
    const others: Record<string, tf.Scalar> = {};
    const { value: loss, grads } = releasingTheTape(others, () =>
      optimizer.computeGradients(() => {
        const report = collectActivations(follow, others, objective) as StepReport;
        requireScalars(report);
        const { loss, ...rest } = report;
        // The gradient's scope would free them.
        for (const [name, scalar] of Object.entries(rest)) others[name] = tf.keep(scalar);
        return loss;
      }, [...parameters]),
    );
    const kept = Object.entries(others);
    const clones = kept.map(([name, scalar]) => [name, scalar.clone()]);
    tf.dispose(kept.map(([, scalar]) => scalar));
    const statistics = parameterStatistics(follow, parameters, grads);
    optimizer.applyGradients(parameters.map(({ name }) => ({ name, tensor: grads[name] as tf.Tensor })));
    return { loss, ...Object.fromEntries(clones), ...statistics } as Report;
  });
}

/** @throws TypeError unless the report is a record of scalars with a loss. */
export function requireScalars(report: unknown): asserts report is StepReport {
  const entries = Object.entries((report ?? {}) as Record<string, unknown>);
  if (!entries.some(([name]) => name === 'loss')) {
    throw new TypeError(
      `A step reports a record with its loss, { loss, … }, but got ${report instanceof tf.Tensor ? 'a tensor' : `{ ${entries.map(([name]) => name).join(', ')} }`}.`,
    );
  }
  for (const [name, value] of entries) {
    const tensor = value instanceof tf.Tensor ? (value as tf.Tensor) : undefined;
    if (tensor?.rank === 0) continue;
    const given = tensor ? `a tensor of the shape [${tensor.shape.join(', ')}]` : typeof value;
    throw new TypeError(`The ${name} of a step must be a scalar, but it is ${given}. Take tf.mean of it.`);
  }
}

/** Runs a gradient; if it throws, disposes `kept` and what TensorFlow.js keeps for the backward pass and then forgets. */
function releasingTheTape<T>(kept: Readonly<Record<string, tf.Tensor>>, gradient: () => T): T {
  try {
    return gradient();
  } catch (error) {
    tf.dispose(Object.values(kept));
    releaseTape();
    throw error;
  }
}
