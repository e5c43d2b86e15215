import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'liandan-process-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const module = pathToFileURL(resolve(__dirname, '..', 'setup', 'process.mjs')).href;

/** Starts a program that uses the module; gives it when it has printed a line. */
async function start(program: string): Promise<{ child: ChildProcess; line: string }> {
  const source = `import { makePrivate, run, startGuardian, startLog, tryLock } from '${module}';\n${program}`;
  const environment = { ...process.env, npm_lifecycle_event: undefined };
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment,
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, line: line.toString().trim() };
}

const isRunning = (pid: number) => {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
};

describe('the lock of set-up', () => {
  const lock = `startGuardian('python3'); console.log(JSON.stringify(await tryLock(process.env.LOCK)));`;
  const take = (file: string, then = '') =>
    start(lock.replace('process.env.LOCK', JSON.stringify(file)) + then);
  const stay = 'setTimeout(() => {}, 60_000);';

  it('has one holder, whom the others can name', async () => {
    const file = join(folder, 'one.lock');
    const first = await take(file, stay);
    expect(JSON.parse(first.line)).toEqual({ locked: true });
    const second = await take(file);
    expect(JSON.parse(second.line)).toEqual({ locked: false, owner: String(first.child.pid) });
    first.child.kill('SIGKILL');
    await expect.poll(async () => (await take(file)).line, { timeout: 10_000 }).toBe('{"locked":true}');
  }, 30_000);

  it('cannot be left behind: a file of a former holder is no lock', async () => {
    const file = join(folder, 'stale.lock');
    writeFileSync(file, '999999');
    const started = await Promise.all([take(file, stay), take(file, stay), take(file, stay)]);
    expect(started.filter(({ line }) => line === '{"locked":true}')).toHaveLength(1);
    for (const { child } of started) child.kill('SIGKILL');
    expect(statSync(file).size).toBeGreaterThan(0);
  }, 30_000);

  it('says why it cannot be taken, and ends', async () => {
    const file = join(folder, 'missing', 'x.lock');
    const { line } = await start(
      `startGuardian('python3'); await tryLock(${JSON.stringify(file)}).catch((error) => console.log(error.message));`,
    );
    expect(line).toContain('could not be taken (impossible ENOENT No such file or directory)');
  }, 30_000);
});

describe('what a command has started', () => {
  // A program with a child of its own, both deaf to gentle signals.
  const stubborn = (file: string) =>
    `trap "" INT TERM HUP; sh -c 'trap "" INT TERM HUP; echo $$ >> ${file}; while :; do sleep 0.1; done' & echo $$ >> ${file}; echo up; while :; do sleep 0.1; done`;

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'ends with it on %s, grandchildren too',
    async (signal) => {
      const file = join(folder, `${signal}.pids`);
      const program = `startGuardian('python3'); await run('sh', ['-c', ${JSON.stringify(stubborn(file))}]);`;
      const { child } = await start(program);
      const pids = () => readFileSync(file, 'utf8').trim().split('\n').map(Number);
      await expect.poll(() => pids().length, { timeout: 5000 }).toBe(2);
      child.kill(signal);
      // The second time it is in earnest.
      if (signal !== 'SIGKILL') setTimeout(() => child.kill(signal), 300);
      await once(child, 'exit');
      await expect.poll(() => pids().filter(isRunning), { timeout: 40_000 }).toEqual([]);
    },
    60_000,
  );

  it('ends with it even where it kills it at once', async () => {
    const file = join(folder, 'at-once.pids');
    const hostile = `kill -9 $PPID; echo $$ >> ${file}; while :; do sleep 0.1; done`;
    for (let i = 0; i < 8; i++) {
      const program = `startGuardian('python3'); console.log('up'); await run('sh', ['-c', ${JSON.stringify(hostile)}]);`;
      const { child } = await start(program);
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    const pids = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []);
    await expect.poll(() => pids().length, { timeout: 5000 }).toBe(8);
    await expect.poll(() => pids().filter(isRunning), { timeout: 15_000 }).toEqual([]);
  }, 40_000);

  it('ends when npm is killed that has started the command', async () => {
    const file = join(folder, 'npm.pids');
    const script = `echo $$ >> ${file}; while :; do sleep 0.1; done`;
    writeFileSync(
      join(folder, 'command.mjs'),
      `import { run, startGuardian } from '${module}';\nstartGuardian('python3');\nawait run('sh', ['-c', ${JSON.stringify(script)}]);\n`,
    );
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { start: 'node command.mjs' } }));
    const npm = spawn('npm', ['start'], { cwd: folder, stdio: 'ignore' });
    const pids = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []);
    await expect.poll(() => pids().length, { timeout: 20_000 }).toBe(1);
    npm.kill('SIGKILL');
    await expect.poll(() => pids().filter(isRunning), { timeout: 15_000 }).toEqual([]);
  }, 40_000);

  it('ends with it even where only the program itself obeys', async () => {
    const file = join(folder, 'obeys.pids');
    const script = `sh -c 'trap "" INT; echo $$ >> ${file}; while :; do sleep 0.1; done' & echo $$ >> ${file}; echo up; wait`;
    const { child } = await start(
      `startGuardian('python3'); await run('sh', ['-c', ${JSON.stringify(script)}]);`,
    );
    const pids = () => readFileSync(file, 'utf8').trim().split('\n').map(Number);
    await expect.poll(() => pids().length, { timeout: 5000 }).toBe(2);
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(130);
    await expect.poll(() => pids().filter(isRunning), { timeout: 5000 }).toEqual([]);
  }, 20_000);
});

it('logs and folders are private, even where they were not before', async () => {
  const log = join(folder, 'logs', 'setup.log');
  const { line } = await start(
    `import { mkdirSync, writeFileSync } from 'node:fs'; process.umask(0o022);
     mkdirSync(${JSON.stringify(join(folder, 'logs'))}); writeFileSync(${JSON.stringify(log)}, 'old');
     startLog(${JSON.stringify(log)}); console.log('done');`,
  );
  expect(line).toBe('done');
  expect([log, join(folder, 'logs')].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o700]);
});
