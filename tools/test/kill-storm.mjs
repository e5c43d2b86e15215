/**
 * `node tools/test/kill-storm.mjs [lives]`: kills `npm start` with `kill -9` at random moments, now npm, now the command, now the
 * runner, and looks for what is left behind. Then a notebook must run as if nothing had happened. Not part of `npm test`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { main, root } from '../setup/setup.mjs';

const lives = Number(process.argv[2] ?? 100);
const notebook = process.argv[3] ?? '02';

/** Where a process works. @param {string} pid */
function folderOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Process number and command line of all that belongs to this checkout, but for ourselves. Linux only. */
function processes() {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,stat=,args='], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, state = '', args = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (!pid || state.startsWith('Z') || args.includes('kill-storm')) return [];
    const command = /^npm start|tools\/commands\/start\.mjs/.test(args) && folderOf(pid) === root;
    return command || args.includes(`${root}/`) ? [{ pid: Number(pid), args }] : [];
  });
}

/** Files that a killed process has left and that the next one should remove. */
const leftFiles = () => [
  ...readdirSync(join(root, 'reports'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.partial'),
  ),
  ...readdirSync(join(root, '.liandan', 'jupyter', 'runtime')),
];

await main(async () => {
  const before = new Set(processes().map(({ pid }) => pid));
  const ours = () => processes().filter(({ pid }) => !before.has(pid));
  /** @type {Record<string, number>} */
  const killed = {};
  let slowest = 0;
  let left = 0;
  for (let life = 1; life <= lives; life++) {
    const args = ['start', '--', notebook, '--again', '--jobs', '2'];
    const child = spawn('npm', args, { cwd: root, stdio: 'ignore', detached: true });
    await setTimeout(200 + Math.random() * 12_000);
    const targets = {
      npm: child.pid,
      command: ours().find(({ args }) => args.startsWith('node tools/commands/start.mjs'))?.pid,
      runner: ours().find(({ args }) => args.includes('run_notebooks.py'))?.pid,
    };
    const [name, pid] = /** @type {[string, number]} */ (
      Object.entries(targets).filter(([, found]) => found)[
        life % Object.values(targets).filter(Boolean).length
      ]
    );
    process.kill(pid, 'SIGKILL');
    killed[name] = (killed[name] ?? 0) + 1;
    const start = Date.now();
    while (ours().length > 0 && Date.now() - start < 30_000) await setTimeout(100);
    slowest = Math.max(slowest, Date.now() - start);
    const remaining = ours();
    if (remaining.length > 0) {
      left++;
      console.log(
        `life ${life} (${name} killed) left behind: ${remaining.map(({ args }) => args).join(' | ')}`,
      );
      for (const { pid } of remaining) process.kill(pid, 'SIGKILL');
    }
  }
  console.log(`${lives} lives ended by kill -9: ${JSON.stringify(killed)}; ${left} left processes behind;`);
  console.log(
    `the last process was gone after at most ${(slowest / 1000).toFixed(1)} s; files left: ${leftFiles().length}`,
  );
  const { status } = spawnSync('npm', ['start', '--', notebook, '--again'], { cwd: root, stdio: 'inherit' });
  const files = leftFiles();
  console.log(`the next run ended with ${status}; files left: ${files.join(', ') || 'none'}`);
  return left > 0 || status !== 0 || files.length > 0 ? 1 : 0;
});
