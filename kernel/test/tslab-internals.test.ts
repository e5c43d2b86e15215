/**
 * Everything inside tslab, and inside the TypeScript it carries, that the kernel relies on. When an upgrade
 * fails here, `kernel/src/tslab-internals.ts` is the place to look at.
 */
import fs from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { splitInlineMap } from '../src/source-maps';
import { exportByAccessors } from '../src/transforms';
import {
  CELL_FILE,
  DECLARATIONS_FILE,
  loadTslab,
  loadTypeScript,
  PREFIX_LINES,
  TSLAB_VERSION,
  type Ts,
} from '../src/tslab-internals';

const require = Module.createRequire(__filename);
const folder = path.dirname(require.resolve('tslab/package.json'));
const root = path.resolve(__dirname, '..', '..');

process.chdir(root);
const ts = loadTypeScript();
const calls = { host: vi.fn(), transpile: vi.fn() };
const files = new Map<string, string>();
const tslab = loadTslab({
  createWatchCompilerHost: ((names: string[], options: object, system: typeof ts.sys, ...rest: unknown[]) => {
    calls.host(names, options, system, ...rest);
    const create = ts.createWatchCompilerHost as (
      ...args: unknown[]
    ) => ReturnType<Ts['createWatchCompilerHost']>;
    const readFile = system.readFile.bind(system);
    system.readFile = (name, encoding) => {
      const text = readFile(name, encoding);
      if (text !== undefined) files.set(path.basename(name), text);
      return text;
    };
    return create(
      names,
      { ...options, strict: true, inlineSourceMap: true, types: ['node'] },
      system,
      ...rest,
    );
  }) as unknown as Ts['createWatchCompilerHost'],
  transpileModule(code, options) {
    calls.transpile(code, options);
    return ts.transpileModule(code, options);
  },
});
const converter = tslab.createConverter({ isJS: false, isBrowser: false });
afterAll(() => converter.close());

const lastModule = () => calls.transpile.mock.lastCall?.[0] as string;

