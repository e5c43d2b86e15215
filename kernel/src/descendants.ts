import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

/** Sends a signal to all processes that a process has started, as Ctrl-C in a terminal does. */
export function signalDescendants(root: number, signal: NodeJS.Signals): void {
  const parents = parentsOfAll();
  const isBelow = (id: number): boolean => {
    const parent = parents.get(id);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  for (const id of parents.keys()) {
    if (!isBelow(id)) continue;
    try {
      process.kill(id, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function parentsOfAll(): Map<number, number> {
  const pairs = process.platform === 'linux' ? fromProc() : fromPs();
  return new Map(pairs);
}

function fromProc(): [number, number][] {
  return fs.readdirSync('/proc').flatMap((name): [number, number][] => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // The name of the program, in parentheses, may contain anything.
      const [, parent] = fs.readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
      return [[Number(name), Number(parent)]];
    } catch {
      return [];
    }
  });
}

function fromPs(): [number, number][] {
  const { stdout = '' } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
}
