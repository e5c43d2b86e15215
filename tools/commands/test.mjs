/** `npm test`: set-up, then every check; all of them run, the exit code tells whether all passed. */
import { join } from 'node:path';
import { isolated, main, python, root, runShown, setup, SetupError } from '../setup/setup.mjs';

const node = process.execPath;
const bin = (/** @type {string[]} */ ...parts) => join(root, 'node_modules', ...parts);
const vitest = [bin('vitest', 'vitest.mjs'), 'run'];

/** @type {Record<string, [command: string, ...args: string[]]>} */
const checks = {
  types: [node, bin('typescript', 'bin', 'tsc'), '--noEmit'],
  cells: [node, join('tools', 'dist', 'checks', 'cells', 'check.js')],
  claims: [node, join('tools', 'dist', 'checks', 'claims', 'claims.js')],
  mutants: [node, join('tools', 'dist', 'checks', 'mutants', 'mutants.js'), '--fast'],
  eslint: [node, bin('eslint', 'bin', 'eslint.js'), '.', '--max-warnings', '0'],
  prettier: [node, bin('prettier', 'bin', 'prettier.cjs'), '--check', '.'],
  docs: [node, bin('typedoc', 'bin', 'typedoc'), '--options', join('tools', 'docs', 'typedoc.config.mjs')],
  ruff: [python, ...isolated, '-m', 'ruff', 'check', '.'],
  dependencies: [node, join('tools', 'commands', 'dependencies.mjs')],
  unit: [node, ...vitest, '--exclude', 'tools/test/browser/**'],
  kernel: [python, ...isolated, '-m', 'pytest', '-q', join('kernel', 'test')],
  runner: [python, ...isolated, '-m', 'pytest', '-q', join('tools', 'test')],
  notebooks: [node, join('tools', 'commands', 'start.mjs'), '--solutions', '--again'],
  browser: [node, ...vitest, 'tools/test/browser'],
};

await main(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !(name in checks));
  if (unknown.length > 0)
    throw new SetupError(`There is no check "${unknown[0]}"; there are: ${Object.keys(checks).join(', ')}.`);
  await setup();
  const results = [];
  for (const [name, [command, ...args]] of Object.entries(checks)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`\n── ${name} ${'─'.repeat(60 - name.length)}`);
    const start = Date.now();
    const { code, end } = await runShown(command, args, { cwd: root });
    results.push({ name, passed: code === 0, end, seconds: (Date.now() - start) / 1000 });
  }
  const failed = results.filter(({ passed }) => !passed);
  // What failed an hour ago has left the screen, and many a log.
  if (results.length > 1)
    for (const { name, end } of failed)
      console.log(`\n── ${name} failed; the end of what it printed ──\n\n${end}`);
  console.log();
  for (const { name, passed, seconds } of results)
    console.log(`${passed ? '✓' : '✗'} ${name.padEnd(12)} ${seconds.toFixed(1).padStart(7)} s`);
  console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
  return failed.length > 0 ? 1 : 0;
});
