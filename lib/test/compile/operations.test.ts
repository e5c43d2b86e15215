import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { operationNames, refusal, rowOf, signature, type Argument } from '../../src/compile/ir/operations';
import { dataType } from '../../src/runtime/binding';

type Definitions = Record<
  string,
  [inputs: string[], outputs: string[], isStateful: boolean, allowedTypes: Record<string, number[]>]
>;

/** Numbers of TensorFlow's integer types, from its `types.proto`. */
const INTEGERS = new Set([3, 4, 5, 6, 9, 17, 22, 23]);

function definitions(): Definitions {
  const environment = resolve(__dirname, '../../../.venv');
  const tensorflow = join(environment, 'tensorflow/tensorflow');
  const library = readdirSync(tensorflow).find((name) => name.startsWith('libtensorflow_cc'))!;
  const script = join(__dirname, 'operation_definitions.py');
  const output = execFileSync(join(environment, 'bin/python'), [script, join(tensorflow, library)], {
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output.toString()) as Definitions;
}

const written = ({ name, type, count, isTypeList }: Argument): string =>
  `${name}: ${count ? `${count}*` : ''}${isTypeList ? `[${type}]` : type}`;

describe('the table of operations', () => {
  const known = definitions();

  it('agrees with TensorFlow', () => {
    // Not every build of TensorFlow has oneDNN.
    const names = operationNames().filter((name) => !name.startsWith('_Mkl') || name in known);
    const table = names.map((name) => {
      const { inputs, outputs } = signature(name);
      return [name, [inputs.map(written), outputs.map(written)]] as const;
    });
    expect(table.length).toBeGreaterThan(200);
    expect(Object.fromEntries(table)).toEqual(
      Object.fromEntries(table.map(([name]) => [name, known[name]?.slice(0, 2)])),
    );
  });

  it('says of each input that can only hold integers what those are for', () => {
    const silent = operationNames().flatMap((name) => {
      const row = rowOf(name);
      if (!row) return [];
      const holdsIntegers = ({ type }: Argument): boolean => {
        const allowed = known[name]![3][type] ?? (type === 'int32' ? [dataType.int32] : []);
        return allowed.length > 0 && allowed.every((dtype) => INTEGERS.has(dtype));
      };
      return row.signature.inputs
        .filter((input) => holdsIntegers(input) && !row.integers?.[input.name])
        .map((input) => `${name}: ${input.name}`);
    });
    expect(silent).toEqual([]);
  });

  it('speaks of inputs that there are', () => {
    const rows = operationNames().flatMap((name) => rowOf(name) ?? []);
    expect(rows.length).toBeGreaterThan(190);
    const absent = rows.flatMap(({ signature: { name, inputs }, integers = {} }) =>
      Object.keys(integers)
        .filter((input) => !inputs.some((accepted) => accepted.name === input))
        .map((input) => `${name}: ${input}`),
    );
    expect(absent).toEqual([]);
  });

  it('knows what oneDNN takes over as it is', () => {
    const taken = operationNames().filter((name) => rowOf(name)?.oneDnn);
    expect(taken).toHaveLength(8);
    for (const name of taken) {
      const { inputs, outputs } = signature(`_MklNative${name}`);
      expect({ inputs, outputs }).toEqual({
        inputs: signature(name).inputs,
        outputs: signature(name).outputs,
      });
    }
  });

  it('lets a step run functions of their inputs only, and what may stop it', () => {
    const stateful = operationNames().filter((name) => !refusal(name) && known[name]?.[2]);
    expect(stateful).toEqual(operationNames().filter((name) => rowOf(name)?.mustRun));
    expect(stateful).toEqual(['CheckNumerics']);
  });
});
