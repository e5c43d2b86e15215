import type { Examples } from '../data';
import { mlp } from '../models';
import { adam } from '../optimizers';
import { evaluateClassifier, type Evaluation } from './evaluate';
import { train } from './train';

/**
 * What can be read from codes: a linear classifier is trained on codes that stay as they are, and evaluated on others.
 *
 * @param options.known Codes [count, width] and their classes, to learn from.
 * @param options.unseen Codes and classes to evaluate on.
 * @param options.classes Number of classes.
 * @param options.epochs Default 10, with Adam at 0.01 and batches of 64.
 * @param options.seed Of the weights and the order; default 0.
 *
 * @example
 * const { accuracy } = await linearProbe({ known: { inputs: z, labels: side }, unseen, classes: 4 });
 *
 * @see Alain, Bengio (2016), Understanding intermediate layers using linear classifier probes, arXiv 1610.01644.
 */
export async function linearProbe({
  known,
  unseen,
  classes,
  epochs = 10,
  seed = 0,
}: {
  known: Examples;
  unseen: Examples;
  classes: number;
  epochs?: number;
  seed?: number;
}): Promise<Evaluation> {
  const model = mlp({ sizes: [known.inputs.shape[1]!, classes], seed, name: 'probe' });
  const optimizer = adam({ learningRate: 0.01 });
  await train({ model, optimizer, data: known, epochs, seed });
  const evaluation = evaluateClassifier(model, unseen);
  model.dispose();
  optimizer.dispose();
  return evaluation;
}
