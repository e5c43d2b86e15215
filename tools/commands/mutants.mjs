import { join } from 'node:path';
import { main, root, run, setup } from '../setup/setup.mjs';

// Whether the checks of the notebooks notice mistakes; `npm run mutants -- --help` lists the options.
await main(async () => {
  await setup();
  return run(process.execPath, [
    join(root, 'tools', 'dist', 'checks', 'mutants', 'mutants.js'),
    ...process.argv.slice(2),
  ]);
});
