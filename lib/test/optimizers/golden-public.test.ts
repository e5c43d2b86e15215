/** Trajectories of other public implementations, computed in float64 by tools/goldens/optimizers_*.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'vitest';
import { tf } from '../../src/runtime/tensorflow';
import { expectClose, step, values, variable } from './support';
import { subjects } from './subjects';

type ByName = Record<string, number[]>;

interface Goldens {
  readonly source: Record<string, string>;
  readonly shapes: ByName;
  readonly start: ByName;
  readonly gradients: readonly ByName[];
  readonly cases: readonly {
    readonly name: string;
    readonly optimizer: string;
    readonly options: Record<string, unknown>;
    readonly path: readonly ByName[];
  }[];
}

afterEach(() => tf.disposeVariables());

const sources = ['optax', 'torch'].map(
  (name) => JSON.parse(readFileSync(join(__dirname, 'goldens', `${name}.json`), 'utf8')) as Goldens,
);

describe.each(sources)('$source', ({ shapes, start, gradients, cases }) => {
  it.each(cases)('$name takes the same five steps', ({ optimizer: name, options, path }) => {
    const optimizer = subjects.find((subject) => subject.name === name)?.make(options);
    if (!optimizer) throw new Error(`No optimizer called ${name}.`);
    const variables = Object.entries(shapes).map(([of, shape]) => variable(of, shape, start[of] ?? []));
    path.forEach((expected, index) => {
      step(
        optimizer,
        variables.map((of) => [of, gradients[index]?.[of.name] ?? []] as const),
      );
      for (const of of variables) expectClose(values(of), expected[of.name] ?? []);
    });
  });
});
