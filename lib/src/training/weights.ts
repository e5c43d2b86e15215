import { tf } from '../runtime';
import { assign, requireShape, stored, toTensor, variablesOf, type WithParameters } from './parts';
import { readSafetensors, writeSafetensors } from './safetensors';

/** A model, or variables that have names. */
export type Weights = WithParameters | readonly tf.Variable[];

const FORMAT = 'liandan-weights';

/**
 * Writes the parameters of a model to a file of the format safetensors, under their names, which Python reads with
 * `safetensors.torch.load_file` or `safetensors.numpy.load_file`. A crash leaves the old file or the new one.
 *
 * @example
 * await saveWeights(model, 'models/digits.safetensors');
 */
export async function saveWeights(model: Weights, path: string): Promise<void> {
  const variables = variablesOf(model);
  const unnamed = variables.find(({ name }) => /^\d+$/.test(name));
  if (unnamed) {
    throw new Error(
      `A variable of the shape [${unnamed.shape.join(', ')}] has no name by which it could be found again.`,
    );
  }
  await saveTensors(Object.fromEntries(variables.map((variable) => [variable.name, variable])), path, {
    format: FORMAT,
  });
}

/**
 * Gives a model the values that a file of the format safetensors has under the names of its parameters. A model's own name
 * (`mlp_2` for `mlp`) may differ; everything else, and all shapes, must agree.
 *
 * @param options.rename The name here for a name in the file, for files that other programs wrote.
 * @throws Error if the file is damaged, lacks a parameter, has one too many or one of another shape; then nothing is changed.
 *
 * @example
 * const model = mlp({ sizes: [784, 256, 10] });
 * await loadWeights(model, 'models/digits.safetensors');
 *
 * @example
 * // A torch.nn.Linear keeps its matrix transposed: transpose it where it is saved.
 * const rename = (name: string) => name.replace('fc1.weight', 'mlp/dense_1/kernel').replace('fc1.bias', 'mlp/dense_1/bias');
 * await loadWeights(mlp({ sizes: [784, 10] }), 'torch.safetensors', { rename });
 */
export async function loadWeights(
  model: Weights,
  path: string,
  { rename = (name) => name }: { rename?: (name: string) => string } = {},
): Promise<void> {
  const { tensors, metadata } = await readSafetensors(path);
  const variables = variablesOf(model);
  const names = variables.map(({ name }) => name);
  const given = [...tensors].map(([name, tensor]) => [rename(name), tensor] as const);
  const prefixes = renamedModels(
    given.map(([name]) => name),
    names,
    metadata.format === FORMAT,
  );
  const byName = new Map(
    given.map(([name, tensor]) => [
      name.replace(/^[^/]+/, (prefix) => prefixes.get(prefix) ?? prefix),
      tensor,
    ]),
  );
  const missing = names.filter((name) => !byName.has(name));
  const unexpected = [...byName.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0 || unexpected.length > 0) {
    throw new Error(
      `${path} does not fit the model: ` +
        [
          missing.length > 0 ? `it lacks ${missing.join(', ')}` : '',
          unexpected.length > 0 ? `the model has no ${unexpected.join(', ')}` : '',
        ]
          .filter(Boolean)
          .join('; ') +
        '. The option rename gives a name in the file the name of a parameter.',
    );
  }
  for (const variable of variables)
    requireShape(byName.get(variable.name)!, variable, `${path}: ${variable.name}`);
  for (const variable of variables) assign(variable, byName.get(variable.name)!);
}

/**
 * The models' own names in the file and here, where these differ: of one model, or of several in the order in which they were
 * saved.
 */
function renamedModels(
  saved: readonly string[],
  names: readonly string[],
  isInOrder: boolean,
): ReadonlyMap<string, string> {
  const prefixesOf = (all: readonly string[]) => [...new Set(all.map((name) => name.split('/')[0]!))];
  const [from, to] = [prefixesOf(saved), prefixesOf(names)];
  const isClear = from.length === to.length && (from.length === 1 || isInOrder);
  return new Map(isClear ? from.map((prefix, i) => [prefix, to[i]!] as const) : []);
}

/**
 * Writes tensors of the types float32, int32 and bool to a file of the format safetensors.
 *
 * @param metadata Texts that the file carries besides; default none.
 *
 * @example
 * await saveTensors({ embeddings, codes }, 'codes.safetensors');
 */
export async function saveTensors(
  tensors: Readonly<Record<string, tf.Tensor>>,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeSafetensors(path, {
    tensors: new Map(Object.entries(tensors).map(([name, tensor]) => [name, stored(tensor)])),
    metadata,
  });
}

/**
 * All tensors of a file of the format safetensors: F32 and F64 as float32, I32 and U8 as int32, BOOL as bool.
 *
 * @throws Error if the file is damaged or has other types of numbers.
 *
 * @example
 * const { embeddings } = await loadTensors('codes.safetensors');
 */
export async function loadTensors(path: string): Promise<Record<string, tf.Tensor>> {
  const { tensors } = await readSafetensors(path);
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, toTensor(tensor)]));
}
