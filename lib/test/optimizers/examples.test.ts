/** The examples in the documentation of the optimizers run, and lower their loss. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import * as optimizers from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { subjects } from './subjects';
import { values } from './support';

afterEach(() => tf.disposeVariables());

const folder = join(__dirname, '..', '..', 'src', 'optimizers');
const definition =
  /@example\n((?: \* .*\n)+?)(?: \*\n| \*\/)(?:(?!\*\/)[^])*\*\/\nexport const (\w+) = optimizer\(/g;

const examples = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .flatMap(({ name: file }) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(definition)].map(([, code, name]) => ({
      name: name as string,
      code: (code as string).replaceAll(/^ \* /gm, ''),
    })),
  );

describe('the documentation of the optimizers', () => {
  it('has an example for each of them', () => {
    expect(examples.map(({ name }) => name).sort()).toEqual(subjects.map(({ name }) => name).sort());
  });

  it.each(examples)('$name: its example makes a step toward the minimum', ({ code }) => {
    const { outputText } = ts.transpileModule(`${code}\nreturn x;`, {
      compilerOptions: { target: ts.ScriptTarget.ES2022 },
    });
    const names = Object.keys(optimizers);
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
    const x = new Function('tf', ...names, `{ ${outputText} }`)(
      tf,
      ...Object.values(optimizers),
    ) as ReturnType<typeof tf.variable>;
    const loss = values(x).reduce((sum, value) => sum + value * value, 0);
    expect(loss).toBeLessThan(x.rank === 2 ? 30 : 5);
    expect(loss).toBeGreaterThan(0);
  });
});
