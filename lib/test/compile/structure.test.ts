/** The folders of `compile/` are the stages of a pipeline: imports run only back to what an earlier stage has made. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const folder = join(__dirname, '../../src/compile');

/** What each stage may import beside itself; '' is the face, compile.ts and what ties the stages together. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  ir: [],
  record: ['ir'],
  passes: ['ir'],
  graph: ['ir'],
  run: ['ir', 'passes', 'graph'],
  '': ['ir', 'record', 'passes', 'graph', 'run'],
};

const stageOf = (file: string): string => (dirname(file) === '.' ? '' : dirname(file).split('/')[0]!);

const imports = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/from '(\.[^']*)'/g)].map(([, target]) => ({
      file,
      target: normalize(join(dirname(file), target!)),
    }));
  });

describe('compile/', () => {
  it('imports only from earlier stages', () => {
    const backwards = imports
      .filter(({ target }) => !target.startsWith('..'))
      .filter(({ file, target }) => {
        const [from, to] = [stageOf(file), stageOf(target)];
        return from !== to && !MAY_IMPORT[from]?.includes(to);
      });
    expect(imports.length).toBeGreaterThan(50);
    expect(backwards).toEqual([]);
  });

  it('imports nothing of the library but runtime/', () => {
    const outside = imports.filter(({ target }) => target.startsWith('..'));
    expect(outside.filter(({ target }) => !/^\.\.\/runtime(\/|$)/.test(target))).toEqual([]);
  });
});
