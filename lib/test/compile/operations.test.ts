import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { operationNames, refusal, signature, type Argument } from '../../src/compile/ir/operations';

type Definitions = Record<string, [inputs: string[], outputs: string[], isStateful: boolean]>;

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

  it('lets a step run functions of their inputs only', () => {
    // CheckNumerics is marked because it may stop the program.
    const stateful = operationNames().filter((name) => !refusal(name) && known[name]?.[2]);
    expect(stateful).toEqual(['CheckNumerics']);
  });
});
