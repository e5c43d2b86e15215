import { tf } from '../runtime';

/**
 * Checks that labels are classes.
 *
 * @param classes Their number; labels are 0 … classes − 1.
 * @param firstRow Number of the first row, where `labels` are a part of the examples.
 * @throws RangeError with the first row that is out of range.
 */
export function requireClasses(labels: ArrayLike<number>, classes: number, firstRow = 0): void {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (label >= 0 && label < classes) continue;
    throw new RangeError(
      `The label of row ${firstRow + row} is ${label}, but the logits have ${classes} columns: labels are 0 … ${classes - 1}. ` +
        'Count classes from 0, and give the model one output for each.',
    );
  }
}

/**
 * Checks the form of examples once, before anything is computed.
 *
 * @param count Whether labels are class numbers.
 * @throws TypeError or RangeError that says what is expected.
 */
export function requireExamples(
  { inputs, labels }: { inputs: tf.Tensor; labels: tf.Tensor },
  owner: string,
  { areClasses }: { areClasses: boolean },
): void {
  for (const [name, tensor] of Object.entries({ inputs, labels })) {
    if (!(tensor instanceof tf.Tensor)) {
      throw new TypeError(
        `${owner}: data.${name} must be a tensor of all examples, such as imageTensors gives.`,
      );
    }
  }
  const shapes = `inputs [${inputs.shape.join(', ')}] and labels [${labels.shape.join(', ')}]`;
  if (inputs.rank === 0 || inputs.shape[0] !== labels.shape[0]) {
    throw new RangeError(`${owner}: inputs and labels have one row per example, but ${shapes} were given.`);
  }
  if (!areClasses) return;
  if (labels.rank !== 1 || labels.dtype !== 'int32') {
    throw new TypeError(
      `${owner}: labels are class numbers, int32 [examples], but ${labels.dtype} [${labels.shape.join(', ')}] was given. ` +
        'Of one-hot rows take tf.argMax(labels, 1); cast class numbers of another type to int32.',
    );
  }
}