describe(`tslab ${TSLAB_VERSION}`, () => {
  it('is pinned exactly', () => {
    const { version } = require('tslab/package.json') as { version: string };
    expect(version).toBe(TSLAB_VERSION);
    for (const manifest of ['package.json', 'kernel/package.json']) {
      const { dependencies } = JSON.parse(fs.readFileSync(path.join(root, manifest), 'utf8')) as {
        dependencies: Record<string, string>;
      };
      expect(dependencies.tslab, manifest).toBe(TSLAB_VERSION);
    }
  });

  it('keeps its functions where the kernel looks for them', () => {
    expect(fs.existsSync(path.join(folder, 'dist', 'converter.js'))).toBe(true);
    expect(tslab).toMatchObject({
      createConverter: expect.any(Function) as unknown,
      isCompleteCode: expect.any(Function) as unknown,
      printQuickInfo: expect.any(Function) as unknown,
    });
  });

  it('calls TypeScript through the namespace that the kernel replaces', () => {
    converter.convert('', 'const a = 1');
    expect(calls.host).toHaveBeenCalledOnce();
    expect(calls.transpile).toHaveBeenCalled();
  });

  it('names the cell and the earlier declarations as expected, with one line in front', () => {
    const [names] = calls.host.mock.lastCall as [string[]];
    expect(names.map((name) => path.basename(name)).sort()).toEqual([DECLARATIONS_FILE, CELL_FILE].sort());
    converter.convert('declare const earlier: number;\n', 'const own = earlier');
    for (const [file, text] of [
      [CELL_FILE, 'const own'],
      [DECLARATIONS_FILE, 'declare const earlier'],
    ] as const) {
      expect(files.get(file)?.split('\n')[PREFIX_LINES]).toContain(text);
    }
  });

  it('passes options that the kernel does not override', () => {
    const [, options] = calls.host.mock.lastCall as [unknown, Record<string, unknown>];
    expect(options).toMatchObject({
      declaration: true,
      module: ts.ModuleKind.ESNext,
      noImplicitUseStrict: true,
      outDir: 'outDir',
      rootDir: root,
      target: ts.ScriptTarget.ES2022,
    });
  });

  it('has room for one timer, and breaks with a second one', () => {
    const [, , system] = calls.host.mock.lastCall as [unknown, unknown, typeof ts.sys];
    const timer: unknown = system.setTimeout?.(() => undefined, 0);
    expect(() => system.setTimeout?.(() => undefined, 0) as unknown).toThrow('pending rebuildTimer');
    system.clearTimeout?.(timer);
  });

  it('transpiles a cell as an ES module with an inline map, its names in export statements', () => {
    const converted = converter.convert('', 'let x = 1; interface Only {}\nfunction f() {}\nx');
    const split = splitInlineMap(lastModule());
    expect(split?.map.sources.map((source) => path.basename(source))).toEqual([CELL_FILE]);
    const { names } = exportByAccessors(ts, split?.code ?? '');
    expect(names.sort()).toEqual(['f', 'tsLastExpr', 'x']);
    expect(converted.lastExpressionVar).toBe('tsLastExpr');
    expect(converted.diagnostics).toEqual([]);
    expect(converted.output).toContain('exports.x');
  });

  it('gives declarations that carry over to the next cell', () => {
    const first = converter.convert('', 'const rate: number = 1; type T = string').declOutput ?? '';
    const second = converter.convert(first, 'const other = rate').declOutput ?? '';
    for (const text of ['declare const rate: number;', 'type T = string;', 'declare const other: number;']) {
      expect(second).toContain(text);
    }
  });

  it('accepts await at the top level and reports positions from zero', () => {
    expect(converter.convert('', 'await Promise.resolve(1)')).toMatchObject({
      diagnostics: [],
      hasToplevelAwait: true,
    });
    const [diagnostic] = converter.convert('', '\nconst s: string = 1').diagnostics;
    expect(diagnostic).toMatchObject({ code: 2322, start: { line: 1, character: 6, offset: 7 } });
  });

  it('returns the code of imported files', () => {
    const scratch = path.join(root, '.liandan');
    fs.mkdirSync(scratch, { recursive: true });
    const folderOfHelper = fs.mkdtempSync(path.join(scratch, 'tslab-'));
    try {
      fs.writeFileSync(path.join(folderOfHelper, 'helper.ts'), 'export const help = 1;\n');
      const { sideOutputs } = converter.convert(
        '',
        `import { help } from './${path.relative(root, folderOfHelper)}/helper'\nhelp`,
      );
      expect(sideOutputs).toMatchObject([{ path: path.join(folderOfHelper, 'helper.js') }]);
      expect(sideOutputs?.[0]?.data).toContain('exports.help = 1');
    } finally {
      fs.rmSync(folderOfHelper, { recursive: true });
    }
  });

  it('completes and inspects by UTF-16 offsets', () => {
    const declarations = 'declare const tensor: { shape: number[] };\n';
    const completion = converter.complete(declarations, 'tensor.sh', 9);
    expect(completion).toMatchObject({ start: 7, end: 9, candidates: ['shape'] });
    expect(completion.original?.entries).toMatchObject([{ name: 'shape', kind: 'property' }]);
    const info = converter.inspect(declarations, 'tensor.shape', 8);
    expect(tslab.printQuickInfo(info)).toBe('(property) shape: number[]');
    expect(info.displayParts?.map(({ text }) => text).join('')).toBe('(property) shape: number[]');
  });

  it('knows when a cell is complete', () => {
    expect(tslab.isCompleteCode('1 + 1')).toEqual({ completed: true });
    expect(tslab.isCompleteCode('if (x) {')).toEqual({ completed: false, indent: '  ' });
  });
});

describe('tslab bugs that the kernel works around', () => {
  it.each([
    ['({ rate })', '{ rate }'],
    ['const { rate: renamed } = { rate: 1 } as Rates', 'exports'],
  ])('%s is still compiled wrongly without the workaround', (code, wrong) => {
    const declarations = 'declare const rate: number;\ninterface Rates { rate: number }\n';
    expect(converter.convert(declarations, code).output).toContain(wrong);
  });
});
