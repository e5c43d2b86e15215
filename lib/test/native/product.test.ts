/** The kernels of matrix products by themselves; programs use the one that suits the processor. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const compiler = process.env.CXX ?? 'g++';
const hasCompiler = spawnSync(compiler, ['--version']).status === 0;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'liandan-native-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(hasCompiler)('products of matrices', () => {
  it('are sums in the order of the depth, bit by bit, and touch nothing else', () => {
    const program = join(folder, 'product');
    const source = join(__dirname, 'product.cc');
    // As set-up compiles them.
    const flags = ['-std=c++17', '-O3', '-ffp-contract=fast', '-w', '-pthread'];
    execFileSync(compiler, [...flags, source, '-o', program]);
    const printed = execFileSync(program, { encoding: 'utf8' });
    expect(printed).toMatch(/^([12]) kernels, \d+ products\n$/);
    const [kernels, products] = printed.match(/\d+/g)!.map(Number) as [number, number];
    expect(products).toBe(309 * (kernels + 2));
  }, 120_000);
});
