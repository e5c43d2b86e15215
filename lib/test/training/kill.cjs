/**
 * Kills a training run with SIGKILL at random moments, starts it again each time, and compares it with a run that lived on:
 * `node lib/test/training/kill.cjs 100`. After each kill the file that is left must be whole and equal, bit by bit, to what
 * the undisturbed run saved at that step; so must the end.
 */
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, mkdtempSync, readdirSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const EPOCHS = 40;
const EVERY = 4;

/** One life of the run; prints `begun` and at the end `done`. */
async function live(file, onSaved) {
  const {
    adam,
    dualAscent,
    earlyStopping,
    fit,
    minimize,
    mlpCoders,
    random,
    tf,
    vae,
  } = require('../../dist');
  const inputs = random(5).normal([200, 16]);
  const model = vae({
    ...mlpCoders({ sizes: [16, 32], latent: 4, seed: 3 }),
    likelihood: 'gaussian',
    seed: 4,
  });
  const optimizer = adam({ learningRate: 0.01 });
  const multiplier = dualAscent({ budget: 1, stepSize: 0.01 });
  const step = (rows) => {
    const report = minimize(
      optimizer,
      () => model.loss(tf.gather(inputs, rows), multiplier),
      model.parameters,
    );
    multiplier.update(report.rate);
    return report;
  };
  const saving = { onTrainBegin: () => console.log('begun'), onChunkEnd: onSaved };
  const patient = earlyStopping({ monitor: 'weight', patience: 1e6, restoreBest: model });
  await fit({
    step,
    count: 200,
    epochs: EPOCHS,
    batchSize: 5,
    evaluateEvery: 10,
    evaluate: () => ({ weight: multiplier.weight.dataSync()[0] }),
    checkpoint: { file, every: EVERY, state: { model, optimizer, multiplier: multiplier.weight } },
    resume: true,
    callbacks: [patient, saving],
  });
  console.log('done');
}

/** Step and digest of everything that a checkpoint holds but the clock. */
async function digest(file) {
  const { readSafetensors } = require('../../dist/training/safetensors');
  const { tensors, metadata } = await readSafetensors(file);
  const hash = createHash('sha256');
  for (const [name, { shape, values }] of tensors) hash.update(`${name} ${shape} `).update(values);
  hash.update(JSON.stringify({ ...JSON.parse(metadata.run), seconds: 0 }));
  return [tensors.get('reports/loss').values.length, hash.digest('hex')];
}

/** What the undisturbed run saved at each step, and at its end. */
async function reference(file) {
  const saved = new Map();
  const look = async () => {
    if (existsSync(file)) saved.set(...(await digest(file)));
  };
  await live(file, look);
  const [, end] = await digest(file);
  return { saved, end };
}

/** Starts a life and kills it so many milliseconds after it began, if given; true if it came to its end before. */
function liveAndDie(file, milliseconds) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [__filename, 'life', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [isDone, errors, timer] = [false, ''];
    child.stdout.on('data', (text) => {
      const isMortal = milliseconds !== undefined && String(text).includes('begun');
      if (isMortal) timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
      if (String(text).includes('done')) isDone = true;
    });
    child.stderr.on('data', (text) => (errors += text));
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL' || code === 0) resolve(isDone);
      else reject(new Error(`A life ended with ${code ?? signal}: ${errors}`));
    });
  });
}

async function main(kills) {
  const folder = mkdtempSync(join(tmpdir(), 'liandan-kill-'));
  const file = join(folder, 'run.safetensors');
  try {
    const start = Date.now();
    const { saved, end } = await reference(join(folder, 'reference.safetensors'));
    const longest = Date.now() - start;
    let [killed, survived, ends, endsEqual] = [0, 0, 0, 0];
    const steps = [];
    while (killed < kills) {
      const isDone = await liveAndDie(file, Math.random() * longest);
      if (!isDone) killed++;
      if (!existsSync(file)) {
        // Killed before the first save: there is nothing to go on from, which is right.
        survived++;
        steps.push(0);
        continue;
      }
      const [step, content] = await digest(file);
      if (isDone) {
        ends++;
        if (content === end) endsEqual++;
        rmSync(file);
        continue;
      }
      steps.push(step);
      if (saved.get(step) === content || content === end) survived++;
      console.error(`killed ${killed}, survived ${survived}, at step ${step}`);
    }
    if ((await liveAndDie(file)) && (await digest(file))[1] === end) endsEqual++;
    ends++;
    const left = readdirSync(folder).filter((name) => name.endsWith('.tmp')).length;
    console.log(JSON.stringify({ killed, survived, ends, endsEqual, left, steps }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [role, file] = process.argv.slice(2);
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
void (role === 'life' ? live(file) : main(Number(role)));
