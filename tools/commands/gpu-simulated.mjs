import { join } from 'node:path';
import { main, root, run, setup } from '../setup/setup.mjs';

// Counts what training steps do on a simulated GPU; `npm run test:gpu-simulated -- --help` lists the options.
await main(async () => {
  await setup();
  return run(process.execPath, [
    join(root, 'tools', 'dist', 'test', 'gpu', 'simulated.js'),
    ...process.argv.slice(2),
  ]);
});
