import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { main, python, root, run, SetupError, setup, showStep } from '../setup/setup.mjs';

/** An environment of its own for PyTorch, TensorFlow's Python interface and JAX, which nothing else needs. */
async function installPeers() {
  const environment = join(root, '.liandan', 'peers');
  const requirements = join(root, 'tools', 'bench', 'peers', 'requirements.txt');
  const stamp = join(environment, 'stamp');
  const fingerprint = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const interpreter = join(environment, 'bin', 'python');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint) {
    await showStep('PyTorch, TensorFlow and JAX for comparison (2.5 GB)', async () => {
      mkdirSync(join(root, '.liandan'), { recursive: true });
      const failed =
        (await run(python, ['-m', 'venv', '--clear', environment])) ||
        (await run(interpreter, [
          '-m',
          'pip',
          'install',
          '--quiet',
          '--disable-pip-version-check',
          '--require-hashes',
          '-r',
          requirements,
        ]));
      if (failed)
        throw new SetupError('The peers could not be installed; pip says above why. Run the command again.');
      writeFileSync(stamp, fingerprint);
    });
  }
  return interpreter;
}

// Measures training steps; `npm run bench -- --help` lists the options.
await main(async () => {
  const given = process.argv.slice(2);
  await setup();
  const wantsPeers = given.includes('--peers');
  const peers = wantsPeers ? ['--python', await installPeers()] : [];
  const threads = /** @type {string} */ (given[given.indexOf('--threads') + 1]);
  const count = given.includes('--threads') ? threads : String(availableParallelism());
  // All implementations get the same number of threads; the variables are read when they are loaded.
  Object.assign(process.env, {
    BENCH_THREADS: count,
    TF_NUM_INTRAOP_THREADS: count,
    OMP_NUM_THREADS: count,
  });
  return run(process.execPath, [join(root, 'tools', 'dist', 'bench', 'bench.js'), ...given, ...peers]);
});
