/**
 * Where a GPU would compute the operations of training steps, told without one: by the kernels that TensorFlow's build for GPUs
 * registers (`gpu/kernels.json`, which `gpu/kernels.py` writes).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compile, tf } from 'liandan';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { subjects } from './gpu/subjects';

type Builder = typeof import('../../lib/src/compile/graph/builder');
type Operations = typeof import('../../lib/src/compile/ir/operations');
type Reference = import('../../lib/src/compile/graph/builder').Reference;

// The modules that `liandan` itself uses.
const load = createRequire(join(__dirname, '..', '..', 'lib', 'dist', 'index.js'));
const { GraphBuilder } = load('./compile/graph/builder') as Builder;
const { signature } = load('./compile/ir/operations') as Operations;

/** By operation: types of attributes, and which arguments lie on the host. */
const kernels = JSON.parse(readFileSync(join(__dirname, 'gpu', 'kernels.json'), 'utf8')) as Record<
  string,
  string[]
>;
const types: Record<number, string> = {
  1: 'float32',
  3: 'int32',
  8: 'complex64',
  10: 'bool',
  20: 'resource',
  21: 'variant',
};

const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean };
const real = backend.isUsingGpuDevice;
beforeAll(() => (backend.isUsingGpuDevice = true));
afterAll(() => (backend.isUsingGpuDevice = real));

/** Calls of functions, and what is fed: nothing is computed there. */
const calls = /^(NoOp|Placeholder|(Stateful)?PartitionedCall|StatelessWhile)$/;

/** The operations of a step and of a loop over it that the host computes, each with its types. */
function onHost(name: string): string[] {
  const { step, input } = subjects[name]!();
  const add = vi.spyOn(GraphBuilder.prototype, 'add');
  const compiled = compile(step, { xla: false });
  tf.dispose(compiled(input(0)));
  const nodes = add.mock.calls.map(([operation, inputs, options], i) => ({
    operation,
    inputs,
    outputs: add.mock.results[i]!.value as Reference[],
    attributes: options?.attributes ?? {},
  }));
  add.mockRestore();
  compiled.dispose();
  expect(nodes.length).toBeGreaterThan(20);
  const hosted = nodes.flatMap(({ operation, inputs, outputs, attributes }) => {
    if (calls.test(operation)) return [];
    const given: Record<string, string | undefined> = {};
    for (const [key, value] of Object.entries(attributes)) {
      if (value.kind === 'type') given[key] = types[value.value];
    }
    const { inputs: parameters, outputs: results } = signature(operation);
    let position = 0;
    for (const { type, count, isTypeList } of parameters) {
      // A list is the only one of its operation.
      const length = count || isTypeList ? inputs.length - parameters.length + 1 : 1;
      if (length > 0) given[type] = types[inputs[position]!.dtype];
      position += length;
    }
    results.forEach(({ type }, i) => (given[type] ??= types[outputs[i]?.dtype ?? 0]));
    const found = kernels[operation]?.find((kernel) => {
      const constraints = kernel.split(';')[0]!.split(' ').filter(Boolean);
      return constraints.every((constraint) => {
        const [key, allowed] = constraint.split('=') as [string, string];
        return allowed.split('|').includes(given[key]!);
      });
    });
    const lying = /host: (.*)/.exec(found ?? '')?.[1]?.split(',') ?? [];
    // Handles of variables lie on the host, wherever the values are.
    const values = (results.length > 0 ? results : parameters).filter(({ type }) => type !== 'resource');
    const isOnGpu =
      found !== undefined && (values.length === 0 || values.some((value) => !lying.includes(value.name)));
    const used = Object.values(given).filter((type) => type !== 'resource');
    return isOnGpu ? [] : [`${operation} of ${[...new Set(used)].sort().join(', ')}`];
  });
  return [...new Set(hosted)].sort();
}

/** The counter of the loop, with what it is compared with and added to, and sizes. */
const everywhere = ['AddV2 of int32', 'Const of int32', 'Identity of int32', 'Less of bool, int32'];

/** Integers of a batch that TensorFlow can only compute with on the host; XLA computes with them on the GPU. */
const further: Record<string, string[]> = {
  vae: ['SplitV of int32'],
  embedding: ['Reshape of int32'],
  'masked-lm': ['Reshape of int32', 'Sum of int32'],
  '03-bert-initialization, masked': [
    'Fill of int32',
    'GreaterEqual of bool, int32',
    'Reshape of int32',
    'SplitV of int32',
  ],
  '08-information-bottleneck, images': ['SplitV of int32'],
  '08-information-bottleneck, pictures': ['SplitV of int32'],
  '08-information-bottleneck, text': ['Reshape of int32'],
  'integers and flags as state': ['Add of int32', 'Sum of int32'],
};

// The wider networks are as mlp-32.
const names = Object.keys(subjects).filter((name) => !/^mlp-(256|1024)$/.test(name));

describe('on a GPU the host computes', () => {
  it.each(names)('hardly anything of %s', (name) => {
    expect(onHost(name)).toEqual([...everywhere, ...(further[name] ?? [])].sort());
  });
});
