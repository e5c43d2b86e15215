/** Files of state: one moment in time, several saves at once, and the end of the process in the middle of one. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile';
import { adam, lion, loadState, mixed, saveState, sgd, WeightAverage } from '../../src/optimizers';
import { tf } from '../../src/runtime/tensorflow';
import { stateOf, step, tensor, values, variable } from './support';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'liandan-state-'));
  path = join(folder, 'optimizer.state');
});
afterEach(async () => {
  tf.disposeVariables();
  await rm(folder, { recursive: true });
});

describe('a state that is saved while training goes on', () => {
  it.each([{ compiled: false }, { compiled: true }])(
    'is that of the call, compiled: $compiled',
    async ({ compiled }) => {
      const x = variable('x', [3], [1, 2, 3]);
      const make = () =>
        mixed([{ match: 'x', optimizer: adam({ learningRate: 0.1 }) }, { optimizer: lion() }]);
      const optimizer = make();
      const plain = (): void => {
        optimizer.minimize(() => tf.sum(tf.square(x)), false, [x]);
      };
      const move = compiled ? compile(plain) : plain;
      for (let count = 0; count < 3; count++) move();
      const atCall = await stateOf(optimizer);
      const tensors = tf.memory().numTensors;
      const saving = saveState(optimizer, path);
      for (let count = 0; count < 3; count++) move();
      await saving;
      expect(tf.memory().numTensors).toBe(tensors);
      expect(await stateOf(optimizer)).not.toEqual(atCall);
      const other = make();
      await loadState(other, path);
      expect(await stateOf(other)).toEqual(atCall);
    },
  );

  it('of an optimizer of TensorFlow.js is refused, as its state cannot be had at once', async () => {
    const x = variable('x', [1], [1]);
    const optimizer = tf.train.adam(0.1);
    const move = (): void => {
      optimizer.minimize(() => tf.sum(tf.square(x)), false, [x]);
    };
    move();
    await saveState(optimizer, path);
    const before = await readFile(path);
    const saving = saveState(optimizer, path);
    move();
    await expect(saving).rejects.toMatchObject({
      cause: { message: expect.stringContaining('Await saveState before the next step') as string },
    });
    expect(await readFile(path)).toEqual(before);
  });
});

describe('saves to one file at once', () => {
  it('leave the one that was asked for last, and nothing beside it', async () => {
    const x = variable('x', [1], [0]);
    const optimizer = sgd({ momentum: 0.5 });
    const saves: Promise<void>[] = [];
    for (let count = 0; count < 20; count++) {
      step(optimizer, [[x, [1]]]);
      saves.push(saveState(optimizer, path));
    }
    await Promise.all(saves);
    const other = sgd({ momentum: 0.5 });
    await loadState(other, path);
    expect(await stateOf(other)).toEqual(await stateOf(optimizer));
    expect(await readdir(folder)).toEqual(['optimizer.state']);
  });

  it('from two processes leave a whole file', async () => {
    const done = [1, 2].map((seed) => run([seed, 30]));
    expect(await Promise.all(done.map(({ ended }) => ended))).toEqual([0, 0]);
    await loadState(sgd({ momentum: 0.5 }), path);
    expect(await readdir(folder)).toEqual(['optimizer.state']);
  });
});

describe('a process that is killed while it saves', () => {
  it('leaves a whole file, and what it left beside is removed by the next save', async () => {
    for (let attempt = 0; attempt < 10; attempt++) {
      const { child, ended, started } = run([attempt, 1e6]);
      await started;
      await new Promise((resolve) => setTimeout(resolve, 5 * attempt));
      child.kill('SIGKILL');
      await ended;
      const other = sgd({ momentum: 0.5 });
      await loadState(other, path);
      expect(other.iterations).toBeGreaterThan(0);
      other.dispose();
    }
    await writeFile(`${path}.999999999-0123abcd.tmp`, 'left');
    const x = variable('x', [1], [0]);
    const optimizer = sgd({ momentum: 0.5 });
    step(optimizer, [[x, [1]]]);
    await saveState(optimizer, path);
    expect(await readdir(folder)).toEqual(['optimizer.state']);
  });
});

describe('the file of a run on some parameters', () => {
  it('is gone on from with all of them: moments stay with their own, those of the others start from zero', async () => {
    const ones = [1, 1, 1, 1];
    const [w1, b1] = [variable('w_1', [2, 2], ones), variable('b_1', [2], [0, 0])];
    const [w2, b2] = [variable('w_2', [2, 2], ones), variable('b_2', [2], [0, 0])];
    const loss = (): tf.Scalar => {
      const hidden = tf.add(tf.matMul(tf.ones([1, 2]), w1), b1);
      return tf.sum(tf.square(tf.add(tf.matMul(hidden, w2), b2)));
    };
    const head = adam();
    head.minimize(loss, false, [w2, b2]);
    await saveState(head, path);
    const resumed = adam();
    await loadState(resumed, path);
    const [before, start] = [await stateOf(resumed), [values(w2), values(b2)].map((v) => v.slice())];
    for (let count = 0; count < 3; count++) resumed.minimize(loss);
    // The run that went on without a file, from the same weights.
    const after = await stateOf(resumed);
    const moved = [values(w1), values(b1), values(w2), values(b2)].map((v) => v.slice());
    for (const [of, v] of [
      [w1, ones],
      [b1, [0, 0]],
      [w2, start[0]!],
      [b2, start[1]!],
    ] as const) {
      of.assign(tensor(of.shape, v));
    }
    expect(before).toEqual(await stateOf(head));
    for (let count = 0; count < 3; count++) head.minimize(loss);
    expect(after).toEqual(await stateOf(head));
    expect(Object.keys(after)).toHaveLength(9);
    expect([w1, b1, w2, b2].map((of) => values(of))).toEqual(moved);
  });
});

describe('the folder of a file', () => {
  it('is made where it is missing', async () => {
    const optimizer = sgd();
    optimizer.iterations = 3;
    const below = join(folder, 'run', 'first', 'optimizer.state');
    await saveState(optimizer, below);
    const other = sgd();
    await loadState(other, below);
    expect(other.iterations).toBe(3);
  });
});

describe('a file that is there already', () => {
  it('keeps its permissions, and its place where the path is a link', async () => {
    const optimizer = sgd();
    await saveState(optimizer, path);
    await chmod(path, 0o666);
    const link = join(folder, 'link');
    await symlink(path, link);
    optimizer.iterations = 7;
    await saveState(optimizer, link);
    expect((await stat(path)).mode & 0o777).toBe(0o666);
    const other = sgd();
    await loadState(other, path);
    expect(other.iterations).toBe(7);
  });

  it('with a sound checksum and a header that lies is refused, changing nothing and leaving no tensor', async () => {
    const { createHash } = await import('node:crypto');
    const optimizer = sgd({ momentum: 0.5 });
    const x = variable('x', [1], [0]);
    step(optimizer, [[x, [1]]]);
    const before = { ...(await stateOf(optimizer)), tensors: tf.memory().numTensors };
    const iter = { name: 'iter', dtype: 'int32', shape: [] };
    const contents = [
      '{"optimizer":"LiandanSGD"}\n',
      'no JSON\n',
      `${JSON.stringify({ optimizer: 'LiandanSGD', tensors: [{ ...iter, shape: [4e9] }] })}\n`,
      `${JSON.stringify({ optimizer: 'LiandanSGD', tensors: [{ ...iter, shape: [-1] }] })}\n`,
      `${JSON.stringify({ optimizer: 'LiandanSGD', tensors: [{ ...iter, dtype: 'string' }] })}\n\0\0\0\0`,
      `${JSON.stringify({ optimizer: 'LiandanSGD', tensors: [iter] })}\n\0\0\0\0 left over`,
    ];
    for (const content of contents) {
      const sum = createHash('sha256').update(content).digest('hex');
      await writeFile(path, `liandan-optimizer-state 1 ${sum}\n${content}`);
      await expect(loadState(optimizer, path)).rejects.toThrow('is damaged');
    }
    const negative = `${JSON.stringify({ optimizer: 'LiandanSGD', tensors: [iter] })}\n\xff\xff\xff\xff`;
    const sum = createHash('sha256').update(negative, 'latin1').digest('hex');
    await writeFile(path, `liandan-optimizer-state 1 ${sum}\n${negative}`, 'latin1');
    await expect(loadState(optimizer, path)).rejects.toThrow('iterations must be a whole number');
    expect({ ...(await stateOf(optimizer)), tensors: tf.memory().numTensors }).toEqual(before);
  });
});

describe('averages of weights', () => {
  it('are saved and loaded like an optimizer, while in use too, and go on where they were', async () => {
    const x = variable('x', [2], [8, 16]);
    const decay = (count: number): number => (count < 3 ? 0.5 : 0.75);
    const average = new WeightAverage([x], { decay });
    x.assign(tensor([2], [4, 8]));
    average.update();
    average.update();
    await average.use(() => saveState(average, path));
    const other = new WeightAverage([x], { decay });
    await loadState(other, path);
    for (const one of [average, other]) one.update();
    expect(values(other.of(x))).toEqual(values(average.of(x)));
    expect(Array.from(values(other.of(x)))).toEqual([4.75, 9.5]);
    const stranger = variable('y', [2], [0, 0]);
    await expect(loadState(new WeightAverage([stranger]), path)).rejects.toThrow('no "y/average"');
    await expect(loadState(sgd(), path)).rejects.toThrow('is the state of WeightAverage');
  });
});

/** A process that makes steps and saves after each. */
function run(options: readonly number[]) {
  const child = spawn(process.execPath, [join(__dirname, 'saving.cjs'), path, ...options.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const started = new Promise((resolve) => child.stdout.once('data', resolve));
  return { child, ended, started };
}
