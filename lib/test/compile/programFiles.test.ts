/** Compiled programs as files: each process of these tests is one of its own, as those of users are. */
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { programName, readProgram, writeProgram } from '../../src/compile/run/programFiles';
import { nativePrograms } from '../../src/runtime/binding';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'liandan-programs-'));
  vi.stubEnv('LIANDAN_CACHE', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

const files = () => fs.readdirSync(folder).sort();

/** Trains by Adam, single calls and a loop, with dropout; prints how programs came about, and all losses and weights. */
const script = `
  const { adam, compile, Random, tf } = require('liandan');
  const { binding } = tf.backend();
  const calls = [];
  const load = binding.loadProgram;
  binding.loadProgram = (...args) => {
    const program = load(...args);
    calls.push(args[2].length > 0 ? 'read' : 'compiled');
    return program;
  };
  const random = new Random(7);
  const w = tf.variable(tf.randomNormal([16, 8], 0, 1, 'float32', 1));
  const optimizer = adam({ learningRate: 0.1 });
  const x = tf.randomNormal([32, 16], 0, 1, 'float32', 2);
  const loss = (x) => tf.mean(tf.square(tf.relu(tf.matMul(tf.mul(x, random.uniform([32, 16])), w))));
  const step = compile((x) => optimizer.minimize(() => loss(x), true), { xla: true });
  const losses = [step(x), step(x), step.loop(tf.stack([x, x, x]))].flatMap((loss) => [...loss.dataSync()]);
  console.log(JSON.stringify({ calls, seen: [losses, [...w.dataSync()]] }));`;

interface Run {
  calls: string[];
  seen: number[][];
  warnings: string;
}

function train(): Run {
  return outcome(spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
}

function outcome({ stdout, stderr }: SpawnSyncReturns<string>): Run {
  return { ...(JSON.parse(stdout) as Omit<Run, 'warnings'>), warnings: stderr };
}

describe.runIf(nativePrograms())('compiled programs', { timeout: 180_000 }, () => {
  it('are read by the next process, and compute the same bit by bit', () => {
    const first = train();
    expect(first.calls).toEqual(['compiled', 'compiled']);
    expect(files()).toHaveLength(2);
    const second = train();
    expect(second).toEqual({ ...first, calls: ['read', 'read'] });
    expect(second.warnings).toBe('');
  });

  it('are compiled again where their files are damaged, foreign or cut, and replaced', () => {
    const first = train();
    const [one, other] = files().map((name) => join(folder, name)) as [string, string];
    const whole = fs.readFileSync(one);
    for (const damage of [
      () =>
        fs.writeFileSync(
          one,
          whole.map((byte, i) => (i === 1000 ? byte ^ 255 : byte)),
        ),
      () => fs.truncateSync(one, 500),
      () => fs.truncateSync(one, 0),
      () => fs.copyFileSync(other, one),
    ]) {
      damage();
      const { calls, seen, warnings } = train();
      expect([...calls].sort()).toEqual(['compiled', 'read']);
      expect(seen).toEqual(first.seen);
      expect(warnings).toMatch(/^A compiled program in .* cannot be used \(its checksum is wrong\)/);
      expect(fs.readFileSync(one).length).toBe(whole.length);
    }
  });

  it('are compiled again where XLA cannot read them', () => {
    const first = train();
    for (const name of files()) {
      fs.rmSync(join(folder, name));
      writeProgram(name, () => Buffer.from('not a program'));
    }
    const { calls, seen, warnings } = train();
    expect(calls).toEqual(['compiled', 'compiled']);
    expect(seen).toEqual(first.seen);
    expect(warnings.match(/cannot be used/g)).toHaveLength(1);
    expect(train().calls).toEqual(['read', 'read']);
  });

  it('are kept for circumstances in which they were compiled', () => {
    train();
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', '1');
    expect(train().calls).toEqual(['compiled', 'compiled']);
    vi.stubEnv('XLA_FLAGS', '--xla_cpu_prefer_vector_width=128');
    expect(train().calls).toEqual(['compiled', 'compiled']);
    expect(files()).toHaveLength(6);
  });

  it('are none with LIANDAN_CACHE=off', () => {
    train();
    vi.stubEnv('LIANDAN_CACHE', 'off');
    expect(train().calls).toEqual(['compiled', 'compiled']);
  });
});

describe('files of programs', () => {
  const content = (text: string) => () => Buffer.from(text);
  const age = (name: string, seconds: number) =>
    fs.utimesSync(join(folder, name), Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

  it('can be read by their owner only, also in folders that are made', () => {
    const made = join(folder, 'a', 'b');
    vi.stubEnv('LIANDAN_CACHE', made);
    const mask = process.umask(0);
    writeProgram('name', content('code'));
    process.umask(mask);
    expect(fs.statSync(made).mode & 0o777).toBe(0o700);
    expect(fs.statSync(join(made, 'name')).mode & 0o777).toBe(0o600);
    expect(Buffer.from(readProgram('name')!).toString()).toBe('code');
  });

  it('are neither read nor written in a folder that others can write to', () => {
    writeProgram('name', content('code'));
    fs.chmodSync(folder, 0o777);
    expect(readProgram('name')).toBeUndefined();
    writeProgram('other', content('code'));
    expect(files()).toEqual(['name']);
    fs.chmodSync(folder, 0o700);
    expect(readProgram('name')).toBeDefined();
  });

  it.runIf(process.getuid?.() === 0)('are not read in the folder of somebody else', () => {
    writeProgram('name', content('code'));
    fs.chownSync(folder, 65534, 65534);
    expect(readProgram('name')).toBeUndefined();
  });

  it('lie in the user’s cache folder', () => {
    vi.stubEnv('LIANDAN_CACHE', undefined);
    vi.stubEnv('XDG_CACHE_HOME', folder);
    writeProgram('name', content('code'));
    expect(fs.existsSync(join(folder, 'liandan', 'programs', 'name'))).toBe(true);
    vi.stubEnv('XDG_CACHE_HOME', undefined);
    vi.stubEnv('HOME', join(folder, 'home'));
    writeProgram('name', content('code'));
    expect(fs.existsSync(join(folder, 'home', '.cache', 'liandan', 'programs', 'name'))).toBe(true);
  });

  it('are missing without an error where nothing can be written', () => {
    fs.writeFileSync(join(folder, 'file'), '');
    vi.stubEnv('LIANDAN_CACHE', join(folder, 'file', 'below'));
    writeProgram('name', content('code'));
    expect(readProgram('name')).toBeUndefined();
    vi.stubEnv('LIANDAN_CACHE', folder);
    writeProgram('name', () => {
      throw new Error('XLA cannot');
    });
    expect(files()).toEqual(['file']);
  });

  it('go when there are too many, those first that were not used for longest, remains of killed processes too', () => {
    const large = () => Buffer.alloc(100 * 2 ** 20);
    fs.writeFileSync(join(folder, 'name.0123abcd.tmp'), large());
    age('name.0123abcd.tmp', 100);
    writeProgram('old', large);
    age('old', 50);
    expect(files()).toEqual(['name.0123abcd.tmp', 'old']);
    writeProgram('new', large);
    age('new', 10);
    expect(files()).toEqual(['new', 'old']);
    expect(readProgram('old')).toBeDefined();
    writeProgram('newest', large);
    expect(files()).toEqual(['newest', 'old']);
  });

  it('have names by all that a program is made of', () => {
    const name = programName('2.21.0', ['graph', 'roles']);
    expect(programName('2.21.0', ['graph', 'roles'])).toBe(name);
    const others = [
      programName('2.22.0', ['graph', 'roles']),
      programName('2.21.0', ['graphr', 'oles']),
      programName('2.21.0', ['graph', 'others']),
    ];
    vi.stubEnv('XLA_FLAGS', '--xla_cpu_enable_fast_math=true');
    others.push(programName('2.21.0', ['graph', 'roles']));
    expect(new Set([name, ...others]).size).toBe(5);
  });

  it('are whole at every moment for processes that read them beside one that writes', () => {
    const program = `
      const { readProgram, writeProgram } = require('./lib/dist/compile/run/programFiles');
      for (let i = 0; i < 400; i++) {
        writeProgram('name', () => Buffer.alloc(200000, process.pid % 251));
        const read = readProgram('name');
        if (!read || read.some((byte) => byte !== read[0])) throw new Error('a torn program');
      }`;
    const both = `node -e "$0" & node -e "$0"; first=$?; wait $! && exit $first`;
    execFileSync('bash', ['-c', both, program], { stdio: ['ignore', 'ignore', 'inherit'] });
    expect(files()).toEqual(['name']);
  });
});
