/** What OPTIMIZERS.md says in numbers is what the optimizers do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import * as optimizers from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { normal, sizeOf, draw, step, values, variable, type AnyOptimizer } from './support';
import { subjects } from './subjects';

afterEach(() => tf.disposeVariables());

const page = readFileSync(join(__dirname, '..', '..', 'OPTIMIZERS.md'), 'utf8');

/** The rows of the table below a heading, without its head. */
function rowsBelow(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The value of a cell's code. */
function evaluated(cell: string | undefined, scope: Record<string, unknown>): unknown {
  const code = /^`(.+)`$/.exec(cell ?? '')?.[1];
  if (code === undefined) throw new Error(`The cell ${cell} holds no code.`);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  return new Function(...Object.keys(scope), `return ${code};`)(...Object.values(scope));
}

describe('the bytes of the state', () => {
  const rows = rowsBelow('State');
  const single: [string, number[]][] = [
    ['dense/kernel', [1024, 1024]],
    ['token/embeddings', [32000, 768]],
    ['dense/bias', [1024]],
  ];
  const perceptron = [[784, 256], [256], [256, 128], [128], [128, 10], [10]];

  it.each(rows.map((row) => ({ code: row[0], row })))('$code', ({ code, row }) => {
    const optimizer = evaluated(code, optimizers) as AnyOptimizer;
    const perParameter = single.map(([name, shape]) =>
      String(Number((optimizers.stateBytes(optimizer, [{ name, shape }]) / sizeOf(shape)).toPrecision(3))),
    );
    const whole = optimizers.stateBytes(optimizer, perceptron).toLocaleString('en-US');
    expect(row.slice(1)).toEqual([...perParameter, whole]);
  });

  it('are said of every optimizer', () => {
    const said = new Set(rows.map(([code]) => /\w+/.exec(code ?? '')?.[0]));
    // AdaX-W differs from AdaX in its defaults only.
    expect(subjects.map(({ name }) => name).filter((name) => !said.has(name))).toEqual(['adaXW']);
    const factored = optimizers.adaFactor({ minDimensionSizeToFactor: 1 });
    const bytes = optimizers.stateBytes(factored, perceptron).toLocaleString('en-US');
    expect(page.replaceAll('\n', ' ')).toContain(`the perceptron's state is ${bytes} bytes`);
  });
});

describe('a learning rate and a decay of AdamW, translated', () => {
  const [η, λ, σ] = [1e-3, 1, 0.036];
  const shape = [128, 128];
  const [warmUp, steps] = [20, 80];

  /** On normal gradients: size of a step, of the way in all steps, and how much of the start is forgotten on it. */
  function walk(optimizer: AnyOptimizer): { step: number; way: number; forgotten: number } {
    const x = variable(
      'kernel',
      shape,
      draw(sizeOf(shape), normal(1)).map((value) => σ * value),
    );
    const gradient = normal(2);
    const move = () => step(optimizer, [[x, draw(sizeOf(shape), gradient)]]);
    for (let t = 0; t < warmUp; t++) move();
    const start = values(x).slice();
    let before = start;
    let sizes = 0;
    for (let t = 0; t < steps; t++) {
      move();
      const after = values(x).slice();
      sizes += rms(after.map((value, i) => value - (before[i] ?? 0)));
      before = after;
    }
    const along = dot(before, start) / dot(start, start);
    const way = rms(before.map((value, i) => value - along * (start[i] ?? 0)));
    x.dispose();
    optimizer.dispose();
    return { step: sizes / steps, way, forgotten: -Math.log(along) };
  }
  const reference = walk(optimizers.adamW({ learningRate: η, weightDecay: λ }));

  it.each(rowsBelow('From AdamW').map((row) => ({ code: row[0], row })))('$code', ({ code, row }) => {
    const [, learningRate, weightDecay] = row.map((cell, index) =>
      index === 1 || index === 2 ? (evaluated(cell, { η, λ, σ }) as number) : 0,
    );
    const make = evaluated(code, optimizers) as (options: Record<string, unknown>) => AnyOptimizer;
    const own = code === '`amos`' ? { scale: σ } : {};
    const { step: size, way, forgotten } = walk(make({ learningRate, weightDecay, ...own }));
    if (row[3]?.startsWith('the same way')) expect(Math.abs(way / reference.way - 1)).toBeLessThan(0.15);
    // Relative rates follow σ, which the decay changes by some percent on the way.
    else expect(Math.abs(size / reference.step - 1)).toBeLessThan(0.1);
    if (weightDecay) expect(Math.abs(forgotten / reference.forgotten - 1)).toBeLessThan(0.15);
  });
});

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
const rms = (x: Float32Array): number => Math.sqrt(dot(x, x) / x.length);
