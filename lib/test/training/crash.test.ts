/** Checkpoints of processes that die, and of disks that are full. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

describe('a run that is killed at random moments', () => {
  const kills = 4;
  it(`goes on as if nothing had happened, ${kills} times of ${kills}`, { timeout: 600_000 }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(__dirname, 'kill.cjs'), String(kills)], {
      encoding: 'utf8',
    });
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? stderr) as Record<string, number>;
    expect(result).toMatchObject({ killed: kills, survived: kills, left: 0 });
    expect(result.endsEqual).toBe(result.ends);
  });
});

const compare = `
  const { adam, experiment, mlp, random, sgd, tf, train } = require(${JSON.stringify(join(__dirname, '..', '..', 'dist'))});
  const inputs = random(5).normal([40, 3]);
  const data = { inputs, labels: tf.cast(tf.greater(tf.sum(inputs, 1), 0), 'int32') };
  const run = async ({ candidate: make, seed, options }) => {
    console.log('begun');
    const model = mlp({ sizes: [3, 8, 2], seed });
    const optimizer = make({ learningRate: 0.01 });
    const { losses } = await train({ model, optimizer, data, epochs: 30, batchSize: 4, compiled: false, ...options });
    model.dispose();
    optimizer.dispose();
    return { losses };
  };
  const checkpoint = { file: process.argv[1], every: 7 };
  experiment({ candidates: { sgd, adam }, seeds: [0, 1], run, checkpoint, resume: true }).then(
    ({ rows }) => console.log('rows ' + JSON.stringify(rows)),
  );
`;

describe('an experiment that is killed at random moments', () => {
  it('goes on to the rows of one that was not', { timeout: 240_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'liandan-test-'));
    /** What a process printed until it ended, or until so many milliseconds after its first trial began. */
    const live = (file: string, milliseconds?: number): Promise<string> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ['-e', compare, join(folder, file)]);
        let [printed, isMortal] = ['', milliseconds !== undefined];
        child.stdout.on('data', (text) => {
          printed += String(text);
          if (isMortal && printed.includes('begun')) setTimeout(() => child.kill('SIGKILL'), milliseconds);
          if (printed.includes('begun')) isMortal = false;
        });
        child.on('exit', () => resolve(printed));
      });
    try {
      const start = performance.now();
      const rows = /^rows .*$/m.exec(await live('undisturbed'))?.[0];
      expect(rows).toMatch(/"candidate":"adam","seed":1,"losses":/);
      const longest = (performance.now() - start) / 2;
      for (let kills = 0; kills < 4; kills++) await live('killed', Math.random() * longest);
      expect(/^rows .*$/m.exec(await live('killed'))?.[0]).toBe(rows);
      expect(readdirSync(folder).sort()).toEqual(['killed', 'undisturbed']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const run = (epochs: number) => `
  const { adam, mlp, tf, train } = require(${JSON.stringify(join(__dirname, '..', '..', 'dist'))});
  const data = { inputs: tf.ones([8, 400]), labels: tf.zeros([8], 'int32') };
  const checkpoint = { file: process.argv[1] };
  const options = { data, epochs: ${epochs}, batchSize: 8, compiled: false, checkpoint, resume: true };
  train({ model: mlp({ sizes: [400, 500, 2] }), optimizer: adam(), ...options }).then(
    ({ losses }) => console.log('steps', losses.length),
    ({ message }) => console.log(message),
  );
`;

describe.runIf(process.platform === 'linux')('a disk that is full', () => {
  it(
    'ends the run with the reason; the last good checkpoint stays and is gone on from',
    { timeout: 120_000 },
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'liandan-test-'));
      try {
        const file = join(folder, 'run.safetensors');
        // No file may become larger than 512 KiB: to the program it is as if the disk were full at that point.
        const start = (epochs: number, limit: string) =>
          spawnSync('bash', ['-c', `${limit} exec "$@"`, 'bash', process.execPath, '-e', run(epochs), file], {
            encoding: 'utf8',
          }).stdout.trim();
        expect(start(1, '')).toBe('steps 1');
        const good = readFileSync(file);
        expect(good.length).toBeGreaterThan(2 ** 20);
        expect(start(2, "trap '' XFSZ; ulimit -f 512;")).toMatch(
          /run\.safetensors could not be written \(EFBIG.*\)\. What was there before is unchanged\./,
        );
        expect(readFileSync(file).equals(good)).toBe(true);
        expect(readdirSync(folder)).toEqual(['run.safetensors']);
        expect(start(2, '')).toBe('steps 2');
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
