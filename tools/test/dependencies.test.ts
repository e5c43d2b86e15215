import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
// As in the kernel, danfojs shares the one copy of TensorFlow.js.
import '../../kernel/src/preload';
import { DataFrame, Series, toExcel } from 'danfojs-node';

const root = resolve(__dirname, '..', '..');

interface Advisory {
  package: string;
  introduced: string;
  fixed: string | null;
  severity: string;
  id: string;
}
interface Locked {
  registry: 'npm' | 'pypi';
  name: string;
  version: string;
  development: boolean;
}
interface Tools {
  lockedPackages: (root: string) => Locked[];
  findings: (packages: Locked[], snapshot: { npm: Advisory[]; pypi: Advisory[] }) => { id: string }[];
  thirdParty: (root: string) => string;
}
const load = async (name: string) =>
  (await import(join(root, 'tools', 'checks', 'dependencies', `${name}.mjs`))) as Tools;

describe('what the lockfiles pin', () => {
  it('is not known to be vulnerable at run time', async () => {
    const [{ lockedPackages }, { findings }] = await Promise.all([load('lockfiles'), load('advisories')]);
    const snapshot = JSON.parse(
      readFileSync(join(root, 'tools', 'checks', 'dependencies', 'snapshot.json'), 'utf8'),
    ) as {
      npm: Advisory[];
      pypi: Advisory[];
    };
    const packages = lockedPackages(root).filter(({ development }) => !development);
    expect(packages.length).toBeGreaterThan(300);
    expect(findings(packages, snapshot)).toEqual([]);
  });

  it.each([
    ['1.2.2', false],
    ['1.2.3', true],
    ['1.10.0', true],
    ['2.0.0', false],
    ['2.0.1', false],
  ])('in version %s is found: %s', async (version, found) => {
    const { findings } = await load('advisories');
    const advisory = { package: 'a', introduced: '1.2.3', fixed: '2.0.0', severity: 'high', id: 'X-1' };
    const locked = { registry: 'npm' as const, name: 'a', version, development: false };
    expect(findings([locked], { npm: [advisory], pypi: [] })).toHaveLength(found ? 1 : 0);
    expect(findings([{ ...locked, name: 'b' }], { npm: [advisory], pypi: [] })).toEqual([]);
  });

  it('is named in THIRD_PARTY.md with its licences: npm run dependencies -- --write', async () => {
    const { thirdParty } = await load('thirdParty');
    expect(readFileSync(join(root, 'THIRD_PARTY.md'), 'utf8')).toBe(thirdParty(root));
    expect(thirdParty(root)).not.toContain('**not declared**');
  });
});

describe('danfojs without the libraries that it does not need', () => {
  it('makes tables', () => {
    const frame = new DataFrame({ name: ['Lion', 'Tiger', 'Lion'], loss: [0.3, 0.2, 0.1] });
    expect(frame.shape).toEqual([3, 2]);
    expect(frame.query(frame.column('loss').lt(0.25)).column('name').values).toEqual(['Tiger', 'Lion']);
    expect(frame.groupby(['name']).col(['loss']).mean().column('loss_mean').values).toEqual([0.2, 0.2]);
    expect(frame.sortValues('loss').column('name').values).toEqual(['Lion', 'Tiger', 'Lion']);
    expect(new Series([1, 2, 3]).mean()).toBe(2);
  });

  it('says what to do about an Excel file, and about a stream from an address', () => {
    const frame = new DataFrame({ loss: [0.3] });
    expect(() => toExcel(frame, { filePath: join(root, 'x.xlsx') })).toThrow('Save the sheet as CSV');
    const request = createRequire(__filename)('request') as (address: string) => void;
    expect(() => request('https://example.org')).toThrow('Fetch the file first');
  });
});
